package io.gpuledger.quota;

import org.jspecify.annotations.Nullable;

/** Anything that concerns one grant. One flat type, because a keyed operator has one input. */
public final class GrantInput {
    /** What a run takes; with no stretches it is taken back. */
    public static final int CONSUMPTION = 1;

    /** What a run takes will not change any more. */
    public static final int FOLD = 2;

    /** What the registry says of the grant. */
    public static final int GRANT = 3;

    /** The registry does not know the grant any more. */
    public static final int GRANT_GONE = 4;

    public int kind;
    public String grantId = "";

    /** CONSUMPTION and FOLD. Null for other kinds. */
    public @Nullable ConsumptionState consumption;

    /** GRANT and GRANT_GONE: version of the registry that says so. */
    public long version;

    /** GRANT: a registry of this grant and its adjustments alone, in canonical text. */
    public String text = "";

    static GrantInput of(int kind, ConsumptionState consumption) {
        GrantInput input = new GrantInput();
        input.kind = kind;
        input.grantId = consumption.grantId;
        input.consumption = consumption;
        return input;
    }
}

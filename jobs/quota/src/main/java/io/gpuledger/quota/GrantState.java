package io.gpuledger.quota;

import io.gpuledger.core.quota.QuotaState;
import io.gpuledger.core.quota.Standing;
import io.gpuledger.core.registry.Action;

/** Keyed state of a grant, apart from its runs. Public and flat. */
public final class GrantState {
    /** 0: no registry says anything of it. */
    public long registryVersion;

    /** A registry of this grant alone, canonical; empty when no registry says anything of it. */
    public String text = "";

    /** Instants at which lines of the budget begin or expire. */
    public long[] cuts = new long[0];

    /** Used by ended runs before each cut. */
    public long[] settledBefore = new long[0];

    /** Used by ended runs, those that were folded included. */
    public long settledGpuUs;

    public String state = "OK";
    public String level = "OK";
    public long exhaustedSinceMs = Long.MAX_VALUE;
    public String action = "ALLOW";
    public boolean dryRun;
    public long sequence;

    /** When the grant is looked at next, -1 for never. */
    public long timerMs = -1;

    /** When the last row was written, and its revision. */
    public long rowAtMs = -1;

    public long revision;

    Standing standing() {
        return new Standing(
                QuotaState.valueOf(state),
                QuotaState.valueOf(level),
                exhaustedSinceMs,
                Action.valueOf(action),
                dryRun,
                sequence);
    }

    void keep(Standing standing) {
        state = standing.state().name();
        level = standing.level().name();
        exhaustedSinceMs = standing.exhaustedSinceMs();
        action = standing.action().name();
        dryRun = standing.dryRun();
        sequence = standing.sequence();
    }
}

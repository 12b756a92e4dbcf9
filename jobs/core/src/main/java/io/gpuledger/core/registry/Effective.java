package io.gpuledger.core.registry;

import io.gpuledger.core.time.Span;

/**
 * When an entry of the registry holds. Dates are whole UTC minutes, so a minute of usage never
 * needs to be cut (DESIGN section 8).
 */
public final class Effective {
    /** The start of what held ever since. */
    public static final long OPEN_START = Long.MIN_VALUE;

    /** Without beginning and end. */
    public static final Span ALWAYS = new Span(OPEN_START, Span.OPEN_END);

    private static final long MINUTE_MS = 60_000;

    private Effective() {}

    /** Whether an instant can be a date of the registry. */
    public static boolean isDate(long instantMs) {
        return instantMs == OPEN_START
                || instantMs == Span.OPEN_END
                || Math.floorMod(instantMs, MINUTE_MS) == 0;
    }

    static long requireDate(long instantMs) {
        if (!isDate(instantMs)) {
            throw new IllegalArgumentException(
                    "the registry's dates are whole minutes, %d ms is none".formatted(instantMs));
        }
        return instantMs;
    }

    static Span requireDates(Span span) {
        requireDate(span.startMs());
        requireDate(span.endMs());
        return span;
    }
}

package io.gpuledger.core.registry;

/** One dated change of what a grant may use, in charged GPU microseconds. */
public sealed interface BudgetLine extends Entry {
    /** Charged GPU microseconds in one GPU-hour of weight 1000. */
    long GPU_US_PER_GPU_HOUR = 3_600_000_000L;

    /** Signed: what leaves the grant is negative. */
    long gpuUs();

    /** From when it counts, inclusive. */
    long atMs();

    /**
     * Until when it can be used, exclusive; {@link io.gpuledger.core.time.Span#OPEN_END} when as
     * long as the grant.
     */
    long expiresMs();

    /** Why, for people; may be empty. */
    String note();

    /** What the funder gives: the first amount or a top-up; never negative. */
    record Funding(boolean initial, long gpuUs, long atMs, long expiresMs, String note)
            implements BudgetLine {
        public Funding {
            requireSpan(atMs, expiresMs);
            if (gpuUs < 0) {
                throw new IllegalArgumentException("a funding of %d GPU us".formatted(gpuUs));
            }
        }
    }

    /**
     * What passes between two grants; the other one carries the opposite line.
     *
     * @param gpuUs positive when it comes in, negative when it goes out
     */
    record Transfer(String otherGrant, long gpuUs, long atMs, long expiresMs, String note)
            implements BudgetLine {
        public Transfer {
            requireSpan(atMs, expiresMs);
        }
    }

    /** A mistake put right, either way. */
    record Correction(long gpuUs, long atMs, long expiresMs, String note) implements BudgetLine {
        public Correction {
            requireSpan(atMs, expiresMs);
        }
    }

    private static void requireSpan(long atMs, long expiresMs) {
        Effective.requireDate(atMs);
        Effective.requireDate(expiresMs);
        if (expiresMs <= atMs) {
            throw new IllegalArgumentException(
                    "a budget line from %d that expires at %d".formatted(atMs, expiresMs));
        }
    }
}

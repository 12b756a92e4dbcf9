package io.gpuledger.core.usage;

/**
 * What one run has, or still blocks, of one slot for a span.
 *
 * @param instance MIG instance, -1 for the card
 * @param slices compute slices of {@code slicesPerGpu}, 0 where the claim is no MIG instance
 * @param shards shards of the card, 0 where the claim is not by shards
 * @param isOverhead from the run's end to its epilog
 * @param flags bits of {@link io.gpuledger.core.run.RunFlag}
 */
record Claim(
        HostRun run,
        int instance,
        int slices,
        int slicesPerGpu,
        int shards,
        boolean isOverhead,
        long startMs,
        long endMs,
        int flags) {

    /** The whole card. */
    boolean isWhole() {
        return slices == 0 && shards == 0;
    }

    long share(boolean mig) {
        return mig ? slices : shards;
    }

    Claim until(long atMs, int moreFlags) {
        return new Claim(
                run,
                instance,
                slices,
                slicesPerGpu,
                shards,
                isOverhead,
                startMs,
                Math.max(startMs, atMs),
                flags | moreFlags);
    }

    boolean covers(long fromMs, long toMs) {
        return startMs <= fromMs && toMs <= endMs;
    }
}

package io.gpuledger.benchmarks;

/**
 * A job of a {@link SimulatedCluster}: consecutive whole GPUs of one host.
 *
 * @param startMs UTC epoch milliseconds, whole seconds
 * @param endMs the same, exclusive
 */
public record SimulatedJob(
        long id,
        int host,
        int firstGpu,
        int gpus,
        long startMs,
        long endMs,
        String account,
        String user) {

    /** GPU-milliseconds held. */
    public long heldGpuMs() {
        return gpus * (endMs - startMs);
    }

    boolean runsAt(long instantMs) {
        return startMs <= instantMs && instantMs < endMs;
    }
}

package io.gpuledger.benchmarks.queries;

/**
 * A job of a {@link YearPlan}.
 *
 * @param startMs UTC epoch milliseconds, whole seconds
 * @param endMs the same, exclusive; may lie after the end of the year
 * @param activity mean share of the engine in use, millionths; 0 for a job that never computes
 */
record YearJob(
        long id,
        int grant,
        String account,
        String user,
        String partition,
        String qos,
        int gpus,
        long startMs,
        long endMs,
        long activity,
        long memoryMib) {

    String runId() {
        return "%s/%d/%d".formatted(YearPlan.CLUSTER, id, startMs / 1000);
    }

    boolean isOpenAt(long instantMs) {
        return endMs > instantMs;
    }
}

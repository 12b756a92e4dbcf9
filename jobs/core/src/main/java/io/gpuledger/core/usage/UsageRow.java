package io.gpuledger.core.usage;

import java.util.List;

/**
 * What happened on one slot in one window or hour. {@code existsMs} equals the sum of the holders'
 * gpu_ms: a row that breaks this cannot be made ({@link UnbalancedRowException}).
 */
public record UsageRow(
        String cluster,
        String host,
        int gpuIndex,
        String unplacedRun,
        long windowStartMs,
        long existsMs,
        String gpuUuid,
        String gpuModel,
        List<Holder> holders) {

    public UsageRow {
        long sum = 0;
        for (Holder holder : holders) {
            sum += holder.gpuMs();
        }
        if (sum != existsMs) {
            throw new UnbalancedRowException(
                    "slot %s/%s/%d window %d: buckets sum to %d ms, the slot existed %d ms"
                            .formatted(cluster, host, gpuIndex, windowStartMs, sum, existsMs));
        }
        holders = List.copyOf(holders);
    }

    /** One holder's part of the slot; empty names where nobody holds it. */
    public record Holder(
            Bucket bucket,
            String runId,
            String jobId,
            String account,
            String user,
            String partition,
            String qos,
            String grantId,
            int instance,
            long gpuMs,
            long chargedGpuUs,
            long coveredMs,
            long activeGpuUs,
            long smActiveGpuUs,
            long tensorActiveGpuUs,
            long dramActiveGpuUs,
            long memoryMibMs,
            long energyMj,
            long heldIdleMs,
            int flags) {}
}

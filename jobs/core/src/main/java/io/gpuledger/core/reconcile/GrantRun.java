package io.gpuledger.core.reconcile;

/**
 * What one grant was charged for one run, in the ledger and in the quota balance.
 *
 * @param ledgerGpuMs held and charged GPU time in usage rows, OVERHEAD apart
 * @param ledgerOverheadGpuMs of it OVERHEAD
 * @param quotaKnows the balance has the run, be it with nothing
 * @param ledgerFlags bits of {@link io.gpuledger.core.run.RunFlag} on any of its rows
 * @param divided the run has parts of GPUs: instances or shards
 * @param backfilled its rows come from files, which the quota job never reads
 * @param open it goes on, for one of them
 */
public record GrantRun(
        String grantId,
        String runId,
        long ledgerGpuMs,
        long ledgerOverheadGpuMs,
        long ledgerChargedGpuUs,
        boolean quotaKnows,
        long quotaGpuMs,
        long quotaChargedGpuUs,
        int ledgerFlags,
        int quotaFlags,
        boolean divided,
        boolean backfilled,
        boolean open) {
    public boolean agrees() {
        return ledgerChargedGpuUs == quotaChargedGpuUs;
    }

    /** Positive where the balance has more. */
    public long differenceGpuUs() {
        return quotaChargedGpuUs - ledgerChargedGpuUs;
    }
}

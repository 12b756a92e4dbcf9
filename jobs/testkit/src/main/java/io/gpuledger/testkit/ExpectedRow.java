package io.gpuledger.testkit;

import java.util.List;

/**
 * What the ledger must say of one slot and minute.
 *
 * @param gpuIndex -1 for devices of unknown position
 * @param unplacedRun the run, where not even the host is known
 * @param activityTold false where DESIGN leaves it open how activity is shared
 */
public record ExpectedRow(
        String cluster,
        String host,
        int gpuIndex,
        String unplacedRun,
        long windowStartMs,
        long existsMs,
        boolean activityTold,
        List<Holder> holders) {

    /** Part of a row: nobody where the run is empty. */
    public record Holder(
            String bucket,
            String runId,
            int instance,
            long gpuMs,
            long coveredMs,
            long activeGpuUs,
            long energyMj,
            long heldIdleMs) {}
}

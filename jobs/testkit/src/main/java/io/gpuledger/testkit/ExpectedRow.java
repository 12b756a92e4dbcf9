package io.gpuledger.testkit;

import java.util.List;
import java.util.Set;

/**
 * What the ledger must say of one slot and minute.
 *
 * @param gpuIndex -1 for devices of unknown position
 * @param unplacedRun the run, where not even the host is known
 * @param activityTold false where DESIGN leaves it open how activity and its coverage are shared
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

    /**
     * Part of a row: nobody where the run is empty.
     *
     * @param flags names of what a reader should know
     */
    public record Holder(
            String bucket,
            String runId,
            int instance,
            long gpuMs,
            long coveredMs,
            long activeGpuUs,
            long energyMj,
            long heldIdleMs,
            Set<String> flags) {}
}

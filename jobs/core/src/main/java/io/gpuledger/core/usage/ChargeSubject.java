package io.gpuledger.core.usage;

import java.util.Set;

/**
 * Whose use of what: all that a charge may depend on, the time apart.
 *
 * @param gpuModel what the scheduler calls the card (GRES type, host configuration), empty when it
 *     has no name for it; never DCGM's name
 * @param endState {@link #endState} of the run
 */
public record ChargeSubject(
        String cluster,
        String account,
        String user,
        String partition,
        String qos,
        String gpuModel,
        Bucket bucket,
        String endState) {
    private static final Set<String> FAULTS_OF_THE_SITE = Set.of("NODE_FAIL", "BOOT_FAIL");

    /** Of all states of a run the ones that a charge may depend on, else the empty one. */
    public static String endState(String state) {
        return FAULTS_OF_THE_SITE.contains(state) ? state : "";
    }
}

package io.gpuledger.core.usage;

/**
 * Whose use of what: all that a charge may depend on, the time apart.
 *
 * @param gpuModel what the scheduler calls the card (GRES type, host configuration), empty when it
 *     has no name for it; never DCGM's name
 * @param endState how the run ended, in Slurm's words; empty while it runs
 */
public record ChargeSubject(
        String cluster,
        String account,
        String user,
        String partition,
        String qos,
        String gpuModel,
        Bucket bucket,
        String endState) {}

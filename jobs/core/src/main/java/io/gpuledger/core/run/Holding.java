package io.gpuledger.core.run;

/**
 * One device, or a number of devices of unknown position, that a run has on a host for a span.
 *
 * @param gpuIndex the scheduler's index, -1 when unknown
 * @param gresType Slurm's GRES type, empty when untyped
 * @param shards shards of the card, 0 for the whole of it
 * @param count devices when {@code gpuIndex} is -1 (shards then count as shards), else 1
 * @param endMs exclusive
 */
public record Holding(
        String host,
        int gpuIndex,
        String gresType,
        int shards,
        int count,
        long startMs,
        long endMs) {

    /** One of the counted devices, now that its position is known. */
    public Holding at(int index) {
        return new Holding(host, index, gresType, shards, 1, startMs, endMs);
    }
}

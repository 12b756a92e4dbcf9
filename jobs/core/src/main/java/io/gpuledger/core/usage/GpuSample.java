package io.gpuledger.core.usage;

/**
 * One reading of one GPU. {@link #ABSENT} where the exporter gave no value: unknown is not zero.
 *
 * @param atMs the instant of the scrape
 * @param coverMs how far back a sample may speak at most (1.5 scrape intervals)
 * @param activePpm DCGM field 1001, else 203
 * @param energyMj the counter, field 156
 * @param powerMw field 155, stands in where there is no counter
 */
public record GpuSample(
        long atMs,
        long coverMs,
        long activePpm,
        long smActivePpm,
        long tensorActivePpm,
        long dramActivePpm,
        long memoryUsedMib,
        long energyMj,
        long powerMw) {
    public static final long ABSENT = -1;

    /** Two readings of one instant: union of the fields, the greater value winning. */
    public GpuSample merge(GpuSample other) {
        return new GpuSample(
                atMs,
                Math.max(coverMs, other.coverMs),
                Math.max(activePpm, other.activePpm),
                Math.max(smActivePpm, other.smActivePpm),
                Math.max(tensorActivePpm, other.tensorActivePpm),
                Math.max(dramActivePpm, other.dramActivePpm),
                Math.max(memoryUsedMib, other.memoryUsedMib),
                Math.max(energyMj, other.energyMj),
                Math.max(powerMw, other.powerMw));
    }
}

package io.gpuledger.core.usage;

/**
 * One reading of one GPU, or of one MIG instance of it. {@link #ABSENT} where the exporter gave no
 * value: unknown is not zero.
 *
 * @param atMs the instant of the scrape
 * @param coverMs how far back a sample may speak at most (1.5 scrape intervals)
 * @param card the GPU's UUID: readings of different cards at one position say nothing of each other
 * @param activePpm DCGM field 1001, else 203
 * @param energyMj the counter, field 156
 * @param powerMw field 155, stands in where there is no counter
 */
public record GpuSample(
        long atMs,
        long coverMs,
        String card,
        long activePpm,
        long smActivePpm,
        long tensorActivePpm,
        long dramActivePpm,
        long memoryUsedMib,
        long energyMj,
        long powerMw) {
    public static final long ABSENT = -1;

    /** Two readings of one card at one instant: union of the fields, the greater value winning. */
    public GpuSample merge(GpuSample other) {
        if (!card.equals(other.card)) {
            return card.compareTo(other.card) > 0 ? this : other;
        }
        return new GpuSample(
                atMs,
                Math.max(coverMs, other.coverMs),
                card,
                Math.max(activePpm, other.activePpm),
                Math.max(smActivePpm, other.smActivePpm),
                Math.max(tensorActivePpm, other.tensorActivePpm),
                Math.max(dramActivePpm, other.dramActivePpm),
                Math.max(memoryUsedMib, other.memoryUsedMib),
                Math.max(energyMj, other.energyMj),
                Math.max(powerMw, other.powerMw));
    }

    /** The same reading without what an exporter repeats on every instance of a card. */
    GpuSample withoutCardTotals() {
        return new GpuSample(
                atMs,
                coverMs,
                card,
                activePpm,
                smActivePpm,
                tensorActivePpm,
                dramActivePpm,
                memoryUsedMib,
                ABSENT,
                ABSENT);
    }

    /** Only what an exporter repeats on every instance of a card: its energy and power. */
    GpuSample onlyCardTotals() {
        return new GpuSample(
                atMs, coverMs, card, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, energyMj, powerMw);
    }
}

package io.gpuledger.core.usage;

import java.util.List;

/**
 * One reading of one GPU, or of one MIG instance of it. {@link #ABSENT} where the exporter gave no
 * value: unknown is not zero.
 *
 * @param atMs the instant of the scrape
 * @param coverMs how far back a sample may speak at most (1.5 scrape intervals)
 * @param card the GPU's UUID: readings of different cards at one position say nothing of each other
 * @param enginePpm DCGM field 1001, GR_ENGINE_ACTIVE
 * @param utilPpm DCGM field 203, GPU_UTIL
 * @param energyMj the counter, field 156
 * @param powerMw field 155, stands in where there is no counter
 */
public record GpuSample(
        long atMs,
        long coverMs,
        String card,
        long enginePpm,
        long utilPpm,
        long smActivePpm,
        long tensorActivePpm,
        long dramActivePpm,
        long memoryUsedMib,
        long energyMj,
        long powerMw) {
    public static final long ABSENT = -1;

    /** Position of the first sample at or after an instant, in samples sorted by time. */
    public static int firstFrom(List<GpuSample> samples, long instantMs) {
        int lo = 0;
        int hi = samples.size();
        while (lo < hi) {
            int mid = (lo + hi) >>> 1;
            if (samples.get(mid).atMs() >= instantMs) {
                hi = mid;
            } else {
                lo = mid + 1;
            }
        }
        return lo;
    }

    /** How active it was: the finer field where there is one. */
    public long activePpm() {
        return enginePpm >= 0 ? enginePpm : utilPpm;
    }

    /**
     * Two readings of one card at one instant: union of the fields, the greater value winning. A
     * reading without a UUID is one of the card that is there.
     */
    public GpuSample merge(GpuSample other) {
        String name = card.isEmpty() ? other.card : card;
        if (!other.card.isEmpty() && !name.equals(other.card)) {
            return card.compareTo(other.card) > 0 ? this : other;
        }
        return new GpuSample(
                atMs,
                Math.max(coverMs, other.coverMs),
                name,
                Math.max(enginePpm, other.enginePpm),
                Math.max(utilPpm, other.utilPpm),
                Math.max(smActivePpm, other.smActivePpm),
                Math.max(tensorActivePpm, other.tensorActivePpm),
                Math.max(dramActivePpm, other.dramActivePpm),
                Math.max(memoryUsedMib, other.memoryUsedMib),
                Math.max(energyMj, other.energyMj),
                Math.max(powerMw, other.powerMw));
    }

    GpuSample named(String uuid) {
        return new GpuSample(
                atMs,
                coverMs,
                uuid,
                enginePpm,
                utilPpm,
                smActivePpm,
                tensorActivePpm,
                dramActivePpm,
                memoryUsedMib,
                energyMj,
                powerMw);
    }

    /** The same reading without what an exporter repeats on every instance of a card. */
    GpuSample withoutCardTotals() {
        return new GpuSample(
                atMs,
                coverMs,
                card,
                enginePpm,
                utilPpm,
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
                atMs, coverMs, card, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, energyMj,
                powerMw);
    }
}

package io.gpuledger.core.usage;

import io.gpuledger.core.run.RunFlag;
import java.math.BigInteger;
import java.util.List;

/**
 * What the samples of one GPU say about any span: covered time, activity and energy. Every quantity
 * is cut by differences of floors between the samples, so cuts at any instants add up to the whole.
 */
final class Readings {
    /** Covered time with at most this activity counts as idle while held: 1 %. */
    static final long IDLE_PPM = 10_000;

    /** A counter's increase is spread over gaps up to this. */
    static final long ENERGY_GAP_MS = 12 * 3_600_000L;

    /** Sums over one span. */
    static final class Sums {
        long coveredMs;
        long activeUs;
        long smUs;
        long tensorUs;
        long dramUs;
        long memoryMibMs;
        long energyMj;
        long idleMs;
        int flags;
    }

    private final List<GpuSample> samples;

    /**
     * @param samples sorted by time, one per instant
     */
    Readings(List<GpuSample> samples) {
        this.samples = samples;
    }

    Sums over(long fromMs, long toMs) {
        Sums sums = new Sums();
        int i = firstAfter(fromMs);
        // The sample after the span's end still speaks for a part of it, in energy and in coverage.
        for (; i < samples.size(); i++) {
            if (i == 0) {
                continue; // the first of a GPU covers nothing
            }
            GpuSample before = samples.get(i - 1);
            GpuSample sample = samples.get(i);
            if (before.atMs() >= toMs) {
                break;
            }
            cover(sums, before, sample, fromMs, toMs);
            energy(sums, before, sample, fromMs, toMs);
        }
        return sums;
    }

    private static void cover(
            Sums sums, GpuSample before, GpuSample sample, long fromMs, long toMs) {
        long start = sample.atMs() - Math.min(sample.atMs() - before.atMs(), sample.coverMs());
        long lo = Math.max(start, fromMs);
        long hi = Math.min(sample.atMs(), toMs);
        if (lo >= hi) {
            return;
        }
        boolean speaks =
                sample.activePpm() >= 0
                        || sample.memoryUsedMib() >= 0
                        || sample.powerMw() >= 0
                        || sample.energyMj() >= 0;
        if (speaks) {
            sums.coveredMs += hi - lo;
        }
        sums.activeUs += microseconds(sample.activePpm(), start, lo, hi);
        sums.smUs += microseconds(sample.smActivePpm(), start, lo, hi);
        sums.tensorUs += microseconds(sample.tensorActivePpm(), start, lo, hi);
        sums.dramUs += microseconds(sample.dramActivePpm(), start, lo, hi);
        if (sample.memoryUsedMib() >= 0) {
            sums.memoryMibMs += sample.memoryUsedMib() * (hi - lo);
        }
        if (sample.activePpm() >= 0 && sample.activePpm() <= IDLE_PPM) {
            sums.idleMs += hi - lo;
        }
        if (sample.powerMw() >= 0 && (sample.energyMj() < 0 || before.energyMj() < 0)) {
            // One watt is 1000 mW and one second 1000 ms: mW x ms / 1000 is millijoules.
            sums.energyMj += floorCut(sample.powerMw(), start, lo, hi, 1_000);
            sums.flags |= RunFlag.ENERGY_FROM_POWER.bit();
        }
    }

    /** ppm of a millisecond is 1/1000 microsecond. */
    private static long microseconds(long ppm, long startMs, long lo, long hi) {
        return ppm <= 0 ? 0 : floorCut(ppm, startMs, lo, hi, 1_000);
    }

    private static long floorCut(long rate, long startMs, long lo, long hi, long divisor) {
        return Math.floorDiv(rate * (hi - startMs), divisor)
                - Math.floorDiv(rate * (lo - startMs), divisor);
    }

    private static void energy(
            Sums sums, GpuSample before, GpuSample sample, long fromMs, long toMs) {
        if (before.energyMj() < 0 || sample.energyMj() < 0) {
            return;
        }
        long delta = sample.energyMj() - before.energyMj();
        if (delta <= 0) {
            return; // a reset: what was drawn across it is unknown
        }
        long gap = sample.atMs() - before.atMs();
        if (gap > ENERGY_GAP_MS) {
            long window = Math.floorDiv(sample.atMs() - 1, 60_000L) * 60_000L;
            long at = Math.max(window, before.atMs());
            if (fromMs <= at && at < toMs) {
                sums.energyMj += delta;
                sums.flags |= RunFlag.ENERGY_GAP.bit();
            }
            return;
        }
        long lo = Math.max(before.atMs(), fromMs);
        long hi = Math.min(sample.atMs(), toMs);
        if (lo < hi) {
            sums.energyMj +=
                    scaled(delta, hi - before.atMs(), gap) - scaled(delta, lo - before.atMs(), gap);
        }
    }

    /** floor(delta * part / whole), also where the product leaves 64 bits. */
    private static long scaled(long delta, long part, long whole) {
        long high = Math.multiplyHigh(delta, part);
        if (high == 0 && delta * part >= 0) {
            return delta * part / whole;
        }
        return BigInteger.valueOf(delta)
                .multiply(BigInteger.valueOf(part))
                .divide(BigInteger.valueOf(whole))
                .longValueExact();
    }

    private int firstAfter(long instantMs) {
        int lo = 0;
        int hi = samples.size();
        while (lo < hi) {
            int mid = (lo + hi) >>> 1;
            if (samples.get(mid).atMs() > instantMs) {
                hi = mid;
            } else {
                lo = mid + 1;
            }
        }
        return lo;
    }
}

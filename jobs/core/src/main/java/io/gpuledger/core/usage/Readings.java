package io.gpuledger.core.usage;

import io.gpuledger.core.run.RunFlag;
import java.math.BigInteger;

/**
 * What the samples at one position say about any span: covered time, activity and energy. Every
 * quantity is cut by differences of floors between the samples, so cuts at any instants add up to
 * the whole. Each field is looked at by itself: two exporters may share the fields of a GPU, and a
 * blank value is no sample of its field.
 */
final class Readings {
    static final Readings NONE = new Readings(new SampleSeries(0), 1, 1, ReadingRules.STANDARD);

    private static final long PPM_TO_US = 1_000;
    private static final long WINDOW_MS = 60_000;

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

        void add(Sums other) {
            coveredMs += other.coveredMs;
            activeUs += other.activeUs;
            smUs += other.smUs;
            tensorUs += other.tensorUs;
            dramUs += other.dramUs;
            memoryMibMs += other.memoryMibMs;
            energyMj += other.energyMj;
            idleMs += other.idleMs;
            flags |= other.flags;
        }
    }

    /** Engine activity, and utilisation where there is none: {@link SampleSeries#activePpm}. */
    private static final int ACTIVE = -1;

    private final SampleSeries samples;
    private final long slices;
    private final long slicesPerGpu;
    private final ReadingRules rules;

    /**
     * Reads the samples of one position.
     *
     * @param slices compute slices the samples speak for, of {@code slicesPerGpu}: the activity of
     *     a MIG instance is a fraction of the card's
     */
    Readings(SampleSeries samples, long slices, long slicesPerGpu, ReadingRules rules) {
        this.samples = samples.named();
        this.slices = slices;
        this.slicesPerGpu = slicesPerGpu;
        this.rules = rules;
    }

    Sums over(long fromMs, long toMs) {
        Sums sums = new Sums();
        activity(sums, fromMs, toMs);
        sums.smUs = activity(SampleSeries.SM, fromMs, toMs);
        sums.tensorUs = activity(SampleSeries.TENSOR, fromMs, toMs);
        sums.dramUs = activity(SampleSeries.DRAM, fromMs, toMs);
        sums.memoryMibMs = integral(SampleSeries.MEMORY, fromMs, toMs, 1, 1);
        fromPower(sums, fromMs, toMs);
        energy(sums, fromMs, toMs);
        return sums;
    }

    private long value(int i, int field) {
        return field == ACTIVE ? samples.activePpm(i) : samples.value(i, field);
    }

    /** Position of the last sample before {@code i} that has the field, -1 when there is none. */
    private int lastWith(int field, int i) {
        int last = i - 1;
        while (last >= 0 && value(last, field) < 0) {
            last--;
        }
        return last;
    }

    /**
     * Where what a sample says begins: a value speaks back to the one before it of the same card,
     * as far as its scrape covers. The first speaks for nothing.
     */
    private long originMs(int before, int i) {
        long at = samples.atMs(i);
        if (before < 0 || !samples.isSameCard(before, i)) {
            return at;
        }
        return Math.max(samples.atMs(before), at - samples.coverMs(i));
    }

    private void activity(Sums sums, long fromMs, long toMs) {
        int before = -1;
        for (int i = samples.firstFrom(fromMs + 1); i < samples.size(); i++) {
            long value = samples.activePpm(i);
            if (value < 0) {
                continue;
            }
            before = before < 0 ? lastWith(ACTIVE, i) : before;
            long origin = originMs(before, i);
            long lo = Math.max(origin, fromMs);
            long hi = Math.min(samples.atMs(i), toMs);
            if (lo < hi) {
                sums.coveredMs += hi - lo;
                sums.idleMs += value <= rules.idlePpm() ? hi - lo : 0;
                sums.activeUs += between(value * slices, lo, hi, origin, PPM_TO_US * slicesPerGpu);
            }
            if (samples.atMs(i) >= toMs) {
                break;
            }
            before = i;
        }
    }

    private long activity(int field, long fromMs, long toMs) {
        return integral(field, fromMs, toMs, slices, PPM_TO_US * slicesPerGpu);
    }

    /** Value x time over the span, times a fraction. */
    private long integral(int field, long fromMs, long toMs, long numerator, long denominator) {
        long total = 0;
        int before = -1;
        for (int i = samples.firstFrom(fromMs + 1); i < samples.size(); i++) {
            long value = samples.value(i, field);
            if (value < 0) {
                continue;
            }
            before = before < 0 ? lastWith(field, i) : before;
            long origin = originMs(before, i);
            long lo = Math.max(origin, fromMs);
            long hi = Math.min(samples.atMs(i), toMs);
            if (lo < hi) {
                total += between(value * numerator, lo, hi, origin, denominator);
            }
            if (samples.atMs(i) >= toMs) {
                break;
            }
            before = i;
        }
        return total;
    }

    /** A rate over {@code [lo, hi)}; floors are taken from its origin, so parts are the whole. */
    private static long between(long rate, long lo, long hi, long origin, long denominator) {
        long upTo = scaled(rate, hi - origin, denominator);
        return lo == origin ? upTo : upTo - scaled(rate, lo - origin, denominator);
    }

    /** Power stands in for the counter where no two readings of it enclose the time. */
    private void fromPower(Sums sums, long fromMs, long toMs) {
        int before = -1;
        long total = 0;
        for (int i = samples.firstFrom(fromMs + 1); i < samples.size(); i++) {
            if (samples.value(i, SampleSeries.POWER) < 0) {
                continue;
            }
            before = before < 0 ? lastWith(SampleSeries.POWER, i) : before;
            long origin = originMs(before, i);
            if (samples.value(i, SampleSeries.ENERGY) < 0 && origin < toMs) {
                total += uncounted(i, origin, fromMs, toMs);
            }
            if (samples.atMs(i) >= toMs) {
                break;
            }
            before = i;
        }
        if (total > 0) {
            sums.energyMj += total;
            sums.flags |= RunFlag.ENERGY_FROM_POWER.bit();
        }
    }

    /** What the power of one sample says of the part of its time that no counter encloses. */
    private long uncounted(int i, long originMs, long fromMs, long toMs) {
        long total = 0;
        long from = originMs;
        long end = samples.atMs(i);
        int before = lastWith(SampleSeries.ENERGY, samples.firstFrom(from));
        for (int c = samples.firstFrom(from); c < samples.size(); c++) {
            if (samples.value(c, SampleSeries.ENERGY) < 0) {
                continue;
            }
            if (before >= 0) {
                if (samples.atMs(before) >= end) {
                    break;
                }
                if (isCounted(before, c)) {
                    total += power(i, originMs, from, samples.atMs(before), fromMs, toMs);
                    from = Math.max(from, Math.min(samples.atMs(c), end));
                }
            }
            before = c;
        }
        return total + power(i, originMs, from, end, fromMs, toMs);
    }

    private boolean isCounted(int before, int after) {
        return samples.isSameCard(before, after)
                && samples.atMs(after) - samples.atMs(before) <= rules.energyGapMs();
    }

    private long power(int i, long origin, long partFrom, long partTo, long fromMs, long toMs) {
        long lo = Math.max(partFrom, fromMs);
        long hi = Math.min(partTo, toMs);
        // One watt is 1000 mW and one second 1000 ms: mW x ms / 1000 is millijoules.
        return lo < hi ? between(samples.value(i, SampleSeries.POWER), lo, hi, origin, 1_000) : 0;
    }

    private void energy(Sums sums, long fromMs, long toMs) {
        int before = -1;
        for (int i = samples.firstFrom(fromMs); i < samples.size(); i++) {
            long counter = samples.value(i, SampleSeries.ENERGY);
            if (counter < 0) {
                continue;
            }
            before = before < 0 ? lastWith(SampleSeries.ENERGY, i) : before;
            if (before >= 0) {
                long since = samples.atMs(before);
                long at = samples.atMs(i);
                if (since >= toMs && window(at) >= toMs) {
                    break;
                }
                long delta = counter - samples.value(before, SampleSeries.ENERGY);
                // A reset or another card: what was drawn in between is unknown.
                if (delta > 0 && samples.isSameCard(before, i)) {
                    spread(sums, delta, since, at, fromMs, toMs);
                }
            }
            before = i;
        }
    }

    private void spread(Sums sums, long delta, long since, long at, long fromMs, long toMs) {
        long gap = at - since;
        if (gap > rules.energyGapMs()) {
            long remainder = Math.max(window(at), since);
            if (fromMs <= remainder && remainder < toMs) {
                sums.energyMj += delta;
                sums.flags |= RunFlag.ENERGY_GAP.bit();
            }
            return;
        }
        long lo = Math.max(since, fromMs);
        long hi = Math.min(at, toMs);
        if (lo < hi) {
            sums.energyMj += between(delta, lo, hi, since, gap);
        }
    }

    /** Start of the window that ends at or contains the instant's last millisecond. */
    private static long window(long instantMs) {
        return Math.floorDiv(instantMs - 1, WINDOW_MS) * WINDOW_MS;
    }

    /** floor(value * part / whole), also where the product leaves 64 bits. */
    private static long scaled(long value, long part, long whole) {
        long high = Math.multiplyHigh(value, part);
        if (high == 0 && value * part >= 0) {
            return value * part / whole;
        }
        return BigInteger.valueOf(value)
                .multiply(BigInteger.valueOf(part))
                .divide(BigInteger.valueOf(whole))
                .longValueExact();
    }
}

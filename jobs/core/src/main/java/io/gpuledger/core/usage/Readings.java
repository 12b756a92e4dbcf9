package io.gpuledger.core.usage;

import io.gpuledger.core.run.RunFlag;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * What the samples at one position say about any span: covered time, activity and energy. Every
 * quantity is cut by differences of floors between the samples, so cuts at any instants add up to
 * the whole. Each field is looked at by itself: two exporters may share the fields of a GPU, and a
 * blank value is no sample of its field.
 */
final class Readings {
    static final Readings NONE = new Readings(List.of(), 1, 1, ReadingRules.STANDARD);

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

    /**
     * One value of one field and the span {@code (fromMs, toMs]} it speaks for, a part of what it
     * could speak for since {@code originMs}.
     */
    private record Value(long originMs, long fromMs, long toMs, long value) {}

    private final List<Value> active;
    private final List<Value> sm;
    private final List<Value> tensor;
    private final List<Value> dram;
    private final List<Value> memory;
    private final List<Value> power;
    private final List<GpuSample> counters;
    private final long slices;
    private final long slicesPerGpu;
    private final ReadingRules rules;

    /**
     * Prepares the samples of one position.
     *
     * @param unnamed sorted by time, one per instant
     * @param slices compute slices the samples speak for, of {@code slicesPerGpu}: the activity of
     *     a MIG instance is a fraction of the card's
     */
    Readings(List<GpuSample> unnamed, long slices, long slicesPerGpu, ReadingRules rules) {
        List<GpuSample> samples = named(unnamed);
        this.slices = slices;
        this.slicesPerGpu = slicesPerGpu;
        this.rules = rules;
        active = values(samples, GpuSample::activePpm);
        sm = values(samples, GpuSample::smActivePpm);
        tensor = values(samples, GpuSample::tensorActivePpm);
        dram = values(samples, GpuSample::dramActivePpm);
        memory = values(samples, GpuSample::memoryUsedMib);
        counters = new ArrayList<>();
        for (GpuSample sample : samples) {
            if (sample.energyMj() >= 0) {
                counters.add(sample);
            }
        }
        power = uncounted(samples);
    }

    /** An exporter without the UUID label means the card that others name before it, else after. */
    private static List<GpuSample> named(List<GpuSample> samples) {
        String card = "";
        for (int i = 0; i < samples.size() && card.isEmpty(); i++) {
            card = samples.get(i).card();
        }
        List<GpuSample> named = new ArrayList<>(samples.size());
        for (GpuSample sample : samples) {
            card = sample.card().isEmpty() ? card : sample.card();
            named.add(sample.card().equals(card) ? sample : sample.named(card));
        }
        return named;
    }

    /** A value speaks back to the one before it of the same card; the first speaks for nothing. */
    private static List<Value> values(List<GpuSample> samples, ToLongFunction<GpuSample> field) {
        List<Value> values = new ArrayList<>();
        GpuSample before = null;
        for (GpuSample sample : samples) {
            long value = field.applyAsLong(sample);
            if (value < 0) {
                continue;
            }
            if (before != null && before.card().equals(sample.card())) {
                long gap = sample.atMs() - before.atMs();
                long from = sample.atMs() - Math.min(gap, sample.coverMs());
                values.add(new Value(from, from, sample.atMs(), value));
            }
            before = sample;
        }
        return values;
    }

    /** Power stands in for the counter where no two readings of it enclose the time. */
    private List<Value> uncounted(List<GpuSample> samples) {
        List<Value> uncounted = new ArrayList<>();
        for (Value value : values(samples, GpuSample::powerMw)) {
            int own = GpuSample.firstFrom(samples, value.toMs());
            if (samples.get(own).energyMj() >= 0) {
                continue;
            }
            long from = value.fromMs();
            for (int i = Math.max(1, GpuSample.firstFrom(counters, from));
                    i < counters.size();
                    i++) {
                GpuSample before = counters.get(i - 1);
                GpuSample after = counters.get(i);
                if (before.atMs() >= value.toMs()) {
                    break;
                }
                if (!before.card().equals(after.card())
                        || after.atMs() - before.atMs() > rules.energyGapMs()) {
                    continue;
                }
                if (from < before.atMs()) {
                    uncounted.add(new Value(value.originMs(), from, before.atMs(), value.value()));
                }
                from = Math.max(from, Math.min(after.atMs(), value.toMs()));
            }
            if (from < value.toMs()) {
                uncounted.add(new Value(value.originMs(), from, value.toMs(), value.value()));
            }
        }
        return uncounted;
    }

    Sums over(long fromMs, long toMs) {
        Sums sums = new Sums();
        for (int i = firstOver(active, fromMs); i < active.size(); i++) {
            Value v = active.get(i);
            long lo = Math.max(v.fromMs(), fromMs);
            long hi = Math.min(v.toMs(), toMs);
            if (lo >= toMs) {
                break;
            }
            if (lo < hi) {
                sums.coveredMs += hi - lo;
                sums.idleMs += v.value() <= rules.idlePpm() ? hi - lo : 0;
            }
        }
        sums.activeUs = integral(active, fromMs, toMs, slices, PPM_TO_US * slicesPerGpu);
        sums.smUs = integral(sm, fromMs, toMs, slices, PPM_TO_US * slicesPerGpu);
        sums.tensorUs = integral(tensor, fromMs, toMs, slices, PPM_TO_US * slicesPerGpu);
        sums.dramUs = integral(dram, fromMs, toMs, slices, PPM_TO_US * slicesPerGpu);
        sums.memoryMibMs = integral(memory, fromMs, toMs, 1, 1);
        // One watt is 1000 mW and one second 1000 ms: mW x ms / 1000 is millijoules.
        long fromPower = integral(power, fromMs, toMs, 1, 1_000);
        if (fromPower > 0) {
            sums.energyMj += fromPower;
            sums.flags |= RunFlag.ENERGY_FROM_POWER.bit();
        }
        energy(sums, fromMs, toMs);
        return sums;
    }

    /** Value x time over the span, times a fraction; floors are taken from the value's origin. */
    private static long integral(
            List<Value> values, long fromMs, long toMs, long numerator, long denominator) {
        long total = 0;
        for (int i = firstOver(values, fromMs); i < values.size(); i++) {
            Value v = values.get(i);
            long lo = Math.max(v.fromMs(), fromMs);
            long hi = Math.min(v.toMs(), toMs);
            if (lo >= toMs) {
                break;
            }
            if (lo < hi) {
                long rate = v.value() * numerator;
                total +=
                        scaled(rate, hi - v.originMs(), denominator)
                                - scaled(rate, lo - v.originMs(), denominator);
            }
        }
        return total;
    }

    private static int firstOver(List<Value> values, long instantMs) {
        int lo = 0;
        int hi = values.size();
        while (lo < hi) {
            int mid = (lo + hi) >>> 1;
            if (values.get(mid).toMs() > instantMs) {
                hi = mid;
            } else {
                lo = mid + 1;
            }
        }
        return lo;
    }

    private void energy(Sums sums, long fromMs, long toMs) {
        for (int i = Math.max(1, GpuSample.firstFrom(counters, fromMs)); i < counters.size(); i++) {
            GpuSample before = counters.get(i - 1);
            GpuSample sample = counters.get(i);
            if (before.atMs() >= toMs && window(sample.atMs()) >= toMs) {
                break;
            }
            long delta = sample.energyMj() - before.energyMj();
            if (delta <= 0 || !before.card().equals(sample.card())) {
                continue; // a reset or another card: what was drawn in between is unknown
            }
            long gap = sample.atMs() - before.atMs();
            if (gap > rules.energyGapMs()) {
                long at = Math.max(window(sample.atMs()), before.atMs());
                if (fromMs <= at && at < toMs) {
                    sums.energyMj += delta;
                    sums.flags |= RunFlag.ENERGY_GAP.bit();
                }
                continue;
            }
            long lo = Math.max(before.atMs(), fromMs);
            long hi = Math.min(sample.atMs(), toMs);
            if (lo < hi) {
                sums.energyMj +=
                        scaled(delta, hi - before.atMs(), gap)
                                - scaled(delta, lo - before.atMs(), gap);
            }
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

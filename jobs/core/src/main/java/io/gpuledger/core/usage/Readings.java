package io.gpuledger.core.usage;

import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the samples at one position say about any span and any share: covered time, activity and
 * energy. Every quantity is cut by differences of floors between the samples, so cuts at any
 * instants and shares add up to the whole. Each field is looked at by itself: two exporters may
 * share the fields of a GPU, and a blank value is no sample of its field.
 */
final class Readings {
    static final Readings NONE = new Readings(new SampleSeries(0), 1, 1, ReadingRules.STANDARD);

    private static final long PPM_TO_US = 1_000;
    private static final long WINDOW_MS = 60_000;
    private static final long NOT_COUNTED = Long.MIN_VALUE;

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
    static final int ACTIVE = -1;

    private final SampleSeries samples;
    private final long slices;
    private final long slicesPerGpu;
    private final ReadingRules rules;

    /** What cards drew on their way here from another position, by the sample they came with. */
    private final Map<Integer, Arrival> arrivals;

    /** The counter went up since the card was read at the position it had before. */
    private record Arrival(long sinceMs, long deltaMj) {}

    /**
     * Reads the samples of one position.
     *
     * @param slices compute slices the samples speak for, of {@code slicesPerGpu}: the activity of
     *     a MIG instance is a fraction of the card's
     */
    Readings(SampleSeries samples, long slices, long slicesPerGpu, ReadingRules rules) {
        this(samples.named(), slices, slicesPerGpu, rules, Map.of());
    }

    private Readings(
            SampleSeries samples,
            long slices,
            long slicesPerGpu,
            ReadingRules rules,
            Map<Integer, Arrival> arrivals) {
        this.samples = samples;
        this.slices = slices;
        this.slicesPerGpu = slicesPerGpu;
        this.rules = rules;
        this.arrivals = arrivals;
    }

    /**
     * With what the energy counters of cards say that were read at another position before they
     * were read here: the counter is the card's, wherever it is. Its increase is this position's,
     * and only where neither position has a reading of a counter in between.
     */
    Readings arrivingFrom(Collection<Readings> others) {
        Map<Integer, Arrival> found = new HashMap<>();
        int before = -1;
        for (int i = 0; i < samples.size(); i++) {
            if (samples.value(i, SampleSeries.ENERGY) < 0) {
                continue;
            }
            if (!samples.card(i).isEmpty() && (before < 0 || !staysHere(before, i))) {
                Arrival arrival = arrival(i, before, others);
                if (arrival != null) {
                    found.put(i, arrival);
                }
            }
            before = i;
        }
        return found.isEmpty() ? this : new Readings(samples, slices, slicesPerGpu, rules, found);
    }

    private @Nullable Arrival arrival(int i, int before, Collection<Readings> others) {
        long after = before < 0 ? Long.MIN_VALUE : samples.atMs(before);
        Arrival latest = null;
        for (Readings other : others) {
            SampleSeries theirs = other.samples;
            int last = other.lastWith(SampleSeries.ENERGY, theirs.firstFrom(samples.atMs(i)));
            if (other == this
                    || last < 0
                    || theirs.atMs(last) < after
                    || !theirs.card(last).equals(samples.card(i))
                    || other.staysAfter(last)) {
                continue;
            }
            long delta =
                    samples.value(i, SampleSeries.ENERGY) - theirs.value(last, SampleSeries.ENERGY);
            // A reset: what was drawn in between is unknown.
            if (delta > 0 && (latest == null || latest.sinceMs() < theirs.atMs(last))) {
                latest = new Arrival(theirs.atMs(last), delta);
            }
        }
        return latest;
    }

    /** No other card was seen here from one sample to another. */
    private boolean staysHere(int from, int to) {
        for (int i = from; i < to; i++) {
            if (!samples.isSameCard(i, i + 1)) {
                return false;
            }
        }
        return true;
    }

    /** The next reading of the counter here goes on from this one. */
    private boolean staysAfter(int i) {
        int next = i + 1;
        while (next < samples.size() && samples.value(next, SampleSeries.ENERGY) < 0) {
            next++;
        }
        return next < samples.size() && staysHere(i, next);
    }

    /** Names of the cards that were ever read here. */
    List<String> cards() {
        return samples.cards();
    }

    Sums over(long fromMs, long toMs) {
        return over(fromMs, toMs, Share.WHOLE);
    }

    /** A holder's part of what the samples say of their position. */
    Sums over(long fromMs, long toMs, Share share) {
        Sums sums = new Sums();
        Fraction part = new Fraction(slices, slicesPerGpu, share);
        activity(sums, fromMs, toMs, part);
        sums.smUs = activity(SampleSeries.SM, fromMs, toMs, part);
        sums.tensorUs = activity(SampleSeries.TENSOR, fromMs, toMs, part);
        sums.dramUs = activity(SampleSeries.DRAM, fromMs, toMs, part);
        sums.memoryMibMs = memory(fromMs, toMs, share);
        addEnergy(sums, fromMs, toMs, share);
        return sums;
    }

    /** Energy alone. */
    Sums energy(long fromMs, long toMs, Share share) {
        Sums sums = new Sums();
        addEnergy(sums, fromMs, toMs, share);
        return sums;
    }

    private void addEnergy(Sums sums, long fromMs, long toMs, Share share) {
        fromPower(sums, fromMs, toMs, share);
        fromCounter(sums, fromMs, toMs, share);
    }

    long slices() {
        return slices;
    }

    /**
     * What the samples of an instance say of whoever has it: active for the time that it has of the
     * card, with all of its memory.
     */
    Sums ofInstance(long fromMs, long toMs, Share share) {
        Sums sums = new Sums();
        Fraction part = new Fraction(1, 1, share);
        activity(sums, fromMs, toMs, part);
        sums.smUs = activity(SampleSeries.SM, fromMs, toMs, part);
        sums.tensorUs = activity(SampleSeries.TENSOR, fromMs, toMs, part);
        sums.dramUs = activity(SampleSeries.DRAM, fromMs, toMs, part);
        sums.memoryMibMs = memory(fromMs, toMs, Share.WHOLE);
        return sums;
    }

    /** Activity as a fraction of the card's, of a share of that. */
    private record Fraction(long numerator, long denominator, Share share) {
        long active(long ppm, long lo, long hi, long origin) {
            return share.rate(ppm * numerator, lo, hi, origin, PPM_TO_US * denominator);
        }
    }

    long active(int field, long fromMs, long toMs, Share share) {
        return activity(field, fromMs, toMs, new Fraction(slices, slicesPerGpu, share));
    }

    /**
     * The time for which a field has a value.
     *
     * @param abovePpm only where the value is greater
     */
    List<Span> told(int field, long abovePpm, long fromMs, long toMs) {
        List<Span> told = new ArrayList<>();
        int before = -1;
        for (int i = samples.firstFrom(fromMs + 1); i < samples.size(); i++) {
            long value = value(i, field);
            if (value < 0) {
                continue;
            }
            before = before < 0 ? lastWith(field, i) : before;
            long lo = Math.max(originMs(before, i), fromMs);
            long hi = Math.min(samples.atMs(i), toMs);
            if (lo < hi && value > abovePpm) {
                told.add(new Span(lo, hi));
            }
            if (samples.atMs(i) >= toMs) {
                break;
            }
            before = i;
        }
        return told;
    }

    /** The time in which the GPU was seen busy. */
    List<Span> busy(long fromMs, long toMs) {
        return told(ACTIVE, rules.idlePpm(), fromMs, toMs);
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
        if (before < 0 || !staysHere(before, i)) {
            return at;
        }
        return Math.max(samples.atMs(before), at - samples.coverMs(i));
    }

    private void activity(Sums sums, long fromMs, long toMs, Fraction part) {
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
                long ms = part.share().ms(lo, hi);
                sums.coveredMs += ms;
                sums.idleMs += value <= rules.idlePpm() ? ms : 0;
                sums.activeUs += part.active(value, lo, hi, origin);
            }
            if (samples.atMs(i) >= toMs) {
                break;
            }
            before = i;
        }
    }

    /** Value x time over the span. */
    private long activity(int field, long fromMs, long toMs, Fraction part) {
        long total = 0;
        int before = -1;
        for (int i = samples.firstFrom(fromMs + 1); i < samples.size(); i++) {
            long value = value(i, field);
            if (value < 0) {
                continue;
            }
            before = before < 0 ? lastWith(field, i) : before;
            long origin = originMs(before, i);
            long lo = Math.max(origin, fromMs);
            long hi = Math.min(samples.atMs(i), toMs);
            if (lo < hi) {
                total += part.active(value, lo, hi, origin);
            }
            if (samples.atMs(i) >= toMs) {
                break;
            }
            before = i;
        }
        return total;
    }

    long memory(long fromMs, long toMs, Share share) {
        long total = 0;
        int before = -1;
        for (int i = samples.firstFrom(fromMs + 1); i < samples.size(); i++) {
            long value = samples.value(i, SampleSeries.MEMORY);
            if (value < 0) {
                continue;
            }
            before = before < 0 ? lastWith(SampleSeries.MEMORY, i) : before;
            long lo = Math.max(originMs(before, i), fromMs);
            long hi = Math.min(samples.atMs(i), toMs);
            if (lo < hi) {
                total += value * share.ms(lo, hi);
            }
            if (samples.atMs(i) >= toMs) {
                break;
            }
            before = i;
        }
        return total;
    }

    /** Power stands in for the counter where no two readings of it enclose the time. */
    private void fromPower(Sums sums, long fromMs, long toMs, Share share) {
        int before = -1;
        for (int i = samples.firstFrom(fromMs + 1); i < samples.size(); i++) {
            if (samples.value(i, SampleSeries.POWER) < 0) {
                continue;
            }
            before = before < 0 ? lastWith(SampleSeries.POWER, i) : before;
            long origin = originMs(before, i);
            if (samples.value(i, SampleSeries.ENERGY) < 0 && origin < toMs) {
                uncounted(i, origin, new Part(sums, fromMs, toMs, share));
            }
            if (samples.atMs(i) >= toMs) {
                break;
            }
            before = i;
        }
    }

    /** Where energy goes: a share of a span. */
    private record Part(Sums sums, long fromMs, long toMs, Share share) {
        /** A quantity that grew between two instants of the span, counted from its origin. */
        void add(long before, long after, int flags) {
            sums.energyMj += share.cut(before, after);
            sums.flags |= before < after ? flags : 0;
        }
    }

    /** What the power of one sample says of the part of its time that no counter encloses. */
    private void uncounted(int i, long originMs, Part part) {
        long from = originMs;
        long end = samples.atMs(i);
        int before = lastWith(SampleSeries.ENERGY, samples.firstFrom(from));
        for (int c = samples.firstFrom(from); c < samples.size(); c++) {
            if (samples.value(c, SampleSeries.ENERGY) < 0) {
                continue;
            }
            if (before >= 0 && samples.atMs(before) >= end) {
                break;
            }
            long since = countedSince(before, c);
            if (since != NOT_COUNTED) {
                power(i, originMs, from, Math.min(since, end), part);
                from = Math.max(from, Math.min(samples.atMs(c), end));
            }
            before = c;
        }
        power(i, originMs, from, end, part);
    }

    /** Since when the counter tells what was drawn until a reading of it. */
    private long countedSince(int before, int after) {
        Arrival arrival = arrivals.get(after);
        long since = NOT_COUNTED;
        if (before >= 0 && staysHere(before, after)) {
            since = samples.atMs(before);
        } else if (arrival != null) {
            since = arrival.sinceMs();
        }
        boolean near = since != NOT_COUNTED && samples.atMs(after) - since <= rules.energyGapMs();
        return near ? since : NOT_COUNTED;
    }

    private void power(int i, long origin, long partFrom, long partTo, Part part) {
        long lo = Math.max(partFrom, part.fromMs());
        long hi = Math.min(partTo, part.toMs());
        if (lo < hi) {
            // One watt is 1000 mW and one second 1000 ms: mW x ms / 1000 is millijoules.
            long milliwatt = samples.value(i, SampleSeries.POWER);
            part.add(
                    Share.floor(lo - origin, milliwatt, 1_000),
                    Share.floor(hi - origin, milliwatt, 1_000),
                    RunFlag.ENERGY_FROM_POWER.bit());
        }
    }

    private void fromCounter(Sums sums, long fromMs, long toMs, Share share) {
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
                if (delta > 0 && staysHere(before, i)) {
                    spread(delta, since, at, new Part(sums, fromMs, toMs, share));
                }
            }
            before = i;
        }
        arrivals.forEach(
                (i, arrival) ->
                        spread(
                                arrival.deltaMj(),
                                arrival.sinceMs(),
                                samples.atMs(i),
                                new Part(sums, fromMs, toMs, share)));
    }

    private void spread(long delta, long since, long at, Part part) {
        long gap = at - since;
        if (gap > rules.energyGapMs()) {
            long remainder = Math.max(window(at), since);
            if (part.fromMs() <= remainder && remainder < part.toMs()) {
                part.add(0, delta, RunFlag.ENERGY_GAP.bit());
            }
            return;
        }
        long lo = Math.max(since, part.fromMs());
        long hi = Math.min(at, part.toMs());
        if (lo < hi) {
            part.add(Share.floor(lo - since, delta, gap), Share.floor(hi - since, delta, gap), 0);
        }
    }

    /** Start of the window that ends at or contains the instant's last millisecond. */
    private static long window(long instantMs) {
        return Math.floorDiv(instantMs - 1, WINDOW_MS) * WINDOW_MS;
    }
}

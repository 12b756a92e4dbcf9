package io.gpuledger.core.usage;

import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The samples of one card and of its MIG instances. An exporter shows an instance's own activity
 * and memory but repeats the whole card's energy on every instance: that is counted once and split
 * by share (DESIGN 6.4).
 */
public final class SlotReadings {
    private static final SortedMap<Integer, Readings> NO_INSTANCES = Collections.emptySortedMap();

    static final SlotReadings NONE = new SlotReadings(Readings.NONE, NO_INSTANCES);

    private final Readings card;
    private final SortedMap<Integer, Readings> instances;

    private SlotReadings(Readings card, SortedMap<Integer, Readings> instances) {
        this.card = card;
        this.instances = instances;
    }

    /** Samples of one MIG instance, or of the whole card. */
    public record Series(int slices, int slicesPerGpu, SampleSeries samples) {
        /** With the samples of both: two NVML indices may turn out to be one slot. */
        public Series and(Series other) {
            SampleSeries all = new SampleSeries(samples.size() + other.samples.size());
            all.addAll(samples, 0, samples.size());
            all.addAll(other.samples, 0, other.samples.size());
            return new Series(slices, slicesPerGpu, all);
        }
    }

    /**
     * Puts the series of a host's slots together.
     *
     * @param bySlot samples by slot and MIG instance
     */
    public static Map<Integer, SlotReadings> bySlot(
            Map<Integer, SortedMap<Integer, Series>> bySlot, ReadingRules rules) {
        Map<Integer, SlotReadings> readings = new HashMap<>();
        bySlot.forEach((slot, byInstance) -> readings.put(slot, of(byInstance, rules)));
        if (isCardAtTwo(readings.values())) {
            List<Readings> all = new ArrayList<>();
            readings.values().forEach(r -> all.add(r.card));
            readings.replaceAll(
                    (slot, r) -> new SlotReadings(r.card.arrivingFrom(all), r.instances));
        }
        return readings;
    }

    private static boolean isCardAtTwo(Collection<SlotReadings> slots) {
        Set<String> seen = new HashSet<>();
        for (SlotReadings slot : slots) {
            for (String card : slot.card.cards()) {
                if (!card.isEmpty() && !seen.add(card)) {
                    return true;
                }
            }
        }
        return false;
    }

    /**
     * Puts the series of one card together.
     *
     * @param byInstance samples by MIG instance, -1 for the card
     */
    public static SlotReadings of(SortedMap<Integer, Series> byInstance, ReadingRules rules) {
        Series whole = byInstance.get(-1);
        if (whole != null && byInstance.size() == 1) {
            return new SlotReadings(new Readings(whole.samples(), 1, 1, rules), NO_INSTANCES);
        }
        SampleSeries card = new SampleSeries();
        SortedMap<Integer, Readings> instances = new TreeMap<>();
        for (Map.Entry<Integer, Series> entry : byInstance.entrySet()) {
            Series series = entry.getValue();
            SampleSeries samples = series.samples();
            if (entry.getKey() < 0) {
                card.addAll(samples, 0, samples.size());
                continue;
            }
            SampleSeries totals = samples.cardTotals(true);
            card.addAll(totals, 0, totals.size());
            instances.put(
                    entry.getKey(),
                    new Readings(
                            samples.cardTotals(false),
                            series.slices(),
                            series.slicesPerGpu(),
                            rules));
        }
        return new SlotReadings(new Readings(card, 1, 1, rules), instances);
    }

    /** The whole card. What only the instances tell is added up. */
    Readings.Sums card(long fromMs, long toMs) {
        return card(fromMs, toMs, Share.WHOLE);
    }

    private Readings.Sums card(long fromMs, long toMs, Share share) {
        Readings.Sums sums = card.over(fromMs, toMs, share);
        if (!instances.isEmpty()) {
            addInstances(sums, new Span(fromMs, toMs), share);
        }
        return sums;
    }

    /** Where the card's own samples say nothing, what its instances say counts. */
    private void addInstances(Readings.Sums sums, Span span, Share share) {
        for (Span gap : gaps(Readings.ACTIVE, span)) {
            List<Span> told = new ArrayList<>();
            List<Span> busy = new ArrayList<>();
            for (Readings instance : instances.values()) {
                told.addAll(instance.told(Readings.ACTIVE, -1, gap.startMs(), gap.endMs()));
                busy.addAll(instance.busy(gap.startMs(), gap.endMs()));
                sums.activeUs +=
                        instance.active(Readings.ACTIVE, gap.startMs(), gap.endMs(), share);
            }
            long covered = ms(told, share);
            sums.coveredMs += covered;
            // Idle as a whole only while every instance is.
            sums.idleMs += covered - ms(busy, share);
        }
        sums.smUs += ofInstances(SampleSeries.SM, span, share);
        sums.tensorUs += ofInstances(SampleSeries.TENSOR, span, share);
        sums.dramUs += ofInstances(SampleSeries.DRAM, span, share);
        for (Span gap : gaps(SampleSeries.MEMORY, span)) {
            for (Readings instance : instances.values()) {
                sums.memoryMibMs += instance.memory(gap.startMs(), gap.endMs(), share);
            }
        }
    }

    private long ofInstances(int field, Span span, Share share) {
        long active = 0;
        for (Span gap : gaps(field, span)) {
            for (Readings instance : instances.values()) {
                active += instance.active(field, gap.startMs(), gap.endMs(), share);
            }
        }
        return active;
    }

    /** The time for which the card's own samples do not have a field. */
    private List<Span> gaps(int field, Span span) {
        List<Span> gaps = new ArrayList<>();
        long from = span.startMs();
        for (Span told : Span.union(card.told(field, -1, span.startMs(), span.endMs()))) {
            if (from < told.startMs()) {
                gaps.add(new Span(from, told.startMs()));
            }
            from = told.endMs();
        }
        if (from < span.endMs()) {
            gaps.add(new Span(from, span.endMs()));
        }
        return gaps;
    }

    private static long ms(List<Span> spans, Share share) {
        long ms = 0;
        for (Span span : Span.union(spans)) {
            ms += share.ms(span.startMs(), span.endMs());
        }
        return ms;
    }

    Split split(long fromMs, long toMs, long denominator, boolean mig) {
        return new Split(fromMs, toMs, denominator, mig && !instances.isEmpty());
    }

    /** A holder's part of a stretch. */
    record Part(long gpuMs, Readings.Sums read) {}

    /** Hands out the shares of a stretch one by one; together with the rest they are the whole. */
    final class Split {
        private final long fromMs;
        private final long toMs;
        private final long denominator;
        private final boolean byInstance;
        private final Set<Integer> taken = new HashSet<>();
        private long cumulated;

        private Split(long fromMs, long toMs, long denominator, boolean byInstance) {
            this.fromMs = fromMs;
            this.toMs = toMs;
            this.denominator = denominator;
            this.byInstance = byInstance;
        }

        boolean fits(long share) {
            return cumulated + share <= denominator;
        }

        boolean hasRest() {
            return cumulated < denominator;
        }

        Part next(long share, int instance) {
            Share part = take(share);
            if (!byInstance) {
                return part(part, card(fromMs, toMs, part));
            }
            taken.add(instance);
            // Of an instance that no exporter shows nothing is known but the card's energy.
            Readings own = instances.getOrDefault(instance, Readings.NONE);
            return part(part, withEnergy(own.ofInstance(fromMs, toMs, part), part));
        }

        /** What nobody holds: its activity is that of the instances nobody holds. */
        Part rest() {
            long before = cumulated;
            Share rest = take(denominator - cumulated);
            return part(
                    rest,
                    byInstance ? withEnergy(free(before, rest), rest) : card(fromMs, toMs, rest));
        }

        /** The free instances share the rest; slices of no instance are known with any of them. */
        private Readings.Sums free(long before, Share rest) {
            Readings.Sums free = new Readings.Sums();
            List<Span> told = new ArrayList<>();
            boolean anyFree = !taken.containsAll(instances.keySet());
            long from = before;
            for (Map.Entry<Integer, Readings> entry : instances.entrySet()) {
                boolean isFree = !taken.contains(entry.getKey());
                Readings own = entry.getValue();
                if (isFree || !anyFree) {
                    told.addAll(own.told(Readings.ACTIVE, -1, fromMs, toMs));
                }
                if (isFree) {
                    long to = Math.min(denominator, from + own.slices());
                    free.add(own.ofInstance(fromMs, toMs, new Share(from, to, denominator)));
                    from = to;
                }
            }
            free.coveredMs = ms(told, rest);
            free.idleMs = 0;
            return free;
        }

        private Readings.Sums withEnergy(Readings.Sums own, Share part) {
            Readings.Sums energy = card.energy(fromMs, toMs, part);
            own.energyMj = energy.energyMj;
            own.flags = energy.flags;
            return own;
        }

        private Share take(long share) {
            long before = cumulated;
            cumulated += share;
            return new Share(before, cumulated, denominator);
        }

        private Part part(Share share, Readings.Sums sums) {
            return new Part(share.ms(fromMs, toMs), sums);
        }
    }
}

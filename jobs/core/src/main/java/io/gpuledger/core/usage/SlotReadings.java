package io.gpuledger.core.usage;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
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
        Readings.Sums sums = card.over(fromMs, toMs);
        if (!instances.isEmpty()) {
            addInstances(sums, fromMs, toMs);
        }
        return sums;
    }

    private void addInstances(Readings.Sums sums, long fromMs, long toMs) {
        Readings.Sums all = new Readings.Sums();
        long covered = 0;
        for (Readings instance : instances.values()) {
            Readings.Sums one = instance.over(fromMs, toMs);
            covered = Math.max(covered, one.coveredMs);
            all.add(one);
        }
        if (sums.coveredMs == 0) {
            sums.coveredMs = covered;
            sums.activeUs = all.activeUs;
            // Idle as a whole only while every instance is; their sum says nothing of that.
            sums.idleMs = all.activeUs == 0 ? covered : 0;
        }
        sums.smUs = sums.smUs == 0 ? all.smUs : sums.smUs;
        sums.tensorUs = sums.tensorUs == 0 ? all.tensorUs : sums.tensorUs;
        sums.dramUs = sums.dramUs == 0 ? all.dramUs : sums.dramUs;
        sums.memoryMibMs = sums.memoryMibMs == 0 ? all.memoryMibMs : sums.memoryMibMs;
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
        private final Readings.Sums whole;
        private final List<Integer> taken = new ArrayList<>();
        private long cumulated;

        private Split(long fromMs, long toMs, long denominator, boolean byInstance) {
            this.fromMs = fromMs;
            this.toMs = toMs;
            this.denominator = denominator;
            this.byInstance = byInstance;
            this.whole = card(fromMs, toMs);
        }

        boolean fits(long share) {
            return cumulated + share <= denominator;
        }

        boolean hasRest() {
            return cumulated < denominator;
        }

        Part next(long share, int instance) {
            Part part = cut(share);
            if (byInstance) {
                taken.add(instance);
                Readings own = instances.get(instance);
                ownActivity(part.read(), own == null ? new Readings.Sums() : read(own, share));
            }
            return part;
        }

        /** What nobody holds: its activity is that of the instances nobody holds. */
        Part rest() {
            Part part = cut(denominator - cumulated);
            if (byInstance) {
                Readings.Sums free = new Readings.Sums();
                instances.forEach(
                        (instance, own) -> {
                            if (!taken.contains(instance)) {
                                free.add(own.over(fromMs, toMs));
                            }
                        });
                free.idleMs = 0;
                ownActivity(part.read(), free);
            }
            return part;
        }

        private Readings.Sums read(Readings own, long share) {
            Readings.Sums sums = own.over(fromMs, toMs);
            sums.idleMs = sums.idleMs * share / denominator;
            return sums;
        }

        private void ownActivity(Readings.Sums into, Readings.Sums own) {
            into.activeUs = own.activeUs;
            into.smUs = own.smUs;
            into.tensorUs = own.tensorUs;
            into.dramUs = own.dramUs;
            into.memoryMibMs = own.memoryMibMs;
            into.idleMs = own.idleMs;
        }

        private Part cut(long share) {
            long before = cumulated;
            cumulated += share;
            Readings.Sums sums = new Readings.Sums();
            sums.coveredMs = cut(whole.coveredMs, before);
            sums.activeUs = cut(whole.activeUs, before);
            sums.smUs = cut(whole.smUs, before);
            sums.tensorUs = cut(whole.tensorUs, before);
            sums.dramUs = cut(whole.dramUs, before);
            sums.memoryMibMs = cut(whole.memoryMibMs, before);
            sums.energyMj = cut(whole.energyMj, before);
            sums.idleMs = cut(whole.idleMs, before);
            sums.flags = whole.flags;
            return new Part(Shares.part(fromMs, toMs, before, cumulated, denominator), sums);
        }

        private long cut(long amount, long before) {
            return Shares.cut(amount, before, cumulated, denominator);
        }
    }
}

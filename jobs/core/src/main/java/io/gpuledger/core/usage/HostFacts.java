package io.gpuledger.core.usage;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * All that is known of one host, apart from its samples: who claims which part of which slot, and
 * when each slot existed. Made by {@link #of}; attribution reads it window by window.
 *
 * @param slots per GPU index what is known of the slot
 * @param runs with positions wherever they are certain
 * @param unplaced those of them that have devices without a position
 * @param claims per GPU index
 * @param schedulerKnown disjoint spans in which the scheduler's view is complete
 */
public record HostFacts(
        String cluster,
        String host,
        HostTimeline timeline,
        SortedMap<Integer, Slot> slots,
        List<HostRun> runs,
        List<HostRun> unplaced,
        SortedMap<Integer, SlotClaims> claims,
        List<Span> schedulerKnown) {

    private static final long WINDOW_MS = 60_000;

    /**
     * What is known of one slot.
     *
     * @param exists disjoint spans
     * @param cards what telemetry called it, by the time it was first called so
     */
    public record Slot(List<Span> exists, SortedMap<Long, CardName> cards) {}

    /** UUID and model as telemetry tells them. */
    public record CardName(String uuid, String model) {}

    /**
     * Evidence of a slot outside runs and inventory: its samples.
     *
     * @param firstMs the earliest sample
     * @param lastMs the latest sample
     * @param cards what they called it; empty where the samples themselves are forgotten
     * @param divided some sample was of a MIG instance
     */
    public record Sampled(
            long firstMs, long lastMs, SortedMap<Long, CardName> cards, boolean divided) {
        /** Both together; of two names of one instant the greater UUID wins. */
        public Sampled and(Sampled other) {
            SortedMap<Long, CardName> all = new TreeMap<>(cards);
            other.cards.forEach(
                    (at, name) ->
                            all.merge(
                                    at, name, (a, b) -> a.uuid().compareTo(b.uuid()) >= 0 ? a : b));
            return new Sampled(
                    Math.min(firstMs, other.firstMs),
                    Math.max(lastMs, other.lastMs),
                    all,
                    divided || other.divided);
        }
    }

    /** A job label of an exporter on a GPU: only a hint where nothing better tells the position. */
    public record JobHint(String jobId, int gpuIndex, long firstMs, long lastMs) {}

    /** Puts together what is known; the order of the lists does not matter. */
    public static HostFacts of(
            String cluster,
            String host,
            HostTimeline timeline,
            List<HostRun> runs,
            List<JobHint> hints,
            Map<Integer, Sampled> sampled,
            List<Span> schedulerKnown) {
        List<HostRun> sorted = new ArrayList<>(runs);
        sorted.sort(Comparator.comparing(HostRun::runId));
        List<HostRun> placed =
                CountPlacement.place(timeline, sorted, hints, exported(timeline, sampled));
        SortedMap<Integer, SlotClaims> claims = Claims.of(placed, timeline);
        SortedMap<Integer, Slot> slots = new TreeMap<>();
        TreeSet<Integer> indices = new TreeSet<>(sampled.keySet());
        indices.addAll(timeline.slots());
        indices.addAll(claims.keySet());
        for (int index : indices) {
            Sampled samples = sampled.get(index);
            List<Claim> held = claims.getOrDefault(index, SlotClaims.NONE).all();
            List<Span> exists = exists(timeline, index, samples, held);
            if (!exists.isEmpty()) {
                slots.put(
                        index,
                        new Slot(exists, samples == null ? new TreeMap<>() : samples.cards()));
            }
        }
        return new HostFacts(
                cluster, host, timeline, slots, placed, unplaced(placed), claims, schedulerKnown);
    }

    private static List<HostRun> unplaced(List<HostRun> runs) {
        return runs.stream()
                .filter(run -> run.holdings().stream().anyMatch(HostFacts::isUnplaced))
                .toList();
    }

    /**
     * The same after later samples of cards that were there before.
     *
     * @param lastMs the latest sample of each NVML index
     * @return null where the inventory says more of slots than that they are there: then {@link
     *     #of} has to look at all of it
     */
    public @Nullable HostFacts seenUntil(Map<Integer, Long> lastMs) {
        if (timeline.namesCards()) {
            return null;
        }
        SortedMap<Integer, Slot> seen = new TreeMap<>(slots);
        boolean changed = false;
        for (Map.Entry<Integer, Long> last : lastMs.entrySet()) {
            Slot slot = slots.get(last.getKey());
            if (slot == null
                    || slot.exists().size() != 1
                    || !timeline.absent(last.getKey()).isEmpty()) {
                return null;
            }
            Span exists = slot.exists().get(0);
            long end = floor(last.getValue()) + WINDOW_MS;
            if (end > exists.endMs()) {
                changed = true;
                seen.put(
                        last.getKey(),
                        new Slot(List.of(new Span(exists.startMs(), end)), slot.cards()));
            }
        }
        return changed
                ? new HostFacts(
                        cluster, host, timeline, seen, runs, unplaced, claims, schedulerKnown)
                : this;
    }

    /** The same with other spans in which the scheduler's view is complete. */
    public HostFacts withSchedulerKnown(List<Span> known) {
        return new HostFacts(cluster, host, timeline, slots, runs, unplaced, claims, known);
    }

    /**
     * The GPUs of a host whose inventory nobody tells: an exporter shows all of them, by indices
     * without a gap. With MIG an index of Slurm is no card.
     */
    private static Set<Integer> exported(HostTimeline timeline, Map<Integer, Sampled> sampled) {
        Set<Integer> indices = new TreeSet<>();
        for (Map.Entry<Integer, Sampled> entry : sampled.entrySet()) {
            if (entry.getValue().divided()) {
                return Set.of();
            }
            if (!entry.getValue().cards().isEmpty()) {
                indices.add(entry.getKey());
            }
        }
        boolean whole = !indices.isEmpty() && indices.stream().allMatch(i -> i < indices.size());
        return whole && !timeline.isCounted() ? indices : Set.of();
    }

    /**
     * From the window of the earliest to the window of the latest evidence, less the time the
     * inventory has no such slot; what somebody held was there whatever the inventory says. A card
     * that its run still blocks is there to be blocked.
     */
    private static List<Span> exists(
            HostTimeline timeline, int index, @Nullable Sampled samples, List<Claim> held) {
        long first = Long.MAX_VALUE;
        long last = Long.MIN_VALUE;
        if (samples != null) {
            first = samples.firstMs();
            last = samples.lastMs();
        }
        Span seen = timeline.seen(index);
        if (seen != null) {
            first = Math.min(first, seen.startMs());
            last = Math.max(last, seen.endMs());
        }
        List<Span> allocated = new ArrayList<>();
        for (Claim claim : held) {
            if (claim.endMs() <= claim.startMs()) {
                continue;
            }
            first = Math.min(first, claim.startMs());
            last = Math.max(last, claim.endMs() - 1);
            if (!claim.isOverhead()) {
                allocated.add(new Span(claim.startMs(), claim.endMs()));
            }
        }
        if (last == Long.MIN_VALUE) {
            return List.of();
        }
        List<Span> spans = new ArrayList<>();
        long from = floor(first);
        long end = floor(last) + WINDOW_MS;
        for (Span absent : timeline.absent(index)) {
            if (absent.startMs() > from && absent.startMs() < end) {
                spans.add(new Span(from, absent.startMs()));
            }
            from = Math.max(from, Math.min(absent.endMs(), end));
        }
        if (from < end) {
            spans.add(new Span(from, end));
        }
        spans.addAll(allocated);
        return Span.union(spans);
    }

    private static long floor(long ms) {
        return Math.floorDiv(ms, WINDOW_MS) * WINDOW_MS;
    }

    /** The run holds devices here whose position nobody knows. */
    static boolean isUnplaced(Holding holding) {
        return holding.gpuIndex() < 0;
    }
}

package io.gpuledger.core.usage;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.HostInventory.Availability;
import io.gpuledger.core.usage.HostInventory.Card;
import io.gpuledger.core.usage.HostInventory.Reservation;
import io.gpuledger.core.usage.HostInventory.TypedGpus;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The host snapshots of one host as functions of time. Each thing a snapshot says holds until the
 * next snapshot that says it, the node's state at most {@code gapMs} long: what was down an hour
 * ago may be anything now.
 */
public final class HostTimeline {
    /** A span in which the node was in no state to be given to anybody. */
    public record Unavailable(Span span, Bucket bucket) {}

    /** What the inventory says from its key on; {@code lastMs}: when it was last said. */
    private record Gres(List<TypedGpus> types, int gpus, int shards, long lastMs) {
        boolean says(Gres other) {
            return types.equals(other.types) && shards == other.shards;
        }
    }

    /** DOWN before RESERVED: where both are told the first reason counts. */
    private static final Comparator<Unavailable> FIRST_REASON =
            Comparator.comparing((Unavailable u) -> u.bucket() != Bucket.DOWN)
                    .thenComparingLong(u -> u.span().startMs())
                    .thenComparingLong(u -> u.span().endMs());

    private final NavigableMap<Long, Gres> gres = new TreeMap<>();
    private final NavigableMap<Long, MigLayout> layouts = new TreeMap<>();
    private final NavigableMap<Long, Map<Integer, Card>> cards = new TreeMap<>();
    private final List<Unavailable> unavailable = new ArrayList<>();
    private final NavigableSet<Long> changes = new TreeSet<>();

    private HostTimeline() {}

    /** Snapshots in any order; of those of one instant the greater content wins. */
    public static HostTimeline of(List<HostInventory> snapshots, long gapMs) {
        List<HostInventory> sorted = new ArrayList<>(snapshots);
        sorted.sort(
                Comparator.comparingLong(HostInventory::atMs)
                        .thenComparing(HostInventory::availability)
                        .thenComparing(HostInventory::contentKey));
        HostTimeline timeline = new HostTimeline();
        timeline.reserve(sorted);
        long since = 0;
        Availability state = Availability.UNSAID;
        for (HostInventory snapshot : sorted) {
            if (snapshot.counts()) {
                timeline.count(snapshot);
            }
            if (!snapshot.layout().isEmpty()) {
                timeline.configure(snapshot.atMs(), snapshot.layout());
            }
            if (!snapshot.cards().isEmpty()) {
                Map<Integer, Card> byIndex = new TreeMap<>();
                snapshot.cards().forEach(c -> byIndex.put(c.gpuIndex(), c));
                Map.Entry<Long, Map<Integer, Card>> last =
                        timeline.cards.lowerEntry(snapshot.atMs());
                if (last == null || !last.getValue().equals(byIndex)) {
                    timeline.cards.put(snapshot.atMs(), byIndex);
                }
            }
            if (snapshot.availability() != Availability.UNSAID) {
                timeline.closeState(state, since, snapshot.atMs(), gapMs);
                since = snapshot.atMs();
                state = snapshot.availability();
            }
        }
        timeline.unavailable.sort(FIRST_REASON);
        for (NavigableMap<Long, ?> said : List.of(timeline.gres, timeline.layouts)) {
            if (!said.isEmpty()) {
                timeline.changes.addAll(said.tailMap(said.firstKey(), false).keySet());
            }
        }
        return timeline;
    }

    /**
     * A reservation holds from its start as long as it is told, and not beyond its end: what was
     * told last of the end counts. What is to come may still be changed.
     */
    private void reserve(List<HostInventory> sorted) {
        Map<Long, Map<String, Unavailable>> told = new TreeMap<>();
        for (HostInventory snapshot : sorted) {
            for (Reservation r : snapshot.reservations()) {
                long end = Math.min(r.endMs(), snapshot.atMs());
                if (r.startMs() < end) {
                    told.computeIfAbsent(r.startMs(), s -> new TreeMap<>())
                            .put(
                                    r.name(),
                                    new Unavailable(
                                            new Span(r.startMs(), end),
                                            r.maintenance() ? Bucket.DOWN : Bucket.RESERVED));
                }
            }
        }
        told.values().forEach(byName -> unavailable.addAll(byName.values()));
    }

    private void configure(long atMs, MigLayout layout) {
        Map.Entry<Long, MigLayout> before = layouts.lowerEntry(atMs);
        if (before == null || !before.getValue().equals(layout)) {
            layouts.put(atMs, layout);
        }
    }

    /** A repeated inventory costs nothing. */
    private void count(HostInventory snapshot) {
        long at = snapshot.atMs();
        List<TypedGpus> stated = snapshot.gres();
        List<TypedGpus> types = snapshot.present() && stated != null ? stated : List.of();
        Gres now = new Gres(types, snapshot.gpuCount(), snapshot.shards(), at);
        Map.Entry<Long, Gres> before = gres.lowerEntry(at);
        if (before != null && before.getValue().says(now) && !gres.containsKey(at)) {
            Gres known = before.getValue();
            gres.put(before.getKey(), new Gres(known.types(), known.gpus(), known.shards(), at));
        } else {
            gres.put(at, now);
        }
    }

    private void closeState(Availability state, long fromMs, long toMs, long gapMs) {
        if (toMs == fromMs || toMs - fromMs > gapMs) {
            return;
        }
        if (state != Availability.DOWN && state != Availability.RESERVED) {
            return;
        }
        Bucket bucket = state == Availability.DOWN ? Bucket.DOWN : Bucket.RESERVED;
        long from = fromMs;
        Unavailable last = unavailable.isEmpty() ? null : unavailable.get(unavailable.size() - 1);
        if (last != null && last.bucket() == bucket && last.span().endMs() == fromMs) {
            from = last.span().startMs();
            unavailable.remove(unavailable.size() - 1);
        }
        unavailable.add(new Unavailable(new Span(from, toMs), bucket));
    }

    /** Somebody told how many GPUs the host has. */
    boolean isCounted() {
        return !gres.isEmpty();
    }

    /** Indices that Slurm gives out at an instant: before the first snapshot those of the first. */
    Set<Integer> ordinals(long atMs) {
        Gres known = at(gres, atMs);
        Set<Integer> ordinals = new TreeSet<>();
        for (int i = 0; known != null && i < known.gpus(); i++) {
            ordinals.add(i);
        }
        return ordinals;
    }

    /** Shards that one card is divided in, 0 when not known. */
    public int shardsPerGpu(long atMs) {
        Gres known = at(gres, atMs);
        return known == null || known.gpus() == 0 ? 0 : known.shards() / known.gpus();
    }

    /** Layout in force; before the first configuration that one: an index keeps its meaning. */
    public MigLayout layout(long atMs) {
        MigLayout known = at(layouts, atMs);
        return known == null ? MigLayout.NONE : known;
    }

    /** The scheduler's type of a GPU, or the configured model, or empty. */
    public String model(int gpuIndex, long atMs) {
        Map<Integer, Card> named = at(cards, atMs);
        Card card = named == null ? null : named.get(gpuIndex);
        if (card != null && !card.model().isEmpty()) {
            return card.model();
        }
        return layout(atMs).isEmpty() ? gresType(gpuIndex, atMs) : "";
    }

    /** The type of one of Slurm's indices, empty when not known. */
    String gresType(int ordinal, long atMs) {
        Gres known = at(gres, atMs);
        if (known == null) {
            return "";
        }
        int before = 0;
        for (TypedGpus typed : known.types()) {
            before += typed.count();
            if (ordinal < before) {
                return typed.type();
            }
        }
        return "";
    }

    /** The configured UUID of a GPU, or empty. */
    String uuid(int gpuIndex, long atMs) {
        Map<Integer, Card> named = at(cards, atMs);
        Card card = named == null ? null : named.get(gpuIndex);
        return card == null ? "" : card.uuid();
    }

    /**
     * The slot of a card: where the inventory has it at the instant, or has it first after or last
     * before; else its NVML index.
     */
    public int slotOf(String uuid, int nvmlIndex, long atMs) {
        if (uuid.isEmpty() || cards.isEmpty()) {
            return nvmlIndex;
        }
        Long now = cards.floorKey(atMs);
        List<Map<Integer, Card>> nearest = new ArrayList<>();
        if (now != null) {
            nearest.addAll(cards.tailMap(now, true).values());
            nearest.addAll(cards.headMap(now, false).descendingMap().values());
        } else {
            nearest.addAll(cards.values());
        }
        for (Map<Integer, Card> named : nearest) {
            for (Card card : named.values()) {
                if (card.uuid().equals(uuid)) {
                    return card.gpuIndex();
                }
            }
        }
        return nvmlIndex;
    }

    /** Samples of one NVML index by the slot that they are of. */
    public Map<Integer, SampleSeries> bySlot(int nvmlIndex, SampleSeries samples) {
        if (cards.isEmpty()) {
            return Map.of(nvmlIndex, samples);
        }
        Map<Integer, SampleSeries> bySlot = new TreeMap<>();
        for (int i = 0; i < samples.size(); i++) {
            bySlot.computeIfAbsent(
                            slotOf(samples.card(i), nvmlIndex, samples.atMs(i)),
                            s -> new SampleSeries())
                    .addAll(samples, i, i + 1);
        }
        return bySlot;
    }

    /** The site says which card is where; else a card is where its NVML index says. */
    boolean namesCards() {
        return !cards.isEmpty();
    }

    /** Both mean the same by every index at every instant, however often it was said. */
    boolean meansLike(HostTimeline other) {
        if (!layouts.equals(other.layouts)
                || !cards.equals(other.cards)
                || gres.size() != other.gres.size()) {
            return false;
        }
        for (Map.Entry<Long, Gres> entry : gres.entrySet()) {
            Gres theirs = other.gres.get(entry.getKey());
            if (theirs == null || !entry.getValue().says(theirs)) {
                return false;
            }
        }
        return true;
    }

    /** The first one that contains an instant tells why; they may overlap. */
    List<Unavailable> unavailable() {
        return unavailable;
    }

    /** Every instant at which an index begins to mean something else. */
    public NavigableSet<Long> changes() {
        return Collections.unmodifiableNavigableSet(changes);
    }

    /** Instants at which a snapshot showed the slot, the first and the last. */
    @Nullable Span seen(int gpuIndex) {
        long first = Long.MAX_VALUE;
        long last = Long.MIN_VALUE;
        for (Map.Entry<Long, Gres> entry : gres.entrySet()) {
            if (shows(entry.getKey(), entry.getValue(), gpuIndex)) {
                first = Math.min(first, entry.getKey());
                last = Math.max(last, entry.getValue().lastMs());
            }
        }
        return last == Long.MIN_VALUE ? null : new Span(first, last);
    }

    /** Slots that any snapshot showed. */
    Set<Integer> slots() {
        Set<Integer> slots = new HashSet<>();
        for (Map.Entry<Long, Gres> entry : gres.entrySet()) {
            for (int i = 0; i < entry.getValue().gpus(); i++) {
                MigLayout.Instance instance = layout(entry.getKey()).byOrdinal().get(i);
                slots.add(instance == null ? i : instance.gpuIndex());
            }
        }
        return slots;
    }

    /** Spans in which the host's inventory has no such slot. */
    List<Span> absent(int gpuIndex) {
        List<Span> absent = new ArrayList<>();
        long since = -1;
        for (Map.Entry<Long, Gres> entry : gres.entrySet()) {
            boolean there = shows(entry.getKey(), entry.getValue(), gpuIndex);
            if (!there && since < 0) {
                since = entry.getKey();
            } else if (there && since >= 0) {
                absent.add(new Span(since, entry.getKey()));
                since = -1;
            }
        }
        if (since >= 0) {
            absent.add(new Span(since, Span.OPEN_END));
        }
        return absent;
    }

    private boolean shows(long atMs, Gres known, int gpuIndex) {
        MigLayout layout = layout(atMs);
        if (layout.isEmpty()) {
            return gpuIndex < known.gpus();
        }
        if (layout.cards().contains(gpuIndex)) {
            return known.gpus() > 0;
        }
        return gpuIndex < known.gpus() && !layout.byOrdinal().containsKey(gpuIndex);
    }

    /** What holds at an instant; before the first time it was said, what was said first. */
    private static <T> @Nullable T at(NavigableMap<Long, T> timeline, long atMs) {
        Map.Entry<Long, T> entry = timeline.floorEntry(atMs);
        if (entry == null) {
            entry = timeline.firstEntry();
        }
        return entry == null ? null : entry.getValue();
    }
}

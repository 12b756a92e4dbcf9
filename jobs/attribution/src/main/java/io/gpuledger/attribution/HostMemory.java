package io.gpuledger.attribution;

import io.gpuledger.core.usage.HostFacts;
import io.gpuledger.core.usage.HostInventory;
import io.gpuledger.core.usage.HostRun;
import io.gpuledger.core.usage.HostTimeline;
import io.gpuledger.core.usage.SampleSeries;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What the job works with of one host: its state as objects, and what is derived from it. State
 * alone counts: {@link HostStore} makes this from it at any time, so it may be forgotten at any
 * time. Nothing in here is shared with the state, which a checkpoint may be writing meanwhile.
 */
final class HostMemory {
    private static final long HOUR_MS = 3_600_000;
    private static final int LAYOUTS = 16;
    private static final int MOST_NEXT = 64;

    final HostState host;
    final List<Track> tracks = new ArrayList<>();
    final Map<String, HostRun> runs = new HashMap<>();

    /** What host snapshots said and when, by the digest of what they said. */
    final Map<String, InventoryState> inventories = new HashMap<>();

    /** Those that state does not have so. */
    final Set<String> changedInventories = new HashSet<>();

    private final Map<String, HostInventory> decoded = new HashMap<>();

    /** Some run has devices whose position is not told. */
    boolean isCounted;

    /** Scrapes that are in no chunk. */
    int unpacked;

    /** State knows all that is in here. */
    boolean isSaved = true;

    /** Of samples from here on all are in {@link Track#recent}. */
    long recentFromMs = Long.MIN_VALUE;

    /** Samples of an hour before that. */
    @Nullable Excerpt excerpt;

    @Nullable HostTimeline timeline;
    @Nullable HostFacts facts;

    /** The facts before changes whose windows are still to be found. */
    @Nullable HostFacts before;

    /** The latest sample that {@link #facts} know of. */
    long factsUntilMs = Long.MIN_VALUE;

    /** What was known of the scheduler when the facts were made, and when windows were touched. */
    int factsHeard;

    int touchedHeard = -1;

    /** The latest sample. */
    long lastSampleMs = Long.MIN_VALUE;

    /** The last window that a sample touched. */
    long touchedMs = Long.MIN_VALUE;

    final OpenHours openHours = new OpenHours();

    /** Scrapes of one layout, later than all that is in the tracks. */
    private final List<Scrape> next = new ArrayList<>();

    private @Nullable Applied nextLayout;

    private final IdentityHashMap<ScrapeLayout, Applied> applied = new IdentityHashMap<>();

    /** The series that the elements of a layout are, once a scrape of it was taken in full. */
    static final class Applied {
        final Track[] tracks;
        private final int[] cards;

        /** Places of their slots among the evidence. */
        final int[] slots;

        private Applied(int elements) {
            tracks = new Track[elements];
            cards = new int[elements];
            slots = new int[elements];
        }
    }

    /**
     * Samples of the hour from an instant on and their neighbours, by the number of the series. The
     * neighbours are why a later scrape may make it wrong: the first counter after the hour says
     * what was drawn at its end.
     */
    record Excerpt(long fromMs, Map<Integer, SampleSeries> series) {}

    HostMemory(HostState host) {
        this.host = host;
    }

    void forgetFacts() {
        facts = null;
    }

    /** A scrape changes what happened since an instant. */
    void forgetExcerptFrom(long instantMs) {
        if (excerpt != null && instantMs < excerpt.fromMs() + HOUR_MS) {
            excerpt = null;
        }
    }

    void forgetTimeline() {
        timeline = null;
        facts = null;
    }

    /** What a host snapshot said. */
    HostInventory said(String contentKey, InventoryState state) {
        return decoded.computeIfAbsent(
                contentKey, key -> WireConversion.inventory(state, 0, contentKey));
    }

    /** Every host snapshot. */
    List<HostInventory> snapshots() {
        List<HostInventory> snapshots = new ArrayList<>();
        inventories.forEach(
                (key, state) -> {
                    HostInventory said = said(key, state);
                    for (long at : state.atMs) {
                        snapshots.add(said.at(at));
                    }
                });
        return snapshots;
    }

    /** A slot that is still to come may have been reserved, or its node down, before. */
    boolean isToldOfSince(long instantMs) {
        for (InventoryState said : inventories.values()) {
            boolean lately = said.lastBefore(Long.MAX_VALUE) >= instantMs;
            if (lately && !WireConversion.configures(said)) {
                return true;
            }
        }
        return false;
    }

    /** Of what was said before an instant, the last of each thing that snapshots say counts. */
    void dropInventoriesBefore(long instantMs, boolean onlyConfiguration) {
        long counted = Long.MIN_VALUE;
        long stated = Long.MIN_VALUE;
        long laidOut = Long.MIN_VALUE;
        long named = Long.MIN_VALUE;
        for (Map.Entry<String, InventoryState> entry : inventories.entrySet()) {
            HostInventory said = said(entry.getKey(), entry.getValue());
            long last = entry.getValue().lastBefore(instantMs);
            counted = said.counts() ? Math.max(counted, last) : counted;
            stated = said.tellsState() ? Math.max(stated, last) : stated;
            laidOut = said.layout().isEmpty() ? laidOut : Math.max(laidOut, last);
            named = said.cards().isEmpty() ? named : Math.max(named, last);
        }
        for (Map.Entry<String, InventoryState> entry : Map.copyOf(inventories).entrySet()) {
            HostInventory said = said(entry.getKey(), entry.getValue());
            InventoryState state = entry.getValue();
            long last = state.lastBefore(instantMs);
            boolean configuration =
                    (!said.layout().isEmpty() && last == laidOut)
                            || (!said.cards().isEmpty() && last == named);
            boolean other =
                    (said.counts() && last == counted) || (said.tellsState() && last == stated);
            state.dropBefore(instantMs, configuration || (other && !onlyConfiguration));
            changedInventories.add(entry.getKey());
            if (state.atMs.length == 0) {
                inventories.remove(entry.getKey());
                decoded.remove(entry.getKey());
            }
        }
    }

    /** The samples in memory, by the number of their series. */
    Map<Integer, SampleSeries> recent() {
        Map<Integer, SampleSeries> recent = new HashMap<>();
        tracks.forEach(t -> recent.put(t.id, t.recent));
        return recent;
    }

    Map<Integer, SeriesState> states() {
        Map<Integer, SeriesState> states = new TreeMap<>();
        tracks.forEach(t -> states.put(t.id, t.series));
        return states;
    }

    Track track(int gpuIndex, int instance) {
        for (Track track : tracks) {
            if (track.series.gpuIndex == gpuIndex && track.series.instance == instance) {
                return track;
            }
        }
        int id = tracks.stream().mapToInt(t -> t.id + 1).max().orElse(0);
        SeriesState series = new SeriesState();
        series.gpuIndex = gpuIndex;
        series.instance = instance;
        Track track = new Track(id, series);
        tracks.add(track);
        return track;
    }

    @Nullable Applied applied(ScrapeLayout layout) {
        return applied.get(layout);
    }

    /** Later scrapes of this layout will say nothing new of what is called how. */
    void apply(ScrapeLayout layout) {
        if (!layout.isKnownByBytes()) {
            return;
        }
        int n = layout.size();
        Applied now = new Applied(n);
        for (int i = 0; i < n; i++) {
            now.tracks[i] = track(layout.gpuIndex[i], layout.instance[i]);
            now.cards[i] = now.tracks[i].series.number(layout.uuids[i]);
            now.slots[i] = slot(layout.gpuIndex[i]);
        }
        if (applied.size() >= LAYOUTS) {
            applied.clear(); // job labels make new ones; those in use come back
        }
        applied.put(layout, now);
    }

    /** Takes a scrape of a layout that was applied, later than any other. */
    void takeNext(Scrape scrape, Applied layout) {
        next.add(scrape);
        nextLayout = layout;
        lastSampleMs = scrape.observedAtMs();
        if (next.size() >= MOST_NEXT) {
            takeIn();
        }
    }

    /** Whether a scrape has the layout of the one before it, and neither has a blank. */
    boolean isLikeLast(Scrape scrape) {
        Scrape last = next.isEmpty() ? null : next.get(next.size() - 1);
        return last != null
                && last.layout() == scrape.layout()
                && last.isComplete()
                && scrape.isComplete();
    }

    /**
     * Puts the scrapes that were only kept into their series. Series by series: each lies elsewhere
     * in memory, and fetching all of them for every scrape took as long as all the rest.
     */
    void takeIn() {
        if (next.isEmpty()) {
            return;
        }
        Applied applied = Objects.requireNonNull(nextLayout, "that of the scrapes");
        Scrape first = next.get(0);
        Scrape last = next.get(next.size() - 1);
        ScrapeLayout layout = first.layout();
        boolean complete = next.stream().allMatch(Scrape::isComplete);
        for (int i = 0; i < layout.size(); i++) {
            Track track = applied.tracks[i];
            int from = i * SampleSeries.FIELDS;
            SampleSeries.Tail tail = track.recent.tail(layout.uuids[i]);
            for (Scrape scrape : next) {
                tail.add(scrape.observedAtMs(), scrape.coverMs(), scrape.values(), from);
            }
            // All of them have the same fields where none has a blank.
            for (Scrape scrape : complete ? List.of(first, last) : next) {
                track.noteFields(scrape.observedAtMs(), scrape.values(), from);
            }
            if (!layout.jobs[i].isEmpty()) {
                hint(layout.jobs[i], layout.gpuIndex[i], first.observedAtMs());
                hint(layout.jobs[i], layout.gpuIndex[i], last.observedAtMs());
            }
            track.series.cardLastMs[applied.cards[i]] = lastSampleMs;
            track.series.slicesAtMs = lastSampleMs;
            int slot = applied.slots[i];
            // Other evidence may be later than the samples.
            host.slotLastMs[slot] = Math.max(host.slotLastMs[slot], lastSampleMs);
        }
        next.clear();
    }

    /** What was said once may mean something else now. */
    void unapply() {
        applied.clear();
    }

    /** Place of a slot among the evidence, a new one when there was none. */
    int slot(int gpuIndex) {
        for (int i = 0; i < host.slotIndex.length; i++) {
            if (host.slotIndex[i] == gpuIndex) {
                return i;
            }
        }
        int added = host.slotIndex.length;
        host.slotIndex = Arrays.copyOf(host.slotIndex, added + 1);
        host.slotFirstMs = Arrays.copyOf(host.slotFirstMs, added + 1);
        host.slotLastMs = Arrays.copyOf(host.slotLastMs, added + 1);
        host.slotIndex[added] = gpuIndex;
        host.slotFirstMs[added] = Long.MAX_VALUE;
        host.slotLastMs[added] = Long.MIN_VALUE;
        return added;
    }

    void hint(String job, int gpuIndex, long atMs) {
        for (int i = 0; i < host.hintJob.length; i++) {
            if (host.hintJob[i].equals(job) && host.hintGpu[i] == gpuIndex) {
                host.hintFirstMs[i] = Math.min(host.hintFirstMs[i], atMs);
                host.hintLastMs[i] = Math.max(host.hintLastMs[i], atMs + 1);
                return;
            }
        }
        int added = host.hintJob.length;
        host.hintJob = Arrays.copyOf(host.hintJob, added + 1);
        host.hintGpu = Arrays.copyOf(host.hintGpu, added + 1);
        host.hintFirstMs = Arrays.copyOf(host.hintFirstMs, added + 1);
        host.hintLastMs = Arrays.copyOf(host.hintLastMs, added + 1);
        host.hintJob[added] = job;
        host.hintGpu[added] = gpuIndex;
        host.hintFirstMs[added] = atMs;
        host.hintLastMs[added] = atMs + 1;
    }

    void dropHintsBefore(long instantMs) {
        int kept = 0;
        for (int i = 0; i < host.hintJob.length; i++) {
            if (host.hintLastMs[i] >= instantMs) {
                host.hintJob[kept] = host.hintJob[i];
                host.hintGpu[kept] = host.hintGpu[i];
                host.hintFirstMs[kept] = host.hintFirstMs[i];
                host.hintLastMs[kept] = host.hintLastMs[i];
                kept++;
            }
        }
        host.hintJob = Arrays.copyOf(host.hintJob, kept);
        host.hintGpu = Arrays.copyOf(host.hintGpu, kept);
        host.hintFirstMs = Arrays.copyOf(host.hintFirstMs, kept);
        host.hintLastMs = Arrays.copyOf(host.hintLastMs, kept);
    }

    /** A slot existed since its first evidence, also when that is forgotten. */
    void rememberSlots(long instantMs, HostFacts known) {
        Map<Integer, Long> old = new TreeMap<>();
        known.slots()
                .forEach(
                        (slot, said) -> {
                            long first = said.exists().get(0).startMs();
                            if (first < instantMs) {
                                old.put(slot, first);
                            }
                        });
        host.oldSlot = old.keySet().stream().mapToInt(Integer::intValue).toArray();
        host.oldSlotMs = old.values().stream().mapToLong(Long::longValue).toArray();
    }

    /** Evidence of slots, and what their cards are called. */
    Map<Integer, HostFacts.Sampled> sampled(HostTimeline where) {
        Map<Integer, HostFacts.Sampled> bySlot = new HashMap<>();
        for (int i = 0; i < host.oldSlot.length; i++) {
            bySlot.put(
                    host.oldSlot[i],
                    new HostFacts.Sampled(
                            host.oldSlotMs[i], host.oldSlotMs[i], new TreeMap<>(), false));
        }
        for (Track track : tracks) {
            SeriesState known = track.series;
            for (int c = 0; c < known.cards.length; c++) {
                long first = known.cardFirstMs[c];
                int slot = where.slotOf(known.cards[c], known.gpuIndex, first);
                SortedMap<Long, HostFacts.CardName> names = new TreeMap<>();
                names.put(first, new HostFacts.CardName(known.cards[c], known.models[c]));
                bySlot.merge(
                        slot,
                        new HostFacts.Sampled(
                                first, known.cardLastMs[c], names, known.instance >= 0),
                        HostFacts.Sampled::and);
            }
        }
        return bySlot;
    }

    /** The latest sample of each NVML index. */
    Map<Integer, Long> lastSamples() {
        Map<Integer, Long> last = new HashMap<>();
        for (Track track : tracks) {
            for (long at : track.series.cardLastMs) {
                last.merge(track.series.gpuIndex, at, Math::max);
            }
        }
        return last;
    }
}

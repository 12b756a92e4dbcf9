package io.gpuledger.attribution;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.usage.HostRun;
import io.gpuledger.core.usage.SampleSeries;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.jspecify.annotations.Nullable;

/**
 * The state of hosts, and the memory of those in use. Samples come into memory only; at a
 * checkpoint the latest of each host are packed into its tail. Once there are many, or their hour
 * is over, they are packed into a chunk, which is not written again unless a late sample belongs
 * into it.
 */
final class HostStore {
    private static final long HOUR_MS = 3_600_000;
    private static final int HOSTS_IN_MEMORY = 4_096;

    /** Scrapes of a tail: it is packed anew at every checkpoint. */
    private static final int LONGEST_TAIL = 128;

    private final ValueState<HostState> host;
    private final MapState<String, HostRunState> runs;
    private final MapState<String, InventoryState> inventories;
    private final MapState<Integer, SeriesState> series;
    private final MapState<Long, SampleHour> sampleHours;
    private final MapState<Long, SampleChunk> chunks;
    private final ValueState<byte[]> tail;
    private final TypeSerializer<HostState> hostCopier;
    private final TypeSerializer<SeriesState> seriesCopier;
    private final TypeSerializer<InventoryState> inventoryCopier;

    /** In the order of use. */
    private final LinkedHashMap<String, HostMemory> inMemory = new LinkedHashMap<>(64, 0.75f, true);

    private Consumer<String> toKey =
            key -> {
                throw new IllegalStateException("no operator is there yet");
            };

    HostStore(RuntimeContext context) {
        host = context.getState(new ValueStateDescriptor<>("host", type(HostState.class)));
        runs = map(context, "runs", Types.STRING, type(HostRunState.class));
        inventories = map(context, "inventories", Types.STRING, type(InventoryState.class));
        series = map(context, "series", Types.INT, type(SeriesState.class));
        sampleHours = map(context, "sample-hours", Types.LONG, type(SampleHour.class));
        chunks = map(context, "sample-chunks", Types.LONG, type(SampleChunk.class));
        tail =
                context.getState(
                        new ValueStateDescriptor<>(
                                "sample-tail",
                                PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
        hostCopier = type(HostState.class).createSerializer(new SerializerConfigImpl());
        inventoryCopier = type(InventoryState.class).createSerializer(new SerializerConfigImpl());
        seriesCopier = type(SeriesState.class).createSerializer(new SerializerConfigImpl());
    }

    private static <T> TypeInformation<T> type(Class<T> of) {
        return TypeInformation.of(of);
    }

    private static <K, V> MapState<K, V> map(
            RuntimeContext context, String name, TypeInformation<K> key, TypeInformation<V> value) {
        return context.getMapState(new MapStateDescriptor<>(name, key, value));
    }

    void changeKeysWith(Consumer<String> setter) {
        toKey = setter;
    }

    /** The host of the current key, null when nothing is known of it. */
    @Nullable HostMemory get(String key) throws Exception {
        HostMemory memory = inMemory.get(key);
        if (memory == null) {
            HostState saved = host.value();
            if (saved == null) {
                return null;
            }
            memory = load(new HostMemory(hostCopier.copy(saved)));
            put(key, memory);
        }
        return memory;
    }

    /** A host that was not known. */
    HostMemory create(String key, HostState fresh) throws Exception {
        HostMemory memory = new HostMemory(fresh);
        loadInventories(memory); // configuration waits for whoever comes back
        memory.isSaved = false;
        put(key, memory);
        return memory;
    }

    /** The one longest unused makes room. */
    private void put(String key, HostMemory memory) throws Exception {
        if (inMemory.size() >= HOSTS_IN_MEMORY) {
            Map.Entry<String, HostMemory> eldest = inMemory.entrySet().iterator().next();
            toKey.accept(eldest.getKey());
            save(eldest.getValue());
            inMemory.remove(eldest.getKey());
            toKey.accept(key);
        }
        inMemory.put(key, memory);
    }

    /** Makes state of all that memory knows. */
    void saveAll() throws Exception {
        for (Map.Entry<String, HostMemory> entry : inMemory.entrySet()) {
            if (!entry.getValue().isSaved) {
                toKey.accept(entry.getKey());
                save(entry.getValue());
            }
        }
    }

    private HostMemory load(HostMemory memory) throws Exception {
        for (Map.Entry<Integer, SeriesState> entry : series.entries()) {
            memory.tracks.add(new Track(entry.getKey(), seriesCopier.copy(entry.getValue())));
        }
        if (memory.host.sampleHours.length > 0) {
            packHours(memory);
        }
        loadInventories(memory);
        for (HostRunState run : runs.values()) {
            memory.runs.put(run.runId, run.toCore(memory.host.host));
        }
        count(memory);
        if (memory.host.chunkMs.length > 0) {
            memory.recentFromMs = memory.host.packedToMs + 1;
            Map<Integer, SampleSeries> last =
                    excerpt(memory, memory.recentFromMs, memory.recentFromMs);
            memory.tracks.forEach(t -> t.recent = last.getOrDefault(t.id, t.recent));
        }
        byte[] latest = tail.value();
        if (latest != null) {
            unpackTail(memory, SamplePacking.unpack(latest, memory.states()));
        }
        for (Track track : memory.tracks) {
            for (long at : track.series.cardLastMs) {
                memory.lastSampleMs = Math.max(memory.lastSampleMs, at);
            }
        }
        return memory;
    }

    private void loadInventories(HostMemory memory) throws Exception {
        for (Map.Entry<String, InventoryState> entry : inventories.entries()) {
            memory.inventories.put(entry.getKey(), inventoryCopier.copy(entry.getValue()));
        }
    }

    private static void unpackTail(HostMemory memory, Map<Integer, SampleSeries> latest) {
        for (Track track : memory.tracks) {
            SampleSeries samples = latest.getOrDefault(track.id, new SampleSeries(0));
            int late = samples.firstFrom(memory.host.packedToMs + 1);
            track.late.addAll(samples, 0, late);
            track.recent.addAll(samples, 0, samples.size());
            track.recent.dropBefore(memory.recentFromMs);
            memory.unpacked = Math.max(memory.unpacked, samples.size());
        }
    }

    /** What the first release kept in another form. */
    private void packHours(HostMemory memory) throws Exception {
        Map<Integer, SeriesState> states = memory.states();
        for (long hour : memory.host.sampleHours) {
            SampleHour old = sampleHours.get(hour);
            Map<Integer, SampleSeries> samples = new TreeMap<>();
            for (int i = 0; i < old.length; i += SampleHour.WIDTH) {
                int id = (int) old.data[i + 2];
                String card = SamplePacking.state(states, id).cards[(int) old.data[i + 3]];
                samples.computeIfAbsent(id, s -> new SampleSeries())
                        .add(old.data[i], old.data[i + 1], card, old.data, i + 4);
            }
            putChunk(memory, hour, samples, hour, hour + HOUR_MS);
            sampleHours.remove(hour);
        }
        memory.host.sampleHours = new long[0];
        memory.host.packedToMs =
                memory.tracks.stream()
                        .mapToLong(t -> t.series.lastMs())
                        .max()
                        .orElse(Long.MIN_VALUE);
        memory.isSaved = false;
    }

    /** Puts the samples of a scrape where they belong in memory; again if they are there. */
    static void take(HostMemory memory, Scrape scrape) {
        ScrapeLayout layout = scrape.layout();
        long at = scrape.observedAtMs();
        for (int i = 0; i < layout.size(); i++) {
            Track track = memory.track(layout.gpuIndex[i], layout.instance[i]);
            track.series.card(layout.uuids[i], layout.models[i], at);
            track.series.slicesOf(layout.slices[i], layout.slicesPerGpu[i], at);
            int from = i * SampleSeries.FIELDS;
            track.noteFields(at, scrape.values(), from);
            track.recent.add(at, scrape.coverMs(), layout.uuids[i], scrape.values(), from);
            if (at <= memory.host.packedToMs) {
                track.late.add(at, scrape.coverMs(), layout.uuids[i], scrape.values(), from);
            }
            if (at < memory.recentFromMs) {
                track.recent.dropBefore(memory.recentFromMs);
            }
            int slot = memory.slot(layout.gpuIndex[i]);
            memory.host.slotFirstMs[slot] = Math.min(memory.host.slotFirstMs[slot], at);
            memory.host.slotLastMs[slot] = Math.max(memory.host.slotLastMs[slot], at);
            if (!layout.jobs[i].isEmpty()) {
                memory.hint(layout.jobs[i], layout.gpuIndex[i], at);
            }
            memory.lastSampleMs = Math.max(memory.lastSampleMs, at);
        }
    }

    boolean isFull(HostMemory memory) {
        return memory.unpacked >= LONGEST_TAIL;
    }

    /** Packs all that came since the last time. */
    void pack(HostMemory memory) throws Exception {
        if (memory.unpacked == 0) {
            return;
        }
        memory.takeIn();
        packLate(memory);
        Map<Integer, SampleSeries> recent = new TreeMap<>();
        long first = Long.MAX_VALUE;
        long last = Long.MIN_VALUE;
        for (Track track : memory.tracks) {
            SampleSeries samples = track.recent;
            recent.put(track.id, samples);
            int from = samples.firstFrom(memory.host.packedToMs + 1);
            if (from < samples.size()) {
                first = Math.min(first, samples.atMs(from));
                last = Math.max(last, samples.atMs(samples.size() - 1));
            }
        }
        while (first <= last) {
            long end = Math.floorDiv(first, HOUR_MS) * HOUR_MS + HOUR_MS;
            putChunk(memory, first, recent, first, end);
            first = Long.MAX_VALUE;
            for (SampleSeries samples : recent.values()) {
                int next = samples.firstFrom(end);
                first = next < samples.size() ? Math.min(first, samples.atMs(next)) : first;
            }
        }
        memory.host.packedToMs = Math.max(memory.host.packedToMs, last);
        memory.unpacked = 0;
        memory.isSaved = false;
    }

    /** Late samples go into the chunk of their time; where their hour has none into a new one. */
    private void packLate(HostMemory memory) throws Exception {
        long from = Long.MIN_VALUE;
        while (true) {
            long next = Long.MAX_VALUE;
            for (Track track : memory.tracks) {
                int i = track.late.firstFrom(from);
                next = i < track.late.size() ? Math.min(next, track.late.atMs(i)) : next;
            }
            if (next == Long.MAX_VALUE) {
                break;
            }
            from = packLate(memory, next);
        }
        memory.tracks.forEach(t -> t.late = new SampleSeries(0));
    }

    /** Those of one chunk, from {@code first} on; gives the end of the chunk. */
    private long packLate(HostMemory memory, long first) throws Exception {
        long[] chunkMs = memory.host.chunkMs;
        int c = chunkOf(chunkMs, first);
        long hour = Math.floorDiv(first, HOUR_MS) * HOUR_MS;
        boolean there = c >= 0 && chunkMs[c] >= hour;
        long end =
                c + 1 < chunkMs.length ? Math.min(chunkMs[c + 1], hour + HOUR_MS) : hour + HOUR_MS;
        Map<Integer, SampleSeries> samples =
                there ? unpack(chunkMs[c], memory.states()) : new TreeMap<>();
        for (Track track : memory.tracks) {
            SampleSeries late = track.late;
            samples.computeIfAbsent(track.id, s -> new SampleSeries())
                    .addAll(late, late.firstFrom(first), late.firstFrom(end));
        }
        long key = there ? chunkMs[c] : first;
        putChunk(memory, key, samples, Long.MIN_VALUE, Long.MAX_VALUE);
        return end;
    }

    private void putChunk(
            HostMemory memory, long key, Map<Integer, SampleSeries> samples, long fromMs, long toMs)
            throws Exception {
        SampleChunk chunk = new SampleChunk();
        chunk.packed = SamplePacking.pack(samples, memory.states(), fromMs, toMs);
        chunks.put(key, chunk);
        int at = Arrays.binarySearch(memory.host.chunkMs, key);
        if (at < 0) {
            long[] more = Arrays.copyOf(memory.host.chunkMs, memory.host.chunkMs.length + 1);
            more[more.length - 1] = key;
            Arrays.sort(more);
            memory.host.chunkMs = more;
        }
    }

    /**
     * Of what is packed memory keeps only the chunks that end after an instant: before it windows
     * are seldom asked for.
     */
    void trim(HostMemory memory, long instantMs) {
        int c = chunkOf(memory.host.chunkMs, instantMs);
        if (c < 0 || memory.host.chunkMs[c] <= memory.recentFromMs) {
            return;
        }
        long from = memory.host.chunkMs[c];
        for (Track track : memory.tracks) {
            track.recent.dropBefore(from);
        }
        memory.recentFromMs = from;
    }

    /** Number of the chunk that has the samples of an instant, -1 when it is before them all. */
    private static int chunkOf(long[] chunkMs, long instantMs) {
        int at = Arrays.binarySearch(chunkMs, instantMs);
        return at < 0 ? -at - 2 : at;
    }

    /**
     * The samples of a span, of each series from the last value of every field before it to the
     * first ones at or after its end.
     */
    Map<Integer, SampleSeries> excerpt(HostMemory memory, long fromMs, long toMs) throws Exception {
        Map<Integer, SeriesState> states = memory.states();
        Map<Integer, SampleSeries> found = new TreeMap<>();
        Map<Integer, Integer> before = new TreeMap<>();
        Map<Integer, Integer> after = new TreeMap<>();
        states.forEach(
                (id, state) -> {
                    before.put(id, missing(f -> state.fieldFirstMs[f] < fromMs));
                    after.put(id, missing(f -> state.fieldLastMs[f] >= toMs));
                });
        long[] chunkMs = memory.host.chunkMs;
        int first = Math.max(0, chunkOf(chunkMs, fromMs));
        for (int c = first; c < chunkMs.length; c++) {
            boolean needed = chunkMs[c] < toMs || after.values().stream().anyMatch(m -> m != 0);
            if (!needed || chunkMs[c] >= memory.recentFromMs) {
                break;
            }
            collect(unpack(chunkMs[c], states), fromMs, toMs, after, found);
        }
        Map<Integer, SampleSeries> late = new TreeMap<>();
        memory.tracks.forEach(t -> late.put(t.id, t.late));
        collect(late, fromMs, toMs, new TreeMap<>(after), found);
        lastBefore(late, fromMs, new TreeMap<>(before), found);
        if (memory.recentFromMs < toMs || after.values().stream().anyMatch(m -> m != 0)) {
            Map<Integer, SampleSeries> recent = new TreeMap<>();
            long from = Math.max(fromMs, memory.recentFromMs);
            memory.tracks.forEach(t -> recent.put(t.id, t.recent));
            collect(recent, from, toMs, after, found);
            if (memory.recentFromMs <= fromMs) {
                lastBefore(recent, fromMs, before, found);
            }
        }
        for (int c = Math.min(first, chunkMs.length - 1);
                c >= 0 && before.values().stream().anyMatch(m -> m != 0);
                c--) {
            lastBefore(unpack(chunkMs[c], states), fromMs, before, found);
        }
        return found;
    }

    /** Samples of the hour of an instant, for the windows that memory no longer has in full. */
    Map<Integer, SampleSeries> hourOf(HostMemory memory, long instantMs) throws Exception {
        long hour = Math.floorDiv(instantMs, HOUR_MS) * HOUR_MS;
        HostMemory.Excerpt known = memory.excerpt;
        if (known == null || known.fromMs() != hour) {
            known = new HostMemory.Excerpt(hour, excerpt(memory, hour, hour + HOUR_MS));
            memory.excerpt = known;
        }
        return known.series();
    }

    private interface OfField {
        boolean is(int field);
    }

    private static int missing(OfField wanted) {
        int missing = 0;
        for (int f = 0; f < SampleSeries.FIELDS; f++) {
            missing |= wanted.is(f) ? 1 << f : 0;
        }
        return missing;
    }

    private Map<Integer, SampleSeries> unpack(long chunkMs, Map<Integer, SeriesState> states)
            throws Exception {
        return SamplePacking.unpack(chunks.get(chunkMs).packed, states);
    }

    private static void collect(
            Map<Integer, SampleSeries> block,
            long fromMs,
            long toMs,
            Map<Integer, Integer> missing,
            Map<Integer, SampleSeries> found) {
        block.forEach(
                (id, samples) -> {
                    int left = missing.getOrDefault(id, 0);
                    int from = samples.firstFrom(fromMs);
                    int to = from;
                    while (to < samples.size() && (samples.atMs(to) < toMs || left != 0)) {
                        left &= samples.atMs(to) >= toMs ? ~samples.fieldsOf(to) : -1;
                        to++;
                    }
                    missing.put(id, left);
                    found.computeIfAbsent(id, s -> new SampleSeries()).addAll(samples, from, to);
                });
    }

    private static void lastBefore(
            Map<Integer, SampleSeries> block,
            long fromMs,
            Map<Integer, Integer> missing,
            Map<Integer, SampleSeries> found) {
        block.forEach(
                (id, samples) -> {
                    int left = missing.getOrDefault(id, 0);
                    for (int i = samples.firstFrom(fromMs) - 1; i >= 0 && left != 0; i--) {
                        if ((left & samples.fieldsOf(i)) != 0) {
                            found.computeIfAbsent(id, s -> new SampleSeries())
                                    .addAll(samples, i, i + 1);
                            left &= ~samples.fieldsOf(i);
                        }
                    }
                    missing.put(id, left);
                });
    }

    /**
     * Forgets what no window that may still change depends on: of each series stays the last value
     * of every field, however old, because the next one speaks from it.
     */
    void dropSamplesBefore(HostMemory memory, long instantMs) throws Exception {
        pack(memory);
        long[] chunkMs = memory.host.chunkMs;
        int kept = 0;
        while (kept < chunkMs.length && chunkMs[kept] < instantMs) {
            kept++;
        }
        if (kept == 0) {
            return;
        }
        Map<Integer, SampleSeries> last = excerpt(memory, instantMs, instantMs);
        for (int c = 0; c < kept; c++) {
            chunks.remove(chunkMs[c]);
        }
        memory.host.chunkMs = Arrays.copyOfRange(chunkMs, kept, chunkMs.length);
        long first = Long.MAX_VALUE;
        for (SampleSeries samples : last.values()) {
            first = samples.isEmpty() ? first : Math.min(first, samples.atMs(0));
        }
        if (first < instantMs) {
            putChunk(memory, first, last, first, instantMs);
        }
        memory.excerpt = null;
        if (memory.recentFromMs < instantMs) {
            for (Track track : memory.tracks) {
                track.recent.dropBefore(instantMs);
            }
            memory.recentFromMs = instantMs;
        }
    }

    private void save(HostMemory memory) throws Exception {
        memory.takeIn();
        saveInventories(memory);
        host.update(hostCopier.copy(memory.host));
        for (Track track : memory.tracks) {
            series.put(track.id, seriesCopier.copy(track.series));
        }
        if (memory.unpacked == 0) {
            tail.clear();
        } else {
            tail.update(packTail(memory));
        }
        memory.isSaved = true;
    }

    private static byte[] packTail(HostMemory memory) {
        Map<Integer, SampleSeries> latest = new TreeMap<>();
        for (Track track : memory.tracks) {
            SampleSeries samples = track.late;
            int from = track.recent.firstFrom(memory.host.packedToMs + 1);
            if (!samples.isEmpty()) {
                samples = new SampleSeries(samples.size() + track.recent.size() - from);
                samples.addAll(track.late, 0, track.late.size());
                samples.addAll(track.recent, from, track.recent.size());
                from = 0;
            } else {
                samples = track.recent;
            }
            latest.put(track.id, samples);
        }
        boolean late = memory.tracks.stream().anyMatch(t -> !t.late.isEmpty());
        long from = late ? Long.MIN_VALUE : memory.host.packedToMs + 1;
        return SamplePacking.pack(latest, memory.states(), from, Long.MAX_VALUE);
    }

    void putRun(HostMemory memory, HostRunState run) throws Exception {
        if (run.gpuIndex.length == 0) {
            runs.remove(run.runId);
            memory.runs.remove(run.runId);
        } else {
            runs.put(run.runId, run);
            memory.runs.put(run.runId, run.toCore(memory.host.host));
        }
        count(memory);
        memory.forgetFacts();
    }

    private static void count(HostMemory memory) {
        memory.isCounted = false;
        for (HostRun run : memory.runs.values()) {
            for (Holding holding : run.holdings()) {
                memory.isCounted |= holding.gpuIndex() < 0;
            }
        }
    }

    void removeRunsBefore(HostMemory memory, long instantMs) throws Exception {
        List<String> ended = new ArrayList<>();
        for (HostRun run : memory.runs.values()) {
            if (Math.max(run.endMs(), run.overheadUntilMs()) <= instantMs) {
                ended.add(run.runId());
            }
        }
        for (String runId : ended) {
            runs.remove(runId);
            memory.runs.remove(runId);
        }
        count(memory);
    }

    private void saveInventories(HostMemory memory) throws Exception {
        for (String key : memory.changedInventories) {
            InventoryState state = memory.inventories.get(key);
            if (state == null) {
                inventories.remove(key);
            } else {
                inventories.put(key, inventoryCopier.copy(state));
            }
        }
        memory.changedInventories.clear();
    }

    /** Nothing of the current host stays but what the site configured. */
    void clear(String key) throws Exception {
        HostMemory memory = inMemory.remove(key);
        if (memory != null) {
            memory.dropInventoriesBefore(Long.MAX_VALUE, true);
            saveInventories(memory);
        }
        host.clear();
        runs.clear();
        series.clear();
        sampleHours.clear();
        chunks.clear();
        tail.clear();
    }
}

package io.gpuledger.attribution;

import io.gpuledger.core.usage.SampleSeries;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;

/**
 * The samples of the current host that memory need not hold. At a checkpoint the latest are packed
 * into a tail. Once there are many, or their hour is over, they are packed into a chunk, which is
 * not written again unless a late sample belongs into it.
 */
final class SampleArchive {
    private static final long HOUR_MS = 3_600_000;

    /** Scrapes of a tail: it is packed anew at every checkpoint. */
    private static final int LONGEST_TAIL = 128;

    private final MapState<Long, SampleHour> sampleHours;
    private final MapState<Long, SampleChunk> chunks;
    private final ValueState<byte[]> tail;

    SampleArchive(RuntimeContext context) {
        sampleHours = byTime(context, "sample-hours", SampleHour.class);
        chunks = byTime(context, "sample-chunks", SampleChunk.class);
        tail =
                context.getState(
                        new ValueStateDescriptor<>(
                                "sample-tail",
                                PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
    }

    private static <V> MapState<Long, V> byTime(
            RuntimeContext context, String name, Class<V> value) {
        return context.getMapState(
                new MapStateDescriptor<>(name, Types.LONG, TypeInformation.of(value)));
    }

    /** Gives memory, which knows the series, the samples that it works with. */
    void load(HostMemory memory) throws Exception {
        if (memory.host.sampleHours.length > 0) {
            packHours(memory);
        }
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
    }

    /** Makes state of what no chunk has. */
    void saveTail(HostMemory memory) throws Exception {
        if (memory.unpacked == 0) {
            tail.clear();
        } else {
            tail.update(packTail(memory));
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
        // A late sample may lie before the first one that a chunk has after the span.
        Map<Integer, Integer> afterInLate = new TreeMap<>(after);
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
        collect(late, fromMs, toMs, afterInLate, found);
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
    void dropBefore(HostMemory memory, long instantMs) throws Exception {
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

    void clear() {
        sampleHours.clear();
        chunks.clear();
        tail.clear();
    }
}

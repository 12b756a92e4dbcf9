package io.gpuledger.attribution;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.GpuSample;
import io.gpuledger.core.usage.HostFacts;
import io.gpuledger.core.usage.HostTimeline;
import io.gpuledger.core.usage.ReadingRules;
import io.gpuledger.core.usage.SlotReadings;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.jspecify.annotations.Nullable;

/**
 * The samples of the current host: appended to one block an hour, found again by the window they
 * speak for. A value speaks from the one before it, a counter over hours, so a window also needs
 * the neighbours of its own samples.
 */
final class Samples {
    /** Engine, utilisation, sm, tensor, dram, memory, energy, power. */
    static final int FIELDS = 8;

    static final int ENERGY = 6;

    /** At, cover, series, card, then the fields. */
    static final int WIDTH = 4 + FIELDS;

    private static final long HOUR_MS = 3_600_000;
    private static final int CACHED_HOURS = 2_048;

    private final ReadingRules rules;
    private final MapState<Integer, SeriesState> series;
    private final MapState<Long, SampleHour> hours;

    /** Unpacked hours; an hour is unpacked again after a sample came to it. */
    private final Map<String, Map<Integer, List<GpuSample>>> unpacked =
            new LinkedHashMap<>(64, 0.75f, true) {
                private static final long serialVersionUID = 1L;

                @Override
                protected boolean removeEldestEntry(
                        Map.Entry<String, Map<Integer, List<GpuSample>>> eldest) {
                    return size() > CACHED_HOURS;
                }
            };

    Samples(RuntimeContext store, ReadingRules rules) {
        this.rules = rules;
        series =
                store.getMapState(
                        new MapStateDescriptor<>(
                                "series", Types.INT, TypeInformation.of(SeriesState.class)));
        hours =
                store.getMapState(
                        new MapStateDescriptor<>(
                                "sample-hours", Types.LONG, TypeInformation.of(SampleHour.class)));
    }

    /**
     * Keeps element {@code i} of a scrape.
     *
     * @param live windows may have been written already: say which ones change
     * @return the spans whose usage it may change, both ends included; null when this very sample
     *     is known already
     */
    @Nullable List<Span> add(HostState host, HostInput input, int i, boolean live)
            throws Exception {
        int id = seriesId(input, i);
        SeriesState known = series.get(id);
        long at = input.observedAtMs;
        List<Span> affected = List.of(new Span(at, at));
        if (live) {
            GpuSample sample = sample(input, i, at);
            boolean inOrder = at > known.lastMs();
            if (!inOrder && isKnown(host, id, sample)) {
                return null;
            }
            affected = affected(host, id, known, sample);
        }
        int card = known.card(input.uuids[i], input.models[i], at);
        if (known.slicesOf(input.slices[i], input.slicesPerGpu[i], at) && live) {
            // Which part of its card an instance is: that scales all it ever said.
            affected = List.of(new Span(Math.min(at, known.firstMs()), known.lastMs(at)));
        }
        for (int f = 0; f < FIELDS; f++) {
            if (input.values[i * FIELDS + f] >= 0) {
                known.fieldFirstMs[f] = Math.min(known.fieldFirstMs[f], at);
                known.fieldLastMs[f] = Math.max(known.fieldLastMs[f], at);
            }
        }
        series.put(id, known);
        store(host, input, i, id, card);
        return affected;
    }

    /** Whether a scrape calls any card what it was not called before, or earlier. */
    boolean renames(HostInput input) throws Exception {
        for (int i = 0; i < input.gpuIndex.length; i++) {
            boolean known = false;
            for (SeriesState state : series.values()) {
                known |=
                        state.gpuIndex == input.gpuIndex[i]
                                && state.instance == input.instance[i]
                                && state.isCalled(
                                        input.uuids[i], input.models[i], input.observedAtMs);
            }
            if (!known) {
                return true;
            }
        }
        return false;
    }

    private int seriesId(HostInput input, int i) throws Exception {
        int count = 0;
        for (Map.Entry<Integer, SeriesState> entry : series.entries()) {
            if (entry.getValue().gpuIndex == input.gpuIndex[i]
                    && entry.getValue().instance == input.instance[i]) {
                return entry.getKey();
            }
            count = Math.max(count, entry.getKey() + 1);
        }
        SeriesState added = new SeriesState();
        added.gpuIndex = input.gpuIndex[i];
        added.instance = input.instance[i];
        series.put(count, added);
        return count;
    }

    private static GpuSample sample(HostInput input, int i, long at) {
        long[] v = input.values;
        int f = i * FIELDS;
        return new GpuSample(
                at,
                input.coverMs,
                input.uuids[i],
                v[f],
                v[f + 1],
                v[f + 2],
                v[f + 3],
                v[f + 4],
                v[f + 5],
                v[f + 6],
                v[f + 7]);
    }

    private void store(HostState host, HostInput input, int i, int id, int card) throws Exception {
        long hour = Math.floorDiv(input.observedAtMs, HOUR_MS) * HOUR_MS;
        SampleHour block = hours.get(hour);
        if (block == null) {
            block = new SampleHour();
            host.sampleHours = with(host.sampleHours, hour);
        }
        int at = block.append();
        block.data[at] = input.observedAtMs;
        block.data[at + 1] = input.coverMs;
        block.data[at + 2] = id;
        block.data[at + 3] = card;
        System.arraycopy(input.values, i * FIELDS, block.data, at + 4, FIELDS);
        hours.put(hour, block);
        unpacked.remove(cacheKey(host, hour));
    }

    private static long[] with(long[] sorted, long value) {
        long[] more = Arrays.copyOf(sorted, sorted.length + 1);
        more[sorted.length] = value;
        Arrays.sort(more);
        return more;
    }

    private boolean isKnown(HostState host, int id, GpuSample sample) throws Exception {
        long hour = Math.floorDiv(sample.atMs(), HOUR_MS) * HOUR_MS;
        if (!hours.contains(hour)) {
            return false;
        }
        List<GpuSample> there = samplesOf(host, hour, id);
        int at = GpuSample.firstFrom(there, sample.atMs());
        return at < there.size()
                && there.get(at).atMs() == sample.atMs()
                && there.get(at).merge(sample).equals(there.get(at));
    }

    /**
     * What a sample changes: the time since the values before it, and what the ones after it speak
     * for. A card's own values and those that its instances repeat are one sequence, so the other
     * series of the card are asked as well.
     */
    private List<Span> affected(HostState host, int id, SeriesState known, GpuSample sample)
            throws Exception {
        List<Span> spans = new ArrayList<>();
        around(host, id, known, sample, spans);
        for (Map.Entry<Integer, SeriesState> other : series.entries()) {
            if (other.getKey() != id && other.getValue().isOfCard(known.gpuIndex, sample.card())) {
                around(host, other.getKey(), other.getValue(), sample, spans);
            }
        }
        return spans;
    }

    /** What it changes between the values of one series. */
    private void around(
            HostState host, int id, SeriesState known, GpuSample sample, List<Span> spans)
            throws Exception {
        long at = sample.atMs();
        long[] before = new long[FIELDS];
        Arrays.fill(before, Long.MIN_VALUE);
        boolean newest = at > known.lastMs();
        List<GpuSample> near = newest ? List.of() : near(host, id, known, at, at + 1);
        for (int f = 0; f < FIELDS; f++) {
            before[f] = newest ? known.fieldLastMs[f] : lastBefore(near, f, at);
        }
        // Utilisation stands in for the engine's activity: either may be the one before.
        before[1] = Math.max(before[0], before[1]);
        before[0] = before[1];
        long from = at;
        for (int f = 0; f < FIELDS; f++) {
            if (field(sample, f) >= 0 && before[f] != Long.MIN_VALUE) {
                from = Math.min(from, reach(f, before[f], sample));
            }
        }
        spans.add(new Span(Math.min(from, at), at));
        for (GpuSample after : near) {
            if (after.atMs() <= at) {
                continue;
            }
            for (int f = 0; f < FIELDS; f++) {
                boolean activity = f < 2 && sample.activePpm() >= 0 && after.activePpm() >= 0;
                if (activity || (field(sample, f) >= 0 && field(after, f) >= 0)) {
                    spans.add(new Span(Math.min(reach(f, at, after), after.atMs()), after.atMs()));
                }
            }
        }
    }

    private static long lastBefore(List<GpuSample> near, int field, long atMs) {
        long last = Long.MIN_VALUE;
        for (GpuSample other : near) {
            if (other.atMs() < atMs && field(other, field) >= 0) {
                last = Math.max(last, other.atMs());
            }
        }
        return last;
    }

    /** How far back a value speaks when {@code last} is the one before it. */
    private long reach(int field, long last, GpuSample sample) {
        if (field == ENERGY) {
            return sample.atMs() - last > rules.energyGapMs() ? sample.atMs() - 1 : last;
        }
        return Math.max(last, sample.atMs() - sample.coverMs());
    }

    private static long field(GpuSample sample, int field) {
        return switch (field) {
            case 0 -> sample.enginePpm();
            case 1 -> sample.utilPpm();
            case 2 -> sample.smActivePpm();
            case 3 -> sample.tensorActivePpm();
            case 4 -> sample.dramActivePpm();
            case 5 -> sample.memoryUsedMib();
            case ENERGY -> sample.energyMj();
            default -> sample.powerMw();
        };
    }

    /** What the samples say of a window, by slot. */
    Map<Integer, SlotReadings> readings(HostState host, HostTimeline timeline, Span window)
            throws Exception {
        Map<Integer, Map<Integer, SlotReadings.Series>> bySlot = new HashMap<>();
        for (Map.Entry<Integer, SeriesState> entry : series.entries()) {
            SeriesState known = entry.getValue();
            Map<Integer, List<GpuSample>> parts = new TreeMap<>();
            for (GpuSample sample :
                    near(host, entry.getKey(), known, window.startMs(), window.endMs())) {
                int slot = timeline.slotOf(sample.card(), known.gpuIndex, sample.atMs());
                parts.computeIfAbsent(slot, s -> new ArrayList<>()).add(sample);
            }
            parts.forEach(
                    (slot, samples) ->
                            bySlot.computeIfAbsent(slot, s -> new TreeMap<>())
                                    .merge(
                                            known.instance,
                                            new SlotReadings.Series(
                                                    known.slices, known.slicesPerGpu, samples),
                                            Samples::join));
        }
        Map<Integer, SlotReadings> readings = new HashMap<>();
        bySlot.forEach(
                (slot, byInstance) -> readings.put(slot, SlotReadings.of(byInstance, rules)));
        return readings;
    }

    private static SlotReadings.Series join(SlotReadings.Series a, SlotReadings.Series b) {
        List<GpuSample> all = new ArrayList<>(a.samples());
        all.addAll(b.samples());
        return new SlotReadings.Series(a.slices(), a.slicesPerGpu(), SlotReadings.merged(all));
    }

    /**
     * The samples of one series in a span, from the last value of every field before it to the
     * first one after it.
     */
    private List<GpuSample> near(HostState host, int id, SeriesState known, long fromMs, long toMs)
            throws Exception {
        List<GpuSample> found = new ArrayList<>();
        int missing = 0;
        for (int f = 0; f < FIELDS; f++) {
            missing |= known.fieldFirstMs[f] < fromMs ? 1 << f : 0;
        }
        int hour = firstHour(host.sampleHours, fromMs);
        for (int h = Math.min(hour, host.sampleHours.length - 1); h >= 0 && missing != 0; h--) {
            List<GpuSample> samples = samplesOf(host, host.sampleHours[h], id);
            for (int i = GpuSample.firstFrom(samples, fromMs) - 1; i >= 0 && missing != 0; i--) {
                found.add(samples.get(i));
                missing &= ~mask(samples.get(i));
            }
        }
        Collections.reverse(found);
        missing = 0;
        for (int f = 0; f < FIELDS; f++) {
            missing |= known.fieldLastMs[f] >= toMs ? 1 << f : 0;
        }
        for (int h = hour; h < host.sampleHours.length; h++) {
            if (host.sampleHours[h] >= toMs && missing == 0) {
                break;
            }
            List<GpuSample> samples = samplesOf(host, host.sampleHours[h], id);
            for (int i = GpuSample.firstFrom(samples, fromMs); i < samples.size(); i++) {
                GpuSample sample = samples.get(i);
                if (sample.atMs() >= toMs && missing == 0) {
                    break;
                }
                found.add(sample);
                missing &= sample.atMs() >= toMs ? ~mask(sample) : -1;
            }
        }
        return found;
    }

    private static int mask(GpuSample sample) {
        int mask = 0;
        for (int f = 0; f < FIELDS; f++) {
            mask |= field(sample, f) >= 0 ? 1 << f : 0;
        }
        return mask;
    }

    /** Position of the hour of an instant among those that have samples, or of the next one. */
    private static int firstHour(long[] hours, long instantMs) {
        int at = Arrays.binarySearch(hours, Math.floorDiv(instantMs, HOUR_MS) * HOUR_MS);
        return at < 0 ? -at - 1 : at;
    }

    private List<GpuSample> samplesOf(HostState host, long hour, int id) throws Exception {
        return unpack(host, hour).getOrDefault(id, List.of());
    }

    private Map<Integer, List<GpuSample>> unpack(HostState host, long hour) throws Exception {
        String key = cacheKey(host, hour);
        Map<Integer, List<GpuSample>> cached = unpacked.get(key);
        if (cached != null) {
            return cached;
        }
        SampleHour block = hours.get(hour);
        Map<Integer, List<GpuSample>> bySeries = new TreeMap<>();
        Map<Integer, SeriesState> known = new HashMap<>();
        for (int i = 0; i < block.length; i += WIDTH) {
            long[] d = block.data;
            int id = (int) d[i + 2];
            SeriesState state = known.get(id);
            if (state == null) {
                state = series.get(id);
                known.put(id, state);
            }
            bySeries.computeIfAbsent(id, s -> new ArrayList<>())
                    .add(
                            new GpuSample(
                                    d[i],
                                    d[i + 1],
                                    state.cards[(int) d[i + 3]],
                                    d[i + 4],
                                    d[i + 5],
                                    d[i + 6],
                                    d[i + 7],
                                    d[i + 8],
                                    d[i + 9],
                                    d[i + 10],
                                    d[i + 11]));
        }
        bySeries.replaceAll((id, samples) -> SlotReadings.merged(samples));
        unpacked.put(key, bySeries);
        return bySeries;
    }

    private static String cacheKey(HostState host, long hour) {
        return host.cluster + "/" + host.host + "@" + hour;
    }

    /** Evidence of slots, and what their cards are called. */
    Map<Integer, HostFacts.Sampled> sampled(HostState host, HostTimeline timeline)
            throws Exception {
        Map<Integer, HostFacts.Sampled> bySlot = new HashMap<>();
        for (int i = 0; i < host.oldSlot.length; i++) {
            bySlot.put(
                    host.oldSlot[i],
                    new HostFacts.Sampled(
                            host.oldSlotMs[i], host.oldSlotMs[i], new TreeMap<>(), false));
        }
        for (SeriesState known : series.values()) {
            for (int c = 0; c < known.cards.length; c++) {
                long first = known.cardFirstMs[c];
                int slot = timeline.slotOf(known.cards[c], known.gpuIndex, first);
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

    /**
     * Forgets what no window that may still change depends on: of each series stays the last value
     * of every field, however old, because the next one speaks from it.
     */
    void dropBefore(HostState host, long instantMs) throws Exception {
        Map<Integer, Integer> missing = new HashMap<>();
        for (Map.Entry<Integer, SeriesState> entry : series.entries()) {
            int fields = 0;
            for (int f = 0; f < FIELDS; f++) {
                fields |= entry.getValue().fieldFirstMs[f] < instantMs ? 1 << f : 0;
            }
            missing.put(entry.getKey(), fields);
        }
        long[] kept = host.sampleHours;
        for (int h = firstHour(kept, instantMs) - 1; h >= 0; h--) {
            long hour = host.sampleHours[h];
            SampleHour block = hours.get(hour);
            SampleHour last = lastValues(block, missing);
            if (last.length == block.length) {
                continue;
            }
            unpacked.remove(cacheKey(host, hour));
            if (last.length == 0) {
                hours.remove(hour);
                kept = Arrays.stream(kept).filter(other -> other != hour).toArray();
            } else {
                hours.put(hour, last);
            }
        }
        host.sampleHours = kept;
    }

    /** The latest samples of a block that have a field still missing; they take it off the list. */
    private static SampleHour lastValues(SampleHour block, Map<Integer, Integer> missing) {
        List<Integer> byTime = new ArrayList<>();
        for (int i = 0; i < block.length; i += WIDTH) {
            byTime.add(i);
        }
        byTime.sort(Comparator.comparingLong((Integer i) -> -block.data[i]));
        SampleHour kept = new SampleHour();
        Map<Integer, Long> instants = new HashMap<>();
        for (int from : byTime) {
            int id = (int) block.data[from + 2];
            int fields = 0;
            for (int f = 0; f < FIELDS; f++) {
                fields |= block.data[from + 4 + f] >= 0 ? 1 << f : 0;
            }
            int wanted = missing.getOrDefault(id, 0);
            // What was said at the same instant belongs together: the greater value counts.
            boolean sameInstant = Objects.equals(instants.get(id), block.data[from]);
            if ((wanted & fields) != 0 || sameInstant) {
                int to = kept.append();
                System.arraycopy(block.data, from, kept.data, to, WIDTH);
                missing.put(id, wanted & ~fields);
                instants.put(id, block.data[from]);
            }
        }
        return kept;
    }

    void clear() {
        series.clear();
        hours.clear();
    }
}

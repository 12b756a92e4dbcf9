package io.gpuledger.attribution;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Attribution;
import io.gpuledger.core.usage.ChargeRule;
import io.gpuledger.core.usage.FactsChange;
import io.gpuledger.core.usage.HostFacts;
import io.gpuledger.core.usage.HostRun;
import io.gpuledger.core.usage.HostTimeline;
import io.gpuledger.core.usage.HourSum;
import io.gpuledger.core.usage.SampleSeries;
import io.gpuledger.core.usage.SlotReadings;
import io.gpuledger.core.usage.UnbalancedRowException;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.flink.records.RecordLimits;
import java.io.Serializable;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.metrics.Counter;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.co.KeyedBroadcastProcessFunction;
import org.apache.flink.util.Collector;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keyed by host: keeps what is known of the host and, when event time has passed a window by the
 * settle time, asks the core what happened in it. Later knowledge sets the timers of the windows
 * that it may change; they fire with the next watermark, so changes are coalesced, and only changed
 * content is written, with a higher revision.
 */
public final class HostAttributor
        extends KeyedBroadcastProcessFunction<String, HostInput, HeartbeatInput, SinkRow>
        implements CheckpointedFunction {
    public static final String UID = "attribute-hosts"; // names this operator in every savepoint

    private static final long serialVersionUID = 1L;
    private static final Logger LOG = LoggerFactory.getLogger(HostAttributor.class);
    private static final long WINDOW_MS = 60_000;
    private static final long HOUR_MS = 3_600_000;

    /** Timers fire at whole minutes for windows; a millisecond apart for everything else. */
    private static final long HOUR_MARK = 1;

    private static final long TICK_MARK = 2;

    /** Fires with the first watermark, whatever that is. */
    private static final long FIRST_WATERMARK = Long.MIN_VALUE + 1;

    /** The same once there was one. */
    private static final long NEXT_WATERMARK = Long.MIN_VALUE + 2;

    /** How often a host is looked at for what changes by itself. */
    private static final long TICK_MS = 5 * WINDOW_MS;

    /** The newest registry. */
    public static final MapStateDescriptor<String, RegistryState> REGISTRY =
            new MapStateDescriptor<>(
                    "registry", Types.STRING, TypeInformation.of(RegistryState.class));

    private final AttributionSettings settings;
    private final RegistryState registry;
    private final Core core;

    private transient ChargingInForce inForce;

    private transient HostStore store;
    private transient WrittenWindows minutes;
    private transient WrittenWindows hours;

    @SuppressWarnings("NullAway.Init") // Flink calls initializeState before anything else
    private transient ListState<Long> generations;

    private transient SampleEffects effects;
    private transient ScrapeDecoder decoder;
    private transient long generation;
    private transient boolean restored;
    private transient long restoredAtMs;
    private transient Counter used;
    private transient Counter duplicate;
    private transient Counter deadLettered;

    /** Counts what was heard of the scheduler: facts and windows know up to which they are. */
    private transient int heard;

    /** {@link Attribution#attribute}; a test puts a faulty one in its place. */
    interface Core extends Serializable {
        List<UsageRow> attribute(
                HostFacts facts, Map<Integer, SlotReadings> readings, Span window, ChargeRule rule);
    }

    /**
     * A job that begins with a registry.
     *
     * @param registry a newer one may come by broadcast
     */
    public HostAttributor(AttributionSettings settings, RegistryState registry) {
        this(settings, registry, Attribution::attribute);
    }

    HostAttributor(AttributionSettings settings, RegistryState registry, Core core) {
        this.settings = settings;
        this.registry = registry;
        this.core = core;
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        generations =
                context.getOperatorStateStore()
                        .getUnionListState(new ListStateDescriptor<>("generations", Types.LONG));
        generation = 0;
        restored = context.isRestored();
        restoredAtMs = Long.MIN_VALUE;
        if (restored) {
            for (long earlier : generations.get()) {
                generation = Math.max(generation, earlier);
            }
            generation++;
        }
    }

    HostStore store() {
        return store;
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        generations.update(List.of(generation));
    }

    @Override
    public void open(OpenContext context) {
        decoder = new ScrapeDecoder(new RecordLimits(settings.isBackfill()));
        store = new HostStore(getRuntimeContext());
        effects = new SampleEffects(settings.readingRules());
        inForce = new ChargingInForce(registry);
        minutes =
                new WrittenWindows(
                        mapState("minutes", Types.LONG, WindowState.class),
                        SinkTable.USAGE_MINUTE,
                        settings);
        hours =
                new WrittenWindows(
                        mapState("hours", Types.LONG, WindowState.class),
                        SinkTable.USAGE_HOUR,
                        settings);
        used = getRuntimeContext().getMetricGroup().counter("recordsUsed");
        duplicate = getRuntimeContext().getMetricGroup().counter("recordsDuplicate");
        deadLettered = getRuntimeContext().getMetricGroup().counter("recordsDeadLettered");
    }

    private <K, V> MapState<K, V> mapState(String name, TypeInformation<K> key, Class<V> value) {
        return getRuntimeContext()
                .getMapState(new MapStateDescriptor<>(name, key, TypeInformation.of(value)));
    }

    @Override
    public void processBroadcastElement(
            HeartbeatInput input, Context context, Collector<SinkRow> out) throws Exception {
        if (input.registry != null) {
            inForce.hear(input.registry, context.getBroadcastState(REGISTRY));
            return;
        }
        RunAssembler.hear(input, context, settings);
        heard++;
    }

    @Override
    public void processElement(HostInput input, ReadOnlyContext context, Collector<SinkRow> out)
            throws Exception {
        long changeable = settings.changeableFromMs(context.currentWatermark());
        if (input.kind != HostInput.RUN && !input.configures && input.observedAtMs < changeable) {
            // Its source was idle: the rest of the host went on without it.
            deadLettered.inc();
            out.collect(
                    DeadLetters.late(input, changeable, context.currentProcessingTime(), settings));
            return;
        }
        String key = context.getCurrentKey();
        HostMemory memory = store.get(key);
        if (memory == null) {
            HostState fresh = new HostState();
            fresh.cluster = input.cluster;
            fresh.host = input.host;
            fresh.generation = generation;
            inForce.remember(context.getBroadcastState(REGISTRY));
            fresh.registryVersion = inForce.version();
            memory = store.create(key, fresh);
        }
        memory.isSaved = false;
        boolean live = context.currentWatermark() != Long.MIN_VALUE;
        switch (input.kind) {
            case HostInput.SAMPLES -> samples(memory, input, live, context);
            case HostInput.INVENTORY -> {
                noteFacts(memory, live, context);
                inventory(memory, input, live, context);
            }
            case HostInput.RUN -> {
                noteFacts(memory, live, context);
                run(memory, Objects.requireNonNull(input.run, "a run"), live, context);
            }
            default -> throw new IllegalStateException("host input of kind " + input.kind);
        }
        if (!live) {
            context.timerService().registerEventTimeTimer(FIRST_WATERMARK);
        }
        if (memory.host.tickAtMs == Long.MIN_VALUE) {
            long now = live ? context.currentWatermark() : input.observedAtMs;
            setTick(memory.host, now, context);
        }
    }

    private void samples(HostMemory memory, HostInput input, boolean live, ReadOnlyContext context)
            throws Exception {
        Scrape scrape = decoder.decode(input.scrape);
        if (memory.unpacked > 0 && (store.isFull(memory) || beginsAnHour(memory, scrape))) {
            store.pack(memory);
            long written = context.currentWatermark() - settings.settleMs();
            store.trim(memory, live ? written - 2 * WINDOW_MS : memory.lastSampleMs);
        }
        boolean fresh =
                goesOn(memory, scrape, live, context) || takeAnew(memory, scrape, live, context);
        if (fresh) {
            memory.unpacked++;
        }
        (fresh || scrape.layout().size() == 0 ? used : duplicate).inc();
    }

    private static boolean beginsAnHour(HostMemory memory, Scrape scrape) {
        return floor(scrape.observedAtMs(), HOUR_MS) > memory.lastSampleMs;
    }

    /**
     * Takes a scrape that says of the same GPUs, called the same, what happened since the last one:
     * nearly all are. It changes the windows since then and nothing else; nothing is compared.
     *
     * @return false when it is not so, and nothing was done
     */
    private boolean goesOn(
            HostMemory memory, Scrape scrape, boolean live, ReadOnlyContext context) {
        HostMemory.Applied applied = memory.applied(scrape.layout());
        long at = scrape.observedAtMs();
        if (applied == null
                || at <= memory.lastSampleMs
                || (scrape.layout().isLabelled && memory.isCounted)) {
            return false;
        }
        long from = memory.lastSampleMs;
        if (!memory.isLikeLast(scrape)) {
            memory.takeIn();
            from = effects.earliest(scrape, applied.tracks);
            if (from == SampleEffects.NOT_KNOWN) {
                return false;
            }
            for (int slot : applied.slots) {
                from = Math.min(from, memory.host.slotLastMs[slot]);
            }
        }
        memory.forgetExcerptFrom(from);
        memory.takeNext(scrape, applied);
        if (live) {
            touch(memory, from, at, context);
        }
        return true;
    }

    /** Whether all of a span lies in a window whose timer is set and has not fired. */
    private boolean isTouched(HostMemory memory, long fromMs, long toMs, ReadOnlyContext context) {
        return memory.touchedMs <= fromMs
                && toMs < memory.touchedMs + WINDOW_MS
                && context.currentWatermark() < memory.touchedMs + WINDOW_MS + settings.settleMs();
    }

    /** Any other scrape. Tells whether it said anything that was not known. */
    private boolean takeAnew(
            HostMemory memory, Scrape scrape, boolean live, ReadOnlyContext context)
            throws Exception {
        memory.takeIn();
        ScrapeLayout layout = scrape.layout();
        long at = scrape.observedAtMs();
        noteFacts(memory, live && (renames(memory, scrape) || placesAnew(memory, scrape)), context);
        boolean inOrder = at > memory.lastSampleMs;
        boolean fresh = inOrder && layout.size() > 0;
        if (live) {
            Map<Integer, SampleSeries> near =
                    at >= memory.recentFromMs ? memory.recent() : store.excerpt(memory, at, at + 1);
            for (int i = 0; i < layout.size(); i++) {
                Track track = memory.track(layout.gpuIndex[i], layout.instance[i]);
                if (!inOrder && isKnown(near.get(track.id), scrape, i)) {
                    continue;
                }
                fresh = true;
                for (Span span : effects.of(scrape, i, track, memory.tracks, near)) {
                    touch(memory, span.startMs(), span.endMs(), context);
                }
                if (track.series.differsInSlices(layout.slices[i], layout.slicesPerGpu[i], at)) {
                    // Which part of its card an instance is: that scales all it ever said.
                    memory.unapply();
                    touch(
                            memory,
                            Math.min(at, track.series.firstMs()),
                            track.series.lastMs(at),
                            context);
                }
                evidence(memory, layout.gpuIndex[i], new Span(at, at), false, context);
            }
        } else {
            fresh = layout.size() > 0;
        }
        if (!fresh) {
            return false;
        }
        HostStore.take(memory, scrape);
        memory.apply(layout);
        memory.excerpt = null;
        memory.forgetFacts();
        return true;
    }

    private static boolean isKnown(@Nullable SampleSeries samples, Scrape scrape, int element) {
        return samples != null
                && samples.says(
                        scrape.observedAtMs(),
                        scrape.coverMs(),
                        scrape.layout().uuids[element],
                        scrape.values(),
                        element * SampleSeries.FIELDS);
    }

    /** Whether a scrape calls any card what it was not called before, or earlier. */
    private static boolean renames(HostMemory memory, Scrape scrape) {
        ScrapeLayout layout = scrape.layout();
        for (int i = 0; i < layout.size(); i++) {
            SeriesState known = memory.track(layout.gpuIndex[i], layout.instance[i]).series;
            if (!known.isCalled(layout.uuids[i], layout.models[i], scrape.observedAtMs())) {
                return true;
            }
        }
        return false;
    }

    /** A job label that reaches a counted run anew may place that run's devices in all its time. */
    private static boolean placesAnew(HostMemory memory, Scrape scrape) {
        ScrapeLayout layout = scrape.layout();
        if (!layout.isLabelled || !memory.isCounted) {
            return false;
        }
        for (HostRun run : memory.runs.values()) {
            for (Holding holding : run.holdings()) {
                for (int i = 0; holding.gpuIndex() < 0 && i < layout.size(); i++) {
                    if (!layout.jobs[i].isEmpty() && reachesAnew(memory, scrape, i, holding)) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    private static boolean reachesAnew(
            HostMemory memory, Scrape scrape, int element, Holding holding) {
        HostState host = memory.host;
        long first = Long.MAX_VALUE;
        long last = Long.MIN_VALUE;
        for (int i = 0; i < host.hintJob.length; i++) {
            if (host.hintJob[i].equals(scrape.layout().jobs[element])
                    && host.hintGpu[i] == scrape.layout().gpuIndex[element]) {
                first = host.hintFirstMs[i];
                last = host.hintLastMs[i];
            }
        }
        long at = scrape.observedAtMs();
        long from = holding.startMs();
        long to = holding.endMs();
        boolean reached = first < to && from < last;
        boolean reaches = Math.min(first, at) < to && from < Math.max(last, at + 1);
        return reaches && !reached;
    }

    private void inventory(
            HostMemory memory, HostInput input, boolean live, ReadOnlyContext context)
            throws Exception {
        InventoryState known = memory.inventories.get(input.contentKey);
        if (known == null) {
            known = new InventoryState();
            known.snapshot = input.snapshot;
        }
        if (!known.add(input.observedAtMs)) {
            duplicate.inc();
            return;
        }
        used.inc();
        memory.inventories.put(input.contentKey, known);
        memory.changedInventories.add(input.contentKey);
        memory.forgetTimeline();
        int count = memory.said(input.contentKey, known).gpuCount();
        for (int i = 0; i < count; i++) {
            Span seen = new Span(input.observedAtMs, input.observedAtMs);
            evidence(memory, i, seen, live, context);
        }
    }

    private void run(HostMemory memory, HostRunState run, boolean live, ReadOnlyContext context)
            throws Exception {
        store.putRun(memory, run);
        for (int i = 0; i < run.gpuIndex.length; i++) {
            if (run.holdingEndMs[i] > run.holdingStartMs[i]) {
                Span held = new Span(run.holdingStartMs[i], run.evidenceEndMs(i) - 1);
                evidence(memory, run.gpuIndex[i], held, live, context);
            }
        }
        long end = Math.max(run.endMs, run.overheadUntilMs);
        if (!live && end > run.startMs) {
            touch(memory, run.startMs, end - 1, context);
        }
    }

    /**
     * Evidence of a slot: between it and what was known before, the slot existed as well.
     *
     * @param compared the windows are found by comparing the facts
     */
    private void evidence(
            HostMemory memory, int slot, Span seen, boolean compared, ReadOnlyContext context) {
        HostState host = memory.host;
        int i = memory.slot(slot);
        boolean isNew = host.slotFirstMs[i] > host.slotLastMs[i];
        if (!compared && (isNew || seen.startMs() < host.slotFirstMs[i])) {
            touch(memory, seen.startMs(), isNew ? seen.endMs() : host.slotFirstMs[i], context);
        }
        if (!compared && !isNew && seen.endMs() > host.slotLastMs[i]) {
            touch(memory, host.slotLastMs[i], seen.endMs(), context);
        }
        host.slotFirstMs[i] = Math.min(host.slotFirstMs[i], seen.startMs());
        host.slotLastMs[i] = Math.max(host.slotLastMs[i], seen.endMs());
    }

    /**
     * Something may change the facts: with the next watermark they are compared with those of now.
     * Many things may have come until then, and facts of all that is known are dear.
     */
    private void noteFacts(HostMemory memory, boolean compare, ReadOnlyContext context)
            throws Exception {
        memory.takeIn();
        if (compare && memory.before == null) {
            memory.before = factsOf(memory, context);
            context.timerService().registerEventTimeTimer(NEXT_WATERMARK);
        }
    }

    /** Sets the timers of all windows in which what was learned since makes a difference. */
    private void touchChange(HostMemory memory, OnTimerContext context, Collector<SinkRow> out)
            throws Exception {
        HostFacts before = memory.before;
        if (before == null) {
            touchAllThatExists(memory, context); // it was forgotten meanwhile
            return;
        }
        memory.before = null;
        long changeable = settings.changeableFromMs(context.currentWatermark());
        Span late = null;
        for (Span span : FactsChange.between(before, factsOf(memory, context))) {
            touch(memory, span.startMs(), span.endMs() - 1, context);
            if (span.startMs() < changeable) {
                late = new Span(span.startMs(), Math.min(span.endMs(), changeable));
            }
        }
        if (late != null) {
            out.collect(
                    DeadLetters.beyondHorizon(
                            memory.host.cluster,
                            memory.host.host,
                            late,
                            context.currentProcessingTime(),
                            settings));
        }
    }

    /**
     * Sets the timers of the windows from one instant to another, both included. Before the first
     * watermark nobody knows how much of a long time is closed: that one touches all of it again.
     */
    private void touch(HostMemory memory, long fromMs, long toMs, ReadOnlyContext context) {
        if (isTouched(memory, fromMs, toMs, context)) {
            return;
        }
        long watermark = context.currentWatermark();
        long changeable = settings.changeableFromMs(watermark == Long.MIN_VALUE ? toMs : watermark);
        for (long window = floor(Math.max(fromMs, changeable), WINDOW_MS);
                window <= toMs;
                window += WINDOW_MS) {
            context.timerService().registerEventTimeTimer(window + WINDOW_MS + settings.settleMs());
            memory.touchedMs = window;
        }
    }

    private static long floor(long ms, long unit) {
        return Math.floorDiv(ms, unit) * unit;
    }

    private void setTick(HostState host, long nowMs, ReadOnlyContext context) {
        host.tickAtMs = floor(nowMs, TICK_MS) + TICK_MS + TICK_MARK;
        context.timerService().registerEventTimeTimer(host.tickAtMs);
    }

    @Override
    public void onTimer(long timestamp, OnTimerContext context, Collector<SinkRow> out)
            throws Exception {
        HostMemory memory = store.get(context.getCurrentKey());
        if (memory == null) {
            return;
        }
        memory.takeIn();
        memory.isSaved = false;
        inForce.remember(context.getBroadcastState(REGISTRY));
        if (timestamp == FIRST_WATERMARK) {
            touchAllThatExists(memory, context);
            return;
        }
        if (timestamp == NEXT_WATERMARK) {
            touchChange(memory, context, out);
            return;
        }
        // Settle is whole minutes, so what is left over tells the kinds of timer apart.
        long mark = Math.floorMod(timestamp, WINDOW_MS);
        if (mark == TICK_MARK) {
            tick(memory, context);
        } else if (mark == HOUR_MARK) {
            // A timer of an earlier start, with another settle, lies between two hours.
            long end = floor(timestamp - settings.settleMs(), HOUR_MS);
            writeHour(memory, end - HOUR_MS, context, out);
        } else {
            writeMinute(memory, timestamp - settings.settleMs() - WINDOW_MS, context, out);
        }
    }

    /**
     * What came before the first watermark was not compared with what it changed: which cards a
     * count means, and so since when they exist, takes all of it together. A live job that is
     * drained before its first watermark knows less than it wrote in the attempt before.
     */
    private void touchAllThatExists(HostMemory memory, OnTimerContext context) throws Exception {
        if (context.currentWatermark() == Long.MAX_VALUE && !settings.isBackfill()) {
            return;
        }
        for (HostFacts.Slot slot : factsOf(memory, context).slots().values()) {
            for (Span span : slot.exists()) {
                touch(memory, span.startMs(), span.endMs() - 1, context);
            }
        }
        for (HostRun run : memory.runs.values()) {
            // Devices without a position are no slot.
            touch(memory, run.startMs(), Math.max(run.endMs(), run.overheadUntilMs()) - 1, context);
        }
    }

    private boolean isClosed(long windowMs, OnTimerContext context) {
        return windowMs < settings.changeableFromMs(context.currentWatermark());
    }

    private void writeMinute(
            HostMemory memory, long start, OnTimerContext context, Collector<SinkRow> out)
            throws Exception {
        if (isClosed(start, context)) {
            return;
        }
        if (context.currentWatermark() != Long.MAX_VALUE) {
            touchNewlyKnown(memory, context);
            touchRecharged(memory, context);
        }
        List<UsageRow> rows;
        try {
            rows = attribute(memory, factsOf(memory, context), start);
        } catch (UnbalancedRowException | ArithmeticException e) {
            setAside(memory.host, "minute", start, e, context, out);
            return;
        }
        long hour = floor(start, HOUR_MS);
        memory.keep(hour, start, rows);
        if (minutes.write(memory.host, start, rows, now(context), isUnsure(start, context), out)) {
            registerHour(hour, context);
        }
    }

    /** The sum of its minutes: those written just now, and the others as they come out now. */
    private void writeHour(
            HostMemory memory, long start, OnTimerContext context, Collector<SinkRow> out)
            throws Exception {
        if (isClosed(start, context)) {
            return;
        }
        HostFacts known = factsOf(memory, context);
        Map<Long, List<UsageRow>> written = memory.minutes.remove(start);
        List<UsageRow> rows;
        try {
            List<UsageRow> parts = new ArrayList<>();
            for (long m = start; m < start + HOUR_MS; m += WINDOW_MS) {
                List<UsageRow> minute = written == null ? null : written.get(m);
                parts.addAll(minute == null ? attribute(memory, known, m) : minute);
            }
            rows = HourSum.of(start, parts);
        } catch (UnbalancedRowException | ArithmeticException e) {
            setAside(memory.host, "hour", start, e, context, out);
            return;
        }
        hours.write(memory.host, start, rows, now(context), isUnsure(start, context), out);
    }

    private List<UsageRow> attribute(HostMemory memory, HostFacts known, long windowMs)
            throws Exception {
        Span window = new Span(windowMs, windowMs + WINDOW_MS);
        Map<Integer, SampleSeries> samples = memory.recent();
        if (windowMs < memory.recentFromMs) {
            samples = store.hourOf(memory, windowMs);
        }
        return core.attribute(
                known, readings(memory, known.timeline(), samples), window, inForce.charging());
    }

    /** What samples say, by the slot that they are of. */
    private Map<Integer, SlotReadings> readings(
            HostMemory memory, HostTimeline timeline, Map<Integer, SampleSeries> samples) {
        Map<Integer, SortedMap<Integer, SlotReadings.Series>> bySlot = new HashMap<>();
        for (Track track : memory.tracks) {
            SampleSeries all = samples.get(track.id);
            if (all == null || all.isEmpty()) {
                continue;
            }
            SeriesState known = track.series;
            Map<Integer, SampleSeries> parts = timeline.bySlot(known.gpuIndex, all);
            parts.forEach(
                    (slot, part) ->
                            bySlot.computeIfAbsent(slot, s -> new TreeMap<>())
                                    .merge(
                                            known.instance,
                                            new SlotReadings.Series(
                                                    known.slices, known.slicesPerGpu, part),
                                            SlotReadings.Series::and));
        }
        return SlotReadings.bySlot(bySlot, settings.readingRules());
    }

    /** A fault of the core must not stop the job: the window keeps what was written before. */
    private void setAside(
            HostState host,
            String unit,
            long start,
            RuntimeException fault,
            OnTimerContext context,
            Collector<SinkRow> out) {
        LOG.error("cannot attribute host {} in the {} at {}", host.host, unit, start, fault);
        out.collect(
                DeadLetters.unbalanced(
                        host.cluster,
                        "host '%s', %s at %s: %s; this is a fault of the program, report it"
                                .formatted(host.host, unit, Instant.ofEpochMilli(start), fault),
                        now(context),
                        settings));
    }

    private void registerHour(long hourStart, OnTimerContext context) {
        context.timerService()
                .registerEventTimeTimer(hourStart + HOUR_MS + settings.settleMs() + HOUR_MARK);
    }

    /** What changes without an input of this host: the scheduler's silence, a restart, old age. */
    private void tick(HostMemory memory, OnTimerContext context) throws Exception {
        long watermark = context.currentWatermark();
        if (watermark == Long.MAX_VALUE) {
            return;
        }
        HostState host = memory.host;
        long changeable = settings.changeableFromMs(watermark);
        forget(memory, changeable, context);
        if (host.slotIndex.length == 0 && !isToldOf(memory, changeable)) {
            clear(context);
            return;
        }
        if (host.generation != generation) {
            host.generation = generation;
            writeAgain(minutes, WINDOW_MS, context);
            writeAgain(hours, HOUR_MS + HOUR_MARK, context);
            // Windows that wait to be written wait by the settle of the earlier start.
            touchAllThatExists(memory, context);
        }
        touchNewlyKnown(memory, context);
        touchRecharged(memory, context);
        setTick(host, watermark, context);
    }

    /** A slot that is still to come may have been reserved, or its node down, before. */
    private static boolean isToldOf(HostMemory memory, long changeable) {
        for (InventoryState said : memory.inventories.values()) {
            boolean lately = said.lastBefore(Long.MAX_VALUE) >= changeable;
            if (lately && !WireConversion.configures(said)) {
                return true;
            }
        }
        return false;
    }

    /** Windows were written with what was known of the scheduler then. */
    private void touchNewlyKnown(HostMemory memory, OnTimerContext context) throws Exception {
        if (memory.touchedHeard == heard) {
            return;
        }
        memory.touchedHeard = heard;
        HostState host = memory.host;
        List<Span> known = known(host.cluster, context);
        List<Span> before = new ArrayList<>();
        for (int i = 0; i < host.knownFromMs.length; i++) {
            before.add(new Span(host.knownFromMs[i], host.knownToMs[i]));
        }
        long first = Arrays.stream(host.slotFirstMs).min().orElse(Long.MAX_VALUE);
        long last = Arrays.stream(host.slotLastMs).max().orElse(Long.MIN_VALUE);
        if (before.equals(known)) {
            return;
        }
        for (Span span : FactsChange.difference(before, known)) {
            touch(
                    memory,
                    Math.max(span.startMs(), floor(first, WINDOW_MS)),
                    Math.min(span.endMs() - 1, last),
                    context);
        }
        host.knownFromMs = known.stream().mapToLong(Span::startMs).toArray();
        host.knownToMs = known.stream().mapToLong(Span::endMs).toArray();
    }

    /**
     * Windows were written with another registry: all that may still change are looked at again.
     */
    private void touchRecharged(HostMemory memory, OnTimerContext context) throws Exception {
        if (memory.host.registryVersion == inForce.version()) {
            return;
        }
        memory.host.registryVersion = inForce.version();
        for (long start : minutes.starts()) {
            context.timerService().registerEventTimeTimer(start + WINDOW_MS + settings.settleMs());
        }
    }

    /**
     * Another attempt may have written what this one will not derive: after a restore every window
     * that may still change is written once more.
     */
    private void writeAgain(WrittenWindows written, long timerOffset, OnTimerContext context)
            throws Exception {
        for (long start : written.forgetContents()) {
            context.timerService()
                    .registerEventTimeTimer(start + timerOffset + settings.settleMs());
        }
    }

    /** What began before this attempt may have been written by the one before it. */
    private boolean isUnsure(long windowMs, OnTimerContext context) {
        if (restored && restoredAtMs == Long.MIN_VALUE) {
            restoredAtMs = now(context);
        }
        return restored && windowMs < restoredAtMs;
    }

    private static long now(OnTimerContext context) {
        return context.timerService().currentProcessingTime();
    }

    /** Drops what no window that may still change depends on; that moves by whole hours. */
    private void forget(HostMemory memory, long changeable, OnTimerContext context)
            throws Exception {
        HostState host = memory.host;
        if (changeable <= host.forgottenMs) {
            return;
        }
        host.forgottenMs = changeable;
        memory.rememberSlots(changeable, factsOf(memory, context));
        minutes.dropBefore(changeable);
        hours.dropBefore(changeable);
        store.dropSamplesBefore(memory, changeable);
        store.removeRunsBefore(memory, changeable);
        memory.dropInventoriesBefore(changeable, false);
        memory.dropHintsBefore(changeable);
        memory.forgetTimeline();
        if (Arrays.stream(host.slotLastMs).allMatch(l -> l < changeable)) {
            host.slotIndex = new int[0];
            memory.unapply();
        }
    }

    /**
     * Nothing here can change any more. What the site configured holds for whoever comes back, and
     * waits for that without a timer.
     */
    private void clear(OnTimerContext context) throws Exception {
        store.clear(context.getCurrentKey());
        minutes.clear();
        hours.clear();
    }

    /** What is known of a host; put together anew only when something other than samples came. */
    private HostFacts factsOf(HostMemory memory, ReadOnlyContext context) throws Exception {
        HostFacts facts = memory.facts;
        if (facts != null && memory.factsUntilMs < memory.lastSampleMs) {
            facts = facts.seenUntil(memory.lastSamples());
        }
        if (facts == null) {
            facts = build(memory, context);
        } else if (memory.factsHeard != heard) {
            facts = facts.withSchedulerKnown(known(memory.host.cluster, context));
        }
        memory.facts = facts;
        memory.factsHeard = heard;
        memory.factsUntilMs = memory.lastSampleMs;
        return facts;
    }

    private HostFacts build(HostMemory memory, ReadOnlyContext context) throws Exception {
        HostState host = memory.host;
        HostTimeline timeline = memory.timeline;
        if (timeline == null) {
            timeline = HostTimeline.of(memory.snapshots(), settings.schedulerGapMs());
            memory.timeline = timeline;
        }
        List<HostFacts.JobHint> hints = new ArrayList<>();
        for (int i = 0; i < host.hintJob.length; i++) {
            hints.add(
                    new HostFacts.JobHint(
                            host.hintJob[i],
                            host.hintGpu[i],
                            host.hintFirstMs[i],
                            host.hintLastMs[i]));
        }
        return HostFacts.of(
                host.cluster,
                host.host,
                timeline,
                List.copyOf(memory.runs.values()),
                hints,
                memory.sampled(timeline),
                known(host.cluster, context));
    }

    private static List<Span> known(String cluster, ReadOnlyContext context) throws Exception {
        KnownTimes times = context.getBroadcastState(RunAssembler.KNOWN).get(cluster);
        return times == null ? List.of() : times.known();
    }
}

package io.gpuledger.attribution;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Attribution;
import io.gpuledger.core.usage.FactsChange;
import io.gpuledger.core.usage.HostFacts;
import io.gpuledger.core.usage.HostInventory;
import io.gpuledger.core.usage.HostRun;
import io.gpuledger.core.usage.HostTimeline;
import io.gpuledger.core.usage.HourSum;
import io.gpuledger.core.usage.SlotReadings;
import io.gpuledger.core.usage.UnbalancedRowException;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import java.io.Serializable;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
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

    /** How often a host is looked at for what changes by itself. */
    private static final long TICK_MS = 5 * WINDOW_MS;

    private static final int CACHED_HOSTS = 4_096;

    private final AttributionSettings settings;
    private final Core core;

    private transient ValueState<HostState> hostState;
    private transient MapState<String, HostRunState> runs;
    private transient MapState<String, InventoryState> inventories;
    private transient WrittenWindows minutes;
    private transient WrittenWindows hours;

    @SuppressWarnings("NullAway.Init") // Flink calls initializeState before anything else
    private transient ListState<Long> generations;

    private transient Samples samples;
    private transient long generation;
    private transient boolean restored;
    private transient long restoredAtMs;
    private transient Counter used;
    private transient Counter duplicate;
    private transient Counter deadLettered;

    /** Facts of hosts since their last input: building them for every window would be quadratic. */
    private transient Map<String, HostFacts> facts;

    /** {@link Attribution#attribute}; a test puts a faulty one in its place. */
    interface Core extends Serializable {
        List<UsageRow> attribute(HostFacts facts, Map<Integer, SlotReadings> readings, Span window);
    }

    public HostAttributor(AttributionSettings settings) {
        this(settings, Attribution::attribute);
    }

    HostAttributor(AttributionSettings settings, Core core) {
        this.settings = settings;
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

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        generations.update(List.of(generation));
    }

    @Override
    public void open(OpenContext context) {
        hostState =
                getRuntimeContext()
                        .getState(
                                new ValueStateDescriptor<>(
                                        "host", TypeInformation.of(HostState.class)));
        runs = mapState("runs", Types.STRING, HostRunState.class);
        inventories = mapState("inventories", Types.STRING, InventoryState.class);
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
        samples = new Samples(getRuntimeContext(), settings.readingRules());
        used = getRuntimeContext().getMetricGroup().counter("recordsUsed");
        duplicate = getRuntimeContext().getMetricGroup().counter("recordsDuplicate");
        deadLettered = getRuntimeContext().getMetricGroup().counter("recordsDeadLettered");
        facts =
                new LinkedHashMap<>(64, 0.75f, true) {
                    private static final long serialVersionUID = 1L;

                    @Override
                    protected boolean removeEldestEntry(Map.Entry<String, HostFacts> eldest) {
                        return size() > CACHED_HOSTS;
                    }
                };
    }

    private <K, V> MapState<K, V> mapState(String name, TypeInformation<K> key, Class<V> value) {
        return getRuntimeContext()
                .getMapState(new MapStateDescriptor<>(name, key, TypeInformation.of(value)));
    }

    @Override
    public void processBroadcastElement(
            HeartbeatInput input, Context context, Collector<SinkRow> out) throws Exception {
        RunAssembler.hear(input, context, settings);
        facts.clear();
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
        HostState host = hostState.value();
        if (host == null) {
            host = new HostState();
            host.cluster = input.cluster;
            host.host = input.host;
            host.generation = generation;
        }
        boolean live = context.currentWatermark() != Long.MIN_VALUE;
        switch (input.kind) {
            case HostInput.SAMPLES -> samples(host, input, live, context, out);
            case HostInput.INVENTORY -> {
                HostFacts before = live ? factsOf(host, context) : null;
                inventory(host, input, context);
                touchChange(host, before, context, out);
            }
            case HostInput.RUN -> {
                HostFacts before = live ? factsOf(host, context) : null;
                run(host, input.run, context);
                touchChange(host, before, context, out);
            }
            default -> throw new IllegalStateException("host input of kind " + input.kind);
        }
        if (!live) {
            context.timerService().registerEventTimeTimer(FIRST_WATERMARK);
        }
        if (host.tickAtMs == Long.MIN_VALUE) {
            long now = live ? context.currentWatermark() : input.observedAtMs;
            setTick(host, now, context);
        }
        hostState.update(host);
    }

    private void samples(
            HostState host,
            HostInput input,
            boolean live,
            ReadOnlyContext context,
            Collector<SinkRow> out)
            throws Exception {
        HostFacts before =
                live && (samples.renames(input) || placesAnew(host, input))
                        ? factsOf(host, context)
                        : null;
        boolean fresh = false;
        for (int i = 0; i < input.gpuIndex.length; i++) {
            List<Span> affected = samples.add(host, input, i, live);
            if (affected == null) {
                continue;
            }
            fresh = true;
            for (Span span : affected) {
                touch(span.startMs(), span.endMs(), context);
            }
            evidence(host, input.gpuIndex[i], input.observedAtMs, input.observedAtMs, context);
            if (!input.jobs[i].isEmpty()) {
                hint(host, input.jobs[i], input.gpuIndex[i], input.observedAtMs);
            }
        }
        if (fresh) {
            facts.remove(context.getCurrentKey());
            touchChange(host, before, context, out);
        }
        (fresh || input.gpuIndex.length == 0 ? used : duplicate).inc();
    }

    private static void hint(HostState host, String job, int gpuIndex, long atMs) {
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

    /** A job label that reaches a counted run anew may place that run's devices in all its time. */
    private boolean placesAnew(HostState host, HostInput input) throws Exception {
        boolean labelled = false;
        for (String job : input.jobs) {
            labelled |= !job.isEmpty();
        }
        if (!labelled) {
            return false;
        }
        for (HostRunState run : runs.values()) {
            if (!run.isCounted()) {
                continue;
            }
            for (int i = 0; i < input.jobs.length; i++) {
                if (!input.jobs[i].isEmpty() && reachesAnew(host, input, i, run)) {
                    return true;
                }
            }
        }
        return false;
    }

    private static boolean reachesAnew(
            HostState host, HostInput input, int element, HostRunState run) {
        long first = Long.MAX_VALUE;
        long last = Long.MIN_VALUE;
        for (int i = 0; i < host.hintJob.length; i++) {
            if (host.hintJob[i].equals(input.jobs[element])
                    && host.hintGpu[i] == input.gpuIndex[element]) {
                first = host.hintFirstMs[i];
                last = host.hintLastMs[i];
            }
        }
        long at = input.observedAtMs;
        for (int h = 0; h < run.gpuIndex.length; h++) {
            long from = run.holdingStartMs[h];
            long to = run.holdingEndMs[h];
            boolean reached = first < to && from < last;
            boolean reaches = Math.min(first, at) < to && from < Math.max(last, at + 1);
            if (run.gpuIndex[h] < 0 && reaches && !reached) {
                return true;
            }
        }
        return false;
    }

    private void inventory(HostState host, HostInput input, ReadOnlyContext context)
            throws Exception {
        InventoryState known = inventories.get(input.contentKey);
        if (known == null) {
            known = new InventoryState();
            known.snapshot = input.snapshot;
        }
        if (!known.add(input.observedAtMs)) {
            duplicate.inc();
            return;
        }
        used.inc();
        inventories.put(input.contentKey, known);
        facts.remove(context.getCurrentKey());
        int count = WireConversion.inventory(known, input.observedAtMs, "").gpuCount();
        for (int i = 0; i < count; i++) {
            evidence(host, i, input.observedAtMs, input.observedAtMs, context);
        }
    }

    private void run(HostState host, HostRunState run, ReadOnlyContext context) throws Exception {
        if (run.gpuIndex.length == 0) {
            runs.remove(run.runId);
        } else {
            runs.put(run.runId, run);
        }
        facts.remove(context.getCurrentKey());
        for (int i = 0; i < run.gpuIndex.length; i++) {
            if (run.holdingEndMs[i] > run.holdingStartMs[i]) {
                evidence(
                        host,
                        run.gpuIndex[i],
                        run.holdingStartMs[i],
                        run.holdingEndMs[i] - 1,
                        context);
            }
        }
        long end = Math.max(run.endMs, run.overheadUntilMs);
        if (context.currentWatermark() == Long.MIN_VALUE && end > run.startMs) {
            touch(run.startMs, end - 1, context);
        }
    }

    /** Evidence of a slot: between it and what was known before, the slot existed as well. */
    private void evidence(
            HostState host, int slot, long fromMs, long toMs, ReadOnlyContext context) {
        for (int i = 0; i < host.slotIndex.length; i++) {
            if (host.slotIndex[i] == slot) {
                if (fromMs < host.slotFirstMs[i]) {
                    touch(fromMs, host.slotFirstMs[i], context);
                    host.slotFirstMs[i] = fromMs;
                }
                if (toMs > host.slotLastMs[i]) {
                    touch(host.slotLastMs[i], toMs, context);
                    host.slotLastMs[i] = toMs;
                }
                return;
            }
        }
        int added = host.slotIndex.length;
        host.slotIndex = Arrays.copyOf(host.slotIndex, added + 1);
        host.slotFirstMs = Arrays.copyOf(host.slotFirstMs, added + 1);
        host.slotLastMs = Arrays.copyOf(host.slotLastMs, added + 1);
        host.slotIndex[added] = slot;
        host.slotFirstMs[added] = fromMs;
        host.slotLastMs[added] = toMs;
        touch(fromMs, toMs, context);
    }

    private void touchChange(
            HostState host,
            @Nullable HostFacts before,
            ReadOnlyContext context,
            Collector<SinkRow> out)
            throws Exception {
        if (before == null) {
            return;
        }
        long changeable = settings.changeableFromMs(context.currentWatermark());
        Span late = null;
        for (Span span : FactsChange.between(before, factsOf(host, context))) {
            touch(span.startMs(), span.endMs() - 1, context);
            if (span.startMs() < changeable) {
                late = new Span(span.startMs(), Math.min(span.endMs(), changeable));
            }
        }
        if (late != null) {
            out.collect(
                    DeadLetters.beyondHorizon(
                            host.cluster,
                            host.host,
                            late,
                            context.currentProcessingTime(),
                            settings));
        }
    }

    /**
     * Sets the timers of the windows from one instant to another, both included. Before the first
     * watermark nobody knows how much of a long time is closed: that one touches all of it again.
     */
    private void touch(long fromMs, long toMs, ReadOnlyContext context) {
        long watermark = context.currentWatermark();
        long changeable = settings.changeableFromMs(watermark == Long.MIN_VALUE ? toMs : watermark);
        for (long window = floor(Math.max(fromMs, changeable), WINDOW_MS);
                window <= toMs;
                window += WINDOW_MS) {
            context.timerService().registerEventTimeTimer(window + WINDOW_MS + settings.settleMs());
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
        HostState host = hostState.value();
        if (host == null) {
            return;
        }
        if (timestamp == FIRST_WATERMARK) {
            touchAllThatExists(host, context);
            return;
        }
        // Settle is whole minutes, so what is left over tells the kinds of timer apart.
        long mark = Math.floorMod(timestamp, WINDOW_MS);
        if (mark == TICK_MARK) {
            tick(host, context);
        } else if (mark == HOUR_MARK) {
            // A timer of an earlier start, with another settle, lies between two hours.
            long end = floor(timestamp - settings.settleMs(), HOUR_MS);
            writeHour(host, end - HOUR_MS, context, out);
        } else {
            writeMinute(host, timestamp - settings.settleMs() - WINDOW_MS, context, out);
        }
    }

    /**
     * What came before the first watermark was not compared with what it changed: which cards a
     * count means, and so since when they exist, takes all of it together. A live job that is
     * drained before its first watermark knows less than it wrote in the attempt before.
     */
    private void touchAllThatExists(HostState host, OnTimerContext context) throws Exception {
        if (context.currentWatermark() == Long.MAX_VALUE && !settings.isBackfill()) {
            return;
        }
        for (HostFacts.Slot slot : factsOf(host, context).slots().values()) {
            for (Span span : slot.exists()) {
                touch(span.startMs(), span.endMs() - 1, context);
            }
        }
        for (HostRunState run : runs.values()) {
            // Devices without a position are no slot.
            touch(run.startMs, Math.max(run.endMs, run.overheadUntilMs) - 1, context);
        }
    }

    private boolean isClosed(long windowMs, OnTimerContext context) {
        return windowMs < settings.changeableFromMs(context.currentWatermark());
    }

    private void writeMinute(
            HostState host, long start, OnTimerContext context, Collector<SinkRow> out)
            throws Exception {
        if (isClosed(start, context)) {
            return;
        }
        if (context.currentWatermark() != Long.MAX_VALUE) {
            touchNewlyKnown(host, context);
        }
        List<UsageRow> rows;
        try {
            rows = attribute(host, factsOf(host, context), start);
        } catch (UnbalancedRowException | ArithmeticException e) {
            setAside(host, "minute", start, e, context, out);
            return;
        }
        if (minutes.write(host, start, rows, now(context), isUnsure(start, context), out)) {
            registerHour(floor(start, HOUR_MS), context);
        }
    }

    private void writeHour(
            HostState host, long start, OnTimerContext context, Collector<SinkRow> out)
            throws Exception {
        if (isClosed(start, context)) {
            return;
        }
        HostFacts known = factsOf(host, context);
        List<UsageRow> rows;
        try {
            List<UsageRow> parts = new ArrayList<>();
            for (long m = start; m < start + HOUR_MS; m += WINDOW_MS) {
                parts.addAll(attribute(host, known, m));
            }
            rows = HourSum.of(start, parts);
        } catch (UnbalancedRowException | ArithmeticException e) {
            setAside(host, "hour", start, e, context, out);
            return;
        }
        hours.write(host, start, rows, now(context), isUnsure(start, context), out);
    }

    private List<UsageRow> attribute(HostState host, HostFacts known, long windowMs)
            throws Exception {
        Span window = new Span(windowMs, windowMs + WINDOW_MS);
        return core.attribute(known, samples.readings(host, known.timeline(), window), window);
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
    private void tick(HostState host, OnTimerContext context) throws Exception {
        long watermark = context.currentWatermark();
        if (watermark == Long.MAX_VALUE) {
            return;
        }
        forget(host, settings.changeableFromMs(watermark), context);
        if (host.slotIndex.length == 0 && !isToldOf(settings.changeableFromMs(watermark))) {
            clear(context);
            return;
        }
        if (host.generation != generation) {
            host.generation = generation;
            writeAgain(minutes, WINDOW_MS, context);
            writeAgain(hours, HOUR_MS + HOUR_MARK, context);
            // Windows that wait to be written wait by the settle of the earlier start.
            touchAllThatExists(host, context);
        }
        touchNewlyKnown(host, context);
        setTick(host, watermark, context);
        hostState.update(host);
    }

    /** A slot that is still to come may have been reserved, or its node down, before. */
    private boolean isToldOf(long changeable) throws Exception {
        for (InventoryState said : inventories.values()) {
            boolean lately = said.lastBefore(Long.MAX_VALUE) >= changeable;
            if (lately && !WireConversion.configures(said)) {
                return true;
            }
        }
        return false;
    }

    /** Windows were written with what was known of the scheduler then. */
    private void touchNewlyKnown(HostState host, OnTimerContext context) throws Exception {
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
                    Math.max(span.startMs(), floor(first, WINDOW_MS)),
                    Math.min(span.endMs() - 1, last),
                    context);
        }
        host.knownFromMs = known.stream().mapToLong(Span::startMs).toArray();
        host.knownToMs = known.stream().mapToLong(Span::endMs).toArray();
        hostState.update(host);
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
    private void forget(HostState host, long changeable, OnTimerContext context) throws Exception {
        if (changeable <= host.forgottenMs) {
            return;
        }
        host.forgottenMs = changeable;
        rememberSlots(host, changeable, factsOf(host, context));
        minutes.dropBefore(changeable);
        hours.dropBefore(changeable);
        samples.dropBefore(host, changeable);
        List<String> ended = new ArrayList<>();
        for (HostRunState run : runs.values()) {
            if (Math.max(run.endMs, run.overheadUntilMs) <= changeable) {
                ended.add(run.runId);
            }
        }
        for (String runId : ended) {
            runs.remove(runId);
        }
        forgetInventories(changeable, false);
        dropHints(host, changeable);
        facts.remove(context.getCurrentKey());
        if (Arrays.stream(host.slotLastMs).allMatch(l -> l < changeable)) {
            host.slotIndex = new int[0];
        }
    }

    /** A slot existed since its first evidence, also when that is forgotten. */
    private static void rememberSlots(HostState host, long changeable, HostFacts known) {
        Map<Integer, Long> old = new TreeMap<>();
        known.slots()
                .forEach(
                        (slot, said) -> {
                            long first = said.exists().get(0).startMs();
                            if (first < changeable) {
                                old.put(slot, first);
                            }
                        });
        host.oldSlot = old.keySet().stream().mapToInt(Integer::intValue).toArray();
        host.oldSlotMs = old.values().stream().mapToLong(Long::longValue).toArray();
    }

    /** Of what was said before an instant, the last of each thing that snapshots say counts. */
    private void forgetInventories(long changeable, boolean onlyConfiguration) throws Exception {
        long counted = Long.MIN_VALUE;
        long stated = Long.MIN_VALUE;
        long laidOut = Long.MIN_VALUE;
        long named = Long.MIN_VALUE;
        Map<String, HostInventory> decoded = new HashMap<>();
        for (Map.Entry<String, InventoryState> entry : inventories.entries()) {
            HostInventory said = WireConversion.inventory(entry.getValue(), 0, entry.getKey());
            decoded.put(entry.getKey(), said);
            long last = entry.getValue().lastBefore(changeable);
            counted = said.counts() ? Math.max(counted, last) : counted;
            stated =
                    said.availability() == HostInventory.Availability.UNSAID
                            ? stated
                            : Math.max(stated, last);
            laidOut = said.layout().isEmpty() ? laidOut : Math.max(laidOut, last);
            named = said.cards().isEmpty() ? named : Math.max(named, last);
        }
        for (Map.Entry<String, HostInventory> entry : decoded.entrySet()) {
            HostInventory said = entry.getValue();
            InventoryState state = inventories.get(entry.getKey());
            long last = state.lastBefore(changeable);
            boolean configuration =
                    (!said.layout().isEmpty() && last == laidOut)
                            || (!said.cards().isEmpty() && last == named);
            boolean other =
                    (said.counts() && last == counted)
                            || (said.availability() != HostInventory.Availability.UNSAID
                                    && last == stated);
            state.dropBefore(changeable, configuration || (other && !onlyConfiguration));
            if (state.atMs.length == 0) {
                inventories.remove(entry.getKey());
            } else {
                inventories.put(entry.getKey(), state);
            }
        }
    }

    private static void dropHints(HostState host, long changeable) {
        int kept = 0;
        for (int i = 0; i < host.hintJob.length; i++) {
            if (host.hintLastMs[i] >= changeable) {
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

    /**
     * Nothing here can change any more. What the site configured holds for whoever comes back, and
     * waits for that without a timer.
     */
    private void clear(OnTimerContext context) throws Exception {
        forgetInventories(Long.MAX_VALUE, true);
        hostState.clear();
        runs.clear();
        minutes.clear();
        hours.clear();
        samples.clear();
        facts.remove(context.getCurrentKey());
    }

    private HostFacts factsOf(HostState host, ReadOnlyContext context) throws Exception {
        String key = host.cluster + "/" + host.host;
        HostFacts cached = facts.get(key);
        if (cached != null) {
            return cached;
        }
        List<HostInventory> snapshots = new ArrayList<>();
        for (Map.Entry<String, InventoryState> entry : inventories.entries()) {
            for (long at : entry.getValue().atMs) {
                snapshots.add(WireConversion.inventory(entry.getValue(), at, entry.getKey()));
            }
        }
        HostTimeline timeline = HostTimeline.of(snapshots, settings.schedulerGapMs());
        List<HostRun> held = new ArrayList<>();
        for (HostRunState run : runs.values()) {
            held.add(run.toCore(host.host));
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
        HostFacts built =
                HostFacts.of(
                        host.cluster,
                        host.host,
                        timeline,
                        held,
                        hints,
                        samples.sampled(host, timeline),
                        known(host.cluster, context));
        facts.put(key, built);
        return built;
    }

    private static List<Span> known(String cluster, ReadOnlyContext context) throws Exception {
        KnownTimes times = context.getBroadcastState(RunAssembler.KNOWN).get(cluster);
        return times == null ? List.of() : times.known();
    }
}

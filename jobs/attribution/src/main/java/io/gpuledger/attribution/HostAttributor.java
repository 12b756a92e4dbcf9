package io.gpuledger.attribution;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Attribution;
import io.gpuledger.core.usage.ChargeRule;
import io.gpuledger.core.usage.FactsChange;
import io.gpuledger.core.usage.HostFacts;
import io.gpuledger.core.usage.HostRun;
import io.gpuledger.core.usage.SlotReadings;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ReadOnlyBroadcastState;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.metrics.Counter;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.co.KeyedBroadcastProcessFunction;
import org.apache.flink.util.Collector;

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

    private transient HostTimers timers;
    private transient HostKnowledge knowledge;
    private transient ScrapeReader scrapes;
    private transient ScrapeIntake intake;
    private transient WindowWriter writer;
    private transient long generation;
    private transient boolean restored;
    private transient Counter used;
    private transient Counter duplicate;
    private transient Counter deadLettered;

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
        store = new HostStore(getRuntimeContext());
        timers = new HostTimers(settings);
        knowledge = new HostKnowledge(settings, timers);
        intake = new ScrapeIntake(settings, store.samples(), timers, knowledge);
        scrapes = new ScrapeReader(settings);
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
        writer =
                new WindowWriter(
                        settings, core, store.samples(), inForce, minutes, hours, restored);
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
        knowledge.hearScheduler();
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
        Scrape scrape = null;
        if (input.kind == HostInput.SAMPLES) {
            // Before there is any state of its host: it may be none.
            scrape = scrapes.read(input, context.currentProcessingTime(), out);
            if (scrape == null) {
                deadLettered.inc();
                return;
            }
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
            case HostInput.SAMPLES -> {
                Scrape said = Objects.requireNonNull(scrape, "read above");
                ScrapeIntake.Moment moment =
                        new ScrapeIntake.Moment(context.timerService(), scheduler(context));
                (intake.take(memory, said, moment) ? used : duplicate).inc();
            }
            case HostInput.INVENTORY -> {
                knowledge.note(memory, live, scheduler(context), context.timerService());
                inventory(memory, input, live, context);
            }
            case HostInput.RUN -> {
                knowledge.note(memory, live, scheduler(context), context.timerService());
                run(memory, Objects.requireNonNull(input.run, "a run"), live, context);
            }
            default -> throw new IllegalStateException("host input of kind " + input.kind);
        }
        if (!live) {
            timers.onFirstWatermark(context.timerService());
        }
        if (memory.host.tickAtMs == Long.MIN_VALUE) {
            long now = live ? context.currentWatermark() : input.observedAtMs;
            timers.tick(memory.host, now, context.timerService());
        }
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
            timers.evidence(memory, i, seen, live, context.timerService());
        }
    }

    private void run(HostMemory memory, HostRunState run, boolean live, ReadOnlyContext context)
            throws Exception {
        store.putRun(memory, run);
        for (int i = 0; i < run.gpuIndex.length; i++) {
            if (run.holdingEndMs[i] > run.holdingStartMs[i]) {
                Span held = new Span(run.holdingStartMs[i], run.evidenceEndMs(i) - 1);
                timers.evidence(memory, run.gpuIndex[i], held, live, context.timerService());
            }
        }
        long end = Math.max(run.endMs, run.overheadUntilMs);
        if (!live && end > run.startMs) {
            timers.touch(memory, run.startMs, end - 1, context.timerService());
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
        for (Span span : FactsChange.between(before, facts(memory, context))) {
            timers.touch(memory, span.startMs(), span.endMs() - 1, context.timerService());
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
        switch (HostTimers.kindOf(timestamp)) {
            case FIRST_WATERMARK -> touchAllThatExists(memory, context);
            case NEXT_WATERMARK -> touchChange(memory, context, out);
            case TICK -> tick(memory, context);
            case HOUR -> writeHour(memory, timers.hourOf(timestamp), context, out);
            case MINUTE -> writeMinute(memory, timers.minuteOf(timestamp), context, out);
        }
    }

    /**
     * What came before the first watermark was not compared with what it changed: which cards a
     * count means, and so since when they exist, takes all of it together. A live job that is
     * drained before its first watermark knows less than it wrote in the attempt before.
     */
    private void touchAllThatExists(HostMemory memory, OnTimerContext context) throws Exception {
        if (context.currentWatermark() == Long.MAX_VALUE && !settings.isFirst()) {
            return;
        }
        for (HostFacts.Slot slot : facts(memory, context).slots().values()) {
            for (Span span : slot.exists()) {
                timers.touch(memory, span.startMs(), span.endMs() - 1, context.timerService());
            }
        }
        for (HostRun run : memory.runs.values()) {
            // Devices without a position are no slot.
            timers.touch(
                    memory,
                    run.startMs(),
                    Math.max(run.endMs(), run.overheadUntilMs()) - 1,
                    context.timerService());
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
            knowledge.touchNewlyKnown(memory, scheduler(context), context.timerService());
            touchRecharged(memory, context);
        }
        if (writer.minute(memory, facts(memory, context), start, now(context), out)) {
            timers.hour(HostTimers.floor(start, HostTimers.HOUR_MS), context.timerService());
        }
    }

    private void writeHour(
            HostMemory memory, long start, OnTimerContext context, Collector<SinkRow> out)
            throws Exception {
        if (!isClosed(start, context)) {
            writer.hour(memory, facts(memory, context), start, now(context), out);
        }
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
        if (host.slotIndex.length == 0 && !memory.isToldOfSince(changeable)) {
            clear(context);
            return;
        }
        if (host.generation != generation) {
            host.generation = generation;
            writeAgain(context);
            // Windows that wait to be written wait by the settle of the earlier start.
            touchAllThatExists(memory, context);
        }
        knowledge.touchNewlyKnown(memory, scheduler(context), context.timerService());
        touchRecharged(memory, context);
        timers.tick(host, watermark, context.timerService());
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
            timers.minute(start, context.timerService());
        }
    }

    /**
     * Another attempt may have written what this one will not derive: after a restore every window
     * that may still change is written once more.
     */
    private void writeAgain(OnTimerContext context) throws Exception {
        for (long start : minutes.forgetContents()) {
            timers.minute(start, context.timerService());
        }
        for (long start : hours.forgetContents()) {
            timers.hour(start, context.timerService());
        }
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
        memory.rememberSlots(changeable, facts(memory, context));
        minutes.dropBefore(changeable);
        hours.dropBefore(changeable);
        store.samples().dropBefore(memory, changeable);
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

    private HostFacts facts(HostMemory memory, ReadOnlyContext context) throws Exception {
        return knowledge.of(memory, scheduler(context));
    }

    private static ReadOnlyBroadcastState<String, KnownTimes> scheduler(ReadOnlyContext context) {
        return context.getBroadcastState(RunAssembler.KNOWN);
    }
}

package io.gpuledger.quota;

import io.gpuledger.core.quota.Consumption;
import io.gpuledger.core.quota.RunConsumption;
import io.gpuledger.core.registry.Charging;
import io.gpuledger.core.run.JobSnapshot;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunAssembly;
import io.gpuledger.core.run.SchedulerView;
import io.gpuledger.core.usage.HostTimeline;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.records.SnapshotConversion;
import io.gpuledger.registry.RegistryException;
import io.gpuledger.registry.RegistryText;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.BroadcastState;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ReadOnlyBroadcastState;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.metrics.Counter;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.TimeDomain;
import org.apache.flink.streaming.api.TimerService;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.co.KeyedBroadcastProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;
import org.jspecify.annotations.Nullable;

/**
 * Keyed by job: what its runs take from grants. A snapshot takes effect at once, since a decision
 * must not wait for event time; only the end of a run that a poll did not list waits for it, until
 * what that poll did list has come.
 */
public final class ConsumptionAssembler
        extends KeyedBroadcastProcessFunction<String, JobFact, ClusterNews, GrantInput>
        implements CheckpointedFunction {
    public static final String UID = "assemble-consumption"; // its name in every savepoint

    public static final OutputTag<SinkRow> ROWS =
            new OutputTag<>("assembler-rows", TypeInformation.of(SinkRow.class));

    /** By cluster. */
    public static final MapStateDescriptor<String, HeardTimes> HEARD =
            new MapStateDescriptor<>(
                    "heard-times", Types.STRING, TypeInformation.of(HeardTimes.class));

    /** By cluster and host. */
    public static final MapStateDescriptor<String, HostWords> HOSTS =
            new MapStateDescriptor<>(
                    "host-words", Types.STRING, TypeInformation.of(HostWords.class));

    /** The newest one. */
    public static final MapStateDescriptor<String, ClusterNews> REGISTRY =
            new MapStateDescriptor<>(
                    "registry", Types.STRING, TypeInformation.of(ClusterNews.class));

    private static final long serialVersionUID = 1L;
    private static final String NEWEST = "newest";
    private static final long TICK_MS = 60_000;

    private static final MapStateDescriptor<String, JobFact> SNAPSHOTS =
            new MapStateDescriptor<>("snapshots", Types.STRING, TypeInformation.of(JobFact.class));

    private final QuotaSettings settings;
    private final String registryText;

    private transient MapState<String, JobFact> snapshots;

    /** By run and grant what the grant was told. */
    private transient MapState<String, ConsumptionState> told;

    /** When the job is looked at to be forgotten, by the wall clock. */
    private transient ValueState<Long> forgetAtMs;

    private transient ValueState<Long> changedAtMs;

    /** What Kafka got before the job first began is history, however old: it was never counted. */
    private transient @Nullable ListState<Long> historyState;

    private transient long historyUntilMs;

    private transient Charging charging;
    private transient long chargingVersion;
    private transient Map<String, HostTimeline> timelines;

    /** Something was said of a host: what was told may be wrong. */
    private transient boolean cardsChanged;

    private transient Counter used;
    private transient Counter duplicate;
    private transient Counter deadLettered;

    /**
     * The assembler of the job.
     *
     * @param registryText of the version in the settings: known before the first record is, else
     *     the past would be unmapped first
     */
    public ConsumptionAssembler(QuotaSettings settings, String registryText) {
        this.settings = settings;
        this.registryText = registryText;
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        ListState<Long> state =
                context.getOperatorStateStore()
                        .getUnionListState(new ListStateDescriptor<>("history-until", Types.LONG));
        historyUntilMs = -1;
        historyState = state;
        for (long until : state.get()) {
            historyUntilMs = historyUntilMs < 0 ? until : Math.min(historyUntilMs, until);
        }
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        Objects.requireNonNull(historyState, "initialized first")
                .update(historyUntilMs < 0 ? List.of() : List.of(historyUntilMs));
    }

    @Override
    public void open(OpenContext context) {
        snapshots = getRuntimeContext().getMapState(SNAPSHOTS);
        told =
                getRuntimeContext()
                        .getMapState(
                                new MapStateDescriptor<>(
                                        "told-grants",
                                        Types.STRING,
                                        TypeInformation.of(ConsumptionState.class)));
        forgetAtMs =
                getRuntimeContext().getState(new ValueStateDescriptor<>("forget-at", Types.LONG));
        changedAtMs =
                getRuntimeContext().getState(new ValueStateDescriptor<>("changed-at", Types.LONG));
        charging = Charging.UNMAPPED;
        chargingVersion = 0;
        if (settings.registryVersion() > 0) {
            charge(settings.registryVersion(), registryText);
        }
        timelines = new HashMap<>();
        used = getRuntimeContext().getMetricGroup().counter("recordsUsed");
        duplicate = getRuntimeContext().getMetricGroup().counter("recordsDuplicate");
        deadLettered = getRuntimeContext().getMetricGroup().counter("recordsDeadLettered");
    }

    @Override
    public void processElement(JobFact fact, ReadOnlyContext context, Collector<GrantInput> out)
            throws Exception {
        long now = context.timerService().currentProcessingTime();
        if (historyUntilMs < 0) {
            historyUntilMs = now;
        }
        if (isTooLate(fact, context.timerService().currentWatermark())) {
            deadLettered.inc();
            context.output(
                    ROWS,
                    QuotaLetters.ofJob(
                            "BEYOND_HORIZON",
                            "concerns the time up to %s and is not known any more; start run quota with empty checkpoints to count all of Kafka again"
                                    .formatted(Instant.ofEpochMilli(fact.latestMs)),
                            fact.cluster,
                            fact.rawJobId,
                            now));
            return;
        }
        JobFact known = snapshots.get(fact.contentKey);
        JobFact kept = new JobFact();
        kept.cluster = fact.cluster;
        kept.rawJobId = fact.rawJobId;
        kept.contentKey = fact.contentKey;
        kept.firstObservedMs = fact.firstObservedMs;
        kept.lastObservedMs = fact.lastObservedMs;
        kept.latestMs = fact.latestMs;
        kept.snapshot = fact.snapshot;
        if (known != null) {
            if (known.firstObservedMs <= fact.firstObservedMs
                    && known.lastObservedMs >= fact.lastObservedMs) {
                duplicate.inc();
                return;
            }
            kept.firstObservedMs = Math.min(fact.firstObservedMs, known.firstObservedMs);
            kept.lastObservedMs = Math.max(fact.lastObservedMs, known.lastObservedMs);
            kept.latestMs = Math.max(fact.latestMs, known.latestMs);
        }
        used.inc();
        snapshots.put(kept.contentKey, kept);
        changedAtMs.update(now);
        if (forgetAtMs.value() == null) {
            lookAgain(now + settings.horizonMs(), context.timerService());
        }
        long watermark = context.timerService().currentWatermark();
        prepare(context.getBroadcastState(REGISTRY));
        if (tell(
                new Known(
                        watermark,
                        now,
                        context.getBroadcastState(HEARD),
                        context.getBroadcastState(HOSTS)),
                row -> context.output(ROWS, row),
                out)) {
            context.timerService().registerEventTimeTimer(nextTick(watermark));
        }
    }

    /** A job that was forgotten is in its grant's sum: counted again it would be there twice. */
    private boolean isTooLate(JobFact fact, long watermark) throws Exception {
        boolean history = fact.arrivedAtMs >= 0 && fact.arrivedAtMs < historyUntilMs;
        return !history
                && watermark != Long.MIN_VALUE
                && fact.latestMs < watermark - settings.horizonMs()
                && snapshots.isEmpty();
    }

    private void lookAgain(long atMs, TimerService timers) throws Exception {
        forgetAtMs.update(atMs);
        timers.registerProcessingTimeTimer(atMs);
    }

    @Override
    public void processBroadcastElement(
            ClusterNews news, Context context, Collector<GrantInput> out) throws Exception {
        switch (news.kind) {
            case ClusterNews.HEARD -> hear(news, context, out);
            case ClusterNews.HOST -> {
                String key = news.cluster + "/" + news.host;
                BroadcastState<String, HostWords> hosts = context.getBroadcastState(HOSTS);
                HostWords words = hosts.get(key);
                words = words == null ? new HostWords() : words;
                if (words.hear(news.observedAtMs, news.snapshot)) {
                    hosts.put(key, words);
                    timelines.remove(key);
                    cardsChanged = true;
                }
            }
            case ClusterNews.REGISTRY -> {
                BroadcastState<String, ClusterNews> registry = context.getBroadcastState(REGISTRY);
                ClusterNews before = registry.get(NEWEST);
                if (news.version >= settings.registryVersion()
                        && (before == null || before.version < news.version)) {
                    registry.put(NEWEST, news);
                    prepare(registry);
                    tellAll(context, out);
                }
            }
            default -> throw new IllegalArgumentException("news of kind " + news.kind);
        }
    }

    private void hear(ClusterNews news, Context context, Collector<GrantInput> out)
            throws Exception {
        BroadcastState<String, HeardTimes> state = context.getBroadcastState(HEARD);
        HeardTimes times = state.get(news.cluster);
        times = times == null ? new HeardTimes() : times;
        times.hear(news.observedAtMs, news.completePoll, settings.schedulerGapMs());
        long now = context.currentProcessingTime();
        times.dropBefore(
                Math.min(now, context.currentWatermark())
                        - settings.horizonMs()
                        - settings.schedulerGapMs());
        state.put(news.cluster, times);
        if (cardsChanged) {
            // Not with each host: a cluster tells of all of its hosts in a row.
            tellAll(context, out);
        }
    }

    /** What is known changed for all jobs at once. */
    private void tellAll(Context context, Collector<GrantInput> out) throws Exception {
        cardsChanged = false;
        Known known =
                new Known(
                        context.currentWatermark(),
                        context.currentProcessingTime(),
                        context.getBroadcastState(HEARD),
                        context.getBroadcastState(HOSTS));
        context.applyToKeyedState(
                SNAPSHOTS, (job, state) -> tell(known, row -> context.output(ROWS, row), out));
    }

    private void prepare(ReadOnlyBroadcastState<String, ClusterNews> registry) throws Exception {
        ClusterNews newest = registry.get(NEWEST);
        if (newest != null && newest.version > chargingVersion) {
            charge(newest.version, newest.text);
        }
    }

    private void charge(long version, String text) {
        try {
            charging = new Charging(RegistryText.parse("registry " + version, text));
            chargingVersion = version;
        } catch (RegistryException e) {
            // The router has read it before it let it pass.
            throw new IllegalStateException(
                    "registry version %d does not parse: %s".formatted(version, e.getMessage()), e);
        }
    }

    @Override
    public void onTimer(long timestamp, OnTimerContext context, Collector<GrantInput> out)
            throws Exception {
        long now = context.timerService().currentProcessingTime();
        if (context.timeDomain() == TimeDomain.PROCESSING_TIME) {
            forgetOrLookAgain(now, context, out);
            return;
        }
        long watermark = context.timerService().currentWatermark();
        prepare(context.getBroadcastState(REGISTRY));
        boolean open =
                tell(
                        new Known(
                                watermark,
                                now,
                                context.getBroadcastState(HEARD),
                                context.getBroadcastState(HOSTS)),
                        row -> context.output(ROWS, row),
                        out);
        if (open && watermark != Long.MAX_VALUE) {
            context.timerService().registerEventTimeTimer(nextTick(watermark));
        }
    }

    private static long nextTick(long watermark) {
        return watermark == Long.MIN_VALUE
                ? 0
                : Math.floorDiv(watermark, TICK_MS) * TICK_MS + TICK_MS;
    }

    /** A job is forgotten when neither its time nor what was said of it is within the horizon. */
    private void forgetOrLookAgain(long now, OnTimerContext context, Collector<GrantInput> out)
            throws Exception {
        Long due = forgetAtMs.value();
        if (due == null || due > now) {
            return;
        }
        long last = 0;
        for (JobFact fact : snapshots.values()) {
            last = Math.max(last, fact.latestMs);
        }
        for (ConsumptionState state : told.values()) {
            long end = state.toCore().endMs();
            last = Math.max(last, Math.min(end, state.limitMs));
        }
        Long changed = changedAtMs.value();
        long keepUntil = Math.max(last, changed == null ? 0 : changed) + settings.horizonMs();
        if (keepUntil > now) {
            lookAgain(keepUntil, context.timerService());
            return;
        }
        for (ConsumptionState state : told.values()) {
            out.collect(GrantInput.of(GrantInput.FOLD, state));
        }
        snapshots.clear();
        told.clear();
        forgetAtMs.clear();
        changedAtMs.clear();
    }

    /** All that a job's consumption depends on besides its snapshots. */
    private record Known(
            long watermark,
            long nowMs,
            ReadOnlyBroadcastState<String, HeardTimes> heard,
            ReadOnlyBroadcastState<String, HostWords> hosts) {}

    /** Tells grants what changed for the current key; whether a run is open. */
    private boolean tell(Known known, Consumer<SinkRow> letters, Collector<GrantInput> out)
            throws Exception {
        String cluster = "";
        long rawJobId = 0;
        List<JobSnapshot> all = new ArrayList<>();
        for (JobFact fact : snapshots.values()) {
            cluster = fact.cluster;
            rawJobId = fact.rawJobId;
            all.add(
                    SnapshotConversion.jobSnapshot(
                            fact.snapshot,
                            fact.firstObservedMs,
                            fact.lastObservedMs,
                            fact.contentKey));
        }
        HeardTimes times = known.heard().get(cluster);
        SchedulerView view = times == null ? SchedulerView.NONE : times.until(known.watermark());
        List<Run> runs = RunAssembly.assemble(cluster, rawJobId, all, view);
        Map<String, ConsumptionState> now = new TreeMap<>();
        boolean open = false;
        for (Run run : runs) {
            open |= run.isOpen() || isFresh(run, known.watermark());
            for (Consumption c : consumption(cluster, run, known)) {
                if (c.isAbsurd(known.nowMs())) {
                    deadLettered.inc();
                    letters.accept(
                            QuotaLetters.ofJob(
                                    "BAD_NUMBER",
                                    "run %s would take more of grant %s than there can be"
                                            .formatted(run.runId(), c.grantId()),
                                    cluster,
                                    rawJobId,
                                    known.nowMs()));
                } else {
                    now.put(run.runId() + "@" + c.grantId(), ConsumptionState.of(c));
                }
            }
        }
        List<String> gone = new ArrayList<>();
        for (String key : told.keys()) {
            if (!now.containsKey(key)) {
                gone.add(key);
            }
        }
        for (String key : gone) {
            out.collect(GrantInput.of(GrantInput.CONSUMPTION, told.get(key).withdrawn()));
            told.remove(key);
        }
        for (Map.Entry<String, ConsumptionState> entry : now.entrySet()) {
            if (isNews(told.get(entry.getKey()), entry.getValue())) {
                told.put(entry.getKey(), entry.getValue());
                out.collect(GrantInput.of(GrantInput.CONSUMPTION, entry.getValue()));
            }
        }
        return open;
    }

    /** An estimated end may still move while late polls come in. */
    private boolean isFresh(Run run, long watermark) {
        return run.uncertainFromMs() != Long.MAX_VALUE
                && run.heldEndMs() >= watermark - settings.schedulerGapMs();
    }

    private Iterable<Consumption> consumption(String cluster, Run run, Known known) {
        return RunConsumption.of(
                        cluster,
                        run,
                        charging,
                        new KnownCards(host -> timeline(cluster + "/" + host, known.hosts())),
                        settings.schedulerGapMs())
                .values();
    }

    private @Nullable HostTimeline timeline(
            String key, ReadOnlyBroadcastState<String, HostWords> hosts) {
        HostTimeline made = timelines.get(key);
        if (made == null) {
            HostWords words = heard(key, hosts);
            if (words == null) {
                return null;
            }
            made = words.timeline();
            timelines.put(key, made);
        }
        return made;
    }

    private static @Nullable HostWords heard(
            String key, ReadOnlyBroadcastState<String, HostWords> hosts) {
        try {
            return hosts.get(key);
        } catch (Exception e) { // declared by Flink; broadcast state is a map in memory
            throw new IllegalStateException("broadcast state of host " + key, e);
        }
    }

    /**
     * How far an open run may go on is told anew only when it has half of the way left: a heartbeat
     * does not wake all grants.
     */
    private boolean isNews(@Nullable ConsumptionState before, ConsumptionState now) {
        if (before == null) {
            return true;
        }
        boolean further =
                before.open
                        && now.open
                        && now.limitMs >= before.limitMs
                        && now.limitMs - before.limitMs < settings.schedulerGapMs() / 2;
        ConsumptionState compared = before;
        if (further) {
            compared = ConsumptionState.of(before.toCore());
            compared.limitMs = now.limitMs;
            // While it is suspended its time limit moves on with every poll.
            long moved = now.allowedToMs - before.allowedToMs;
            if (before.allowedToMs != Long.MIN_VALUE
                    && moved > 0
                    && moved < settings.schedulerGapMs() / 2) {
                compared.allowedToMs = now.allowedToMs;
            }
        }
        return !compared.toCore().equals(now.toCore());
    }
}

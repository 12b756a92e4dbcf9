package io.gpuledger.attribution;

import io.gpuledger.core.run.JobSnapshot;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunAssembly;
import io.gpuledger.core.run.SchedulerView;
import io.gpuledger.flink.JobSnapshotRow;
import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.metrics.Counter;
import org.apache.flink.streaming.api.functions.co.BaseBroadcastProcessFunction;
import org.apache.flink.streaming.api.functions.co.KeyedBroadcastProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;

/**
 * Keyed by job: folds snapshots and, when event time has passed them, tells every host what each
 * run holds there. A host that lost a run is told so.
 */
public final class RunAssembler
        extends KeyedBroadcastProcessFunction<String, JobInput, HeartbeatInput, HostInput> {
    public static final String UID = "assemble-runs"; // names this operator in every savepoint

    public static final OutputTag<SinkRow> RUN_ROWS =
            new OutputTag<>("run-rows", TypeInformation.of(SinkRow.class));

    public static final MapStateDescriptor<String, KnownTimes> KNOWN =
            new MapStateDescriptor<>(
                    "known-times", Types.STRING, TypeInformation.of(KnownTimes.class));

    private static final long serialVersionUID = 1L;
    private static final int CONTENTS_IN_MEMORY = 16_384;
    private static final int SETTLED_IN_MEMORY = 131_072;

    /** How often an open run is looked at again. */
    private static final long OPEN_RUN_TICK_MS = 60_000;

    /** How often an ended one, until it is forgotten. */
    private static final long ENDED_RUN_TICK_MS = 3_600_000;

    private final AttributionSettings settings;

    private transient MapState<String, JobInput> snapshots;
    private transient MapState<String, HostRunState> told;
    private transient MapState<String, Long> runRevisions;

    /**
     * Per run what was written last, and in which attempt: another one may have written over it.
     */
    private transient MapState<String, String> runContents;

    /** Decoded job snapshots in use, by the digest of their content. */
    private transient Map<String, JobSnapshot> contents;

    /**
     * Jobs that this attempt told of and that only another snapshot can change, by the instant of
     * the latest thing known of them.
     */
    private transient Map<String, Long> settled;

    private transient String attempt;
    private transient Set<String> lookedAt;
    private transient long lookedAtMs;
    private transient Counter used;
    private transient Counter duplicate;

    public RunAssembler(AttributionSettings settings) {
        this.settings = settings;
    }

    @Override
    public void open(org.apache.flink.api.common.functions.OpenContext context) {
        snapshots =
                getRuntimeContext()
                        .getMapState(
                                new MapStateDescriptor<>(
                                        "snapshots",
                                        Types.STRING,
                                        TypeInformation.of(JobInput.class)));
        told =
                getRuntimeContext()
                        .getMapState(
                                new MapStateDescriptor<>(
                                        "told-hosts",
                                        Types.STRING,
                                        TypeInformation.of(HostRunState.class)));
        runRevisions =
                getRuntimeContext()
                        .getMapState(
                                new MapStateDescriptor<>(
                                        "run-revisions", Types.STRING, Types.LONG));
        runContents =
                getRuntimeContext()
                        .getMapState(
                                new MapStateDescriptor<>(
                                        "run-contents", Types.STRING, Types.STRING));
        contents = new RecentMap<>(CONTENTS_IN_MEMORY);
        settled = new RecentMap<>(SETTLED_IN_MEMORY);
        attempt = UUID.randomUUID().toString();
        lookedAt = new HashSet<>();
        lookedAtMs = Long.MIN_VALUE;
        used = getRuntimeContext().getMetricGroup().counter("recordsUsed");
        duplicate = getRuntimeContext().getMetricGroup().counter("recordsDuplicate");
    }

    @Override
    public void processElement(JobInput input, ReadOnlyContext context, Collector<HostInput> out)
            throws Exception {
        JobInput known = snapshots.get(input.contentKey);
        if (known != null) {
            if (known.firstObservedMs <= input.firstObservedMs
                    && known.lastObservedMs >= input.lastObservedMs) {
                duplicate.inc();
                return;
            }
            input.firstObservedMs = Math.min(input.firstObservedMs, known.firstObservedMs);
            input.lastObservedMs = Math.max(input.lastObservedMs, known.lastObservedMs);
            input.latestMs = Math.max(input.latestMs, known.latestMs);
        }
        used.inc();
        settled.remove(context.getCurrentKey());
        JobInput kept = new JobInput();
        kept.cluster = input.cluster;
        kept.rawJobId = input.rawJobId;
        kept.contentKey = input.contentKey;
        kept.firstObservedMs = input.firstObservedMs;
        kept.lastObservedMs = input.lastObservedMs;
        kept.latestMs = input.latestMs;
        kept.snapshot = input.snapshot;
        snapshots.put(kept.contentKey, kept);
        context.timerService().registerEventTimeTimer(input.lastObservedMs);
    }

    @Override
    public void processBroadcastElement(
            HeartbeatInput input, Context context, Collector<HostInput> out) throws Exception {
        hear(input, context, settings);
    }

    /** Every parallel instance of every operator keeps the same view of the scheduler. */
    static void hear(
            HeartbeatInput input,
            BaseBroadcastProcessFunction.Context context,
            AttributionSettings settings)
            throws Exception {
        KnownTimes times = context.getBroadcastState(KNOWN).get(input.cluster);
        times = times == null ? new KnownTimes() : times;
        times.add(input, settings.schedulerGapMs());
        long changeable = settings.changeableFromMs(context.currentWatermark());
        if (changeable != Long.MIN_VALUE) {
            times.dropBefore(changeable - settings.schedulerGapMs());
        }
        context.getBroadcastState(KNOWN).put(input.cluster, times);
    }

    @Override
    public void onTimer(long timestamp, OnTimerContext context, Collector<HostInput> out)
            throws Exception {
        if (isLookedAt(context)) {
            return;
        }
        long watermark = context.timerService().currentWatermark();
        long changeable = settings.changeableFromMs(watermark);
        Long settledMs = settled.get(context.getCurrentKey());
        if (settledMs != null && settledMs >= changeable && watermark != Long.MAX_VALUE) {
            tick(ENDED_RUN_TICK_MS, context);
            return;
        }
        String cluster = "";
        long rawJobId = 0;
        List<JobInput> inputs = new ArrayList<>();
        List<JobSnapshot> all = new ArrayList<>();
        long latest = Long.MIN_VALUE;
        for (JobInput input : snapshots.values()) {
            inputs.add(input);
            cluster = input.cluster;
            rawJobId = input.rawJobId;
            latest = Math.max(latest, input.latestMs);
            all.add(decoded(input));
        }
        KnownTimes times = context.getBroadcastState(KNOWN).get(cluster);
        SchedulerView view = times == null ? SchedulerView.NONE : times.until(watermark);
        List<Run> runs = RunAssembly.assemble(cluster, rawJobId, all, view);
        boolean open = runs.stream().anyMatch(Run::isOpen);
        // An open run that nobody has heard of for so long is over, or its next poll brings it
        // back.
        if (latest < changeable && ended(runs) < changeable) {
            snapshots.clear();
            told.clear();
            runRevisions.clear();
            runContents.clear();
            settled.remove(context.getCurrentKey());
            return;
        }
        if (tell(cluster, rawJobId, runs, context, out)) {
            writeRepeated(inputs, context);
        }
        if (!open && RunAssembly.areEndsStated(cluster, rawJobId, all)) {
            settled.put(context.getCurrentKey(), Math.max(latest, ended(runs)));
        }
        if (watermark != Long.MAX_VALUE && !all.isEmpty()) {
            tick(open || isFresh(runs, watermark) ? OPEN_RUN_TICK_MS : ENDED_RUN_TICK_MS, context);
        }
    }

    /** One timer for all that happens to a job in a tick, whatever else asked for it. */
    private static void tick(long tickMs, OnTimerContext context) {
        long watermark = context.timerService().currentWatermark();
        context.timerService()
                .registerEventTimeTimer(Math.floorDiv(watermark, tickMs) * tickMs + tickMs);
    }

    /** A poll mostly repeats what the one before it said, and a job is looked at after each. */
    private JobSnapshot decoded(JobInput input) {
        JobSnapshot content = contents.get(input.contentKey);
        if (content == null) {
            content = WireConversion.jobSnapshot(input);
            contents.put(input.contentKey, content);
        }
        return content.observed(input.firstObservedMs, input.lastObservedMs);
    }

    /** Many timers of a job fire with one watermark: all of them know the same. */
    private boolean isLookedAt(OnTimerContext context) {
        long watermark = context.timerService().currentWatermark();
        if (watermark != lookedAtMs) {
            lookedAtMs = watermark;
            lookedAt.clear();
        }
        return !lookedAt.add(context.getCurrentKey());
    }

    private static long ended(List<Run> runs) {
        long ended = Long.MIN_VALUE;
        for (Run run : runs) {
            ended = Math.max(ended, run.heldEndMs());
            for (long until : run.overheadUntil().values()) {
                ended = Math.max(ended, until);
            }
        }
        return ended;
    }

    /** An estimated end may still move while late polls come in. */
    private boolean isFresh(List<Run> runs, long watermark) {
        long since = watermark - settings.schedulerGapMs();
        return runs.stream()
                .anyMatch(r -> r.uncertainFromMs() != Long.MAX_VALUE && r.heldEndMs() >= since);
    }

    /** Whether there is a new row of a run. */
    private boolean tell(
            String cluster,
            long rawJobId,
            List<Run> runs,
            OnTimerContext context,
            Collector<HostInput> out)
            throws Exception {
        boolean written = false;
        Map<String, HostRunState> now = new HashMap<>();
        Set<String> runIds = new HashSet<>();
        for (Run run : runs) {
            runIds.add(run.runId());
            HostRunState.byHost(run)
                    .forEach((host, state) -> now.put(run.runId() + "@" + host, state));
            written |= writeRun(cluster, run, false, context);
        }
        List<String> gone = new ArrayList<>();
        for (String key : told.keys()) {
            if (!now.containsKey(key)) {
                gone.add(key);
            }
        }
        for (String key : gone) {
            int at = key.lastIndexOf('@');
            out.collect(
                    toHost(
                            cluster,
                            key.substring(at + 1),
                            HostRunState.withdrawn(key.substring(0, at))));
            told.remove(key);
        }
        for (Map.Entry<String, HostRunState> entry : now.entrySet()) {
            HostRunState before = told.get(entry.getKey());
            String host = entry.getKey().substring(entry.getKey().lastIndexOf('@') + 1);
            if (before == null || !before.toCore(host).equals(entry.getValue().toCore(host))) {
                told.put(entry.getKey(), entry.getValue());
                out.collect(toHost(cluster, host, entry.getValue()));
            }
        }
        withdrawRuns(cluster, rawJobId, runIds, context);
        return written;
    }

    /**
     * Until when each snapshot was repeated, which runs follow from as well: the router writes the
     * first time only, and one an hour.
     */
    private void writeRepeated(List<JobInput> inputs, OnTimerContext context) {
        for (JobInput input : inputs) {
            if (input.lastObservedMs > input.firstObservedMs) {
                JobSnapshot said = decoded(input);
                context.output(
                        RUN_ROWS,
                        new JobSnapshotRow(
                                        input.cluster,
                                        input.rawJobId,
                                        input.lastObservedMs,
                                        input.contentKey,
                                        said.source().name(),
                                        said.state(),
                                        said.startMs(),
                                        said.endMs(),
                                        "",
                                        -1,
                                        -1,
                                        settings.inputDigest(),
                                        input.snapshot)
                                .toSinkRow());
            }
        }
    }

    /** A start that turned out to be another run's is taken back in the runs table as well. */
    private void withdrawRuns(
            String cluster, long rawJobId, Set<String> current, OnTimerContext context)
            throws Exception {
        List<String> stale = new ArrayList<>();
        for (String runId : runRevisions.keys()) {
            if (!current.contains(runId)) {
                stale.add(runId);
            }
        }
        for (String runId : stale) {
            long startMs = Long.parseLong(runId.substring(runId.lastIndexOf('/') + 1)) * 1000;
            Run empty =
                    new Run(
                            runId,
                            rawJobId,
                            "",
                            "",
                            "",
                            "",
                            "",
                            "",
                            "",
                            null,
                            startMs,
                            startMs,
                            Long.MAX_VALUE,
                            0,
                            List.of(),
                            List.of(),
                            Map.of(),
                            List.of(),
                            0,
                            Run.NO_LIMIT);
            writeRun(cluster, empty, true, context);
            runRevisions.remove(runId);
            runContents.remove(runId);
        }
    }

    private boolean writeRun(String cluster, Run run, boolean withdrawn, OnTimerContext context)
            throws Exception {
        String content =
                attempt + "/" + WireConversion.digest(RowBinary.run(cluster, run, withdrawn, 0, 0));
        if (content.equals(runContents.get(run.runId()))) {
            return false;
        }
        runContents.put(run.runId(), content);
        Long last = runRevisions.get(run.runId());
        long recorded = context.timerService().currentProcessingTime() * 1000;
        long revision =
                Math.max(settings.revisionFloor(), Math.max(last == null ? 0 : last + 1, recorded));
        runRevisions.put(run.runId(), revision);
        context.output(
                RUN_ROWS,
                new SinkRow(
                        SinkTable.RUNS,
                        RowBinary.run(cluster, run, withdrawn, settings.inputDigest(), revision)));
        return true;
    }

    private static HostInput toHost(String cluster, String host, HostRunState run) {
        HostInput input = new HostInput();
        input.kind = HostInput.RUN;
        input.cluster = cluster;
        input.host = host;
        input.run = run;
        return input;
    }
}

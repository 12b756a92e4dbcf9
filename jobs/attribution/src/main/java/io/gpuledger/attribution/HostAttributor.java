package io.gpuledger.attribution;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Attribution;
import io.gpuledger.core.usage.CountPlacement;
import io.gpuledger.core.usage.GpuSample;
import io.gpuledger.core.usage.HostFacts;
import io.gpuledger.core.usage.HostRun;
import io.gpuledger.core.usage.HourSum;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.functions.co.KeyedBroadcastProcessFunction;
import org.apache.flink.util.Collector;

/**
 * Keyed by host: keeps what is known of the host and, when event time has passed a window by the
 * settle time, asks the core what happened in it. A later change sets the same timer again, which
 * fires with the next watermark: changes are coalesced and only changed content is written, with a
 * higher revision.
 */
public final class HostAttributor
        extends KeyedBroadcastProcessFunction<String, HostInput, HeartbeatInput, SinkRow> {
    public static final String UID = "attribute-hosts"; // names this operator in every savepoint

    private static final long serialVersionUID = 1L;
    private static final long WINDOW_MS = 60_000;
    private static final long HOUR_MS = 3_600_000;

    /** Hour timers fire one millisecond after the minute timers of the same instant. */
    private static final long HOUR_MARK = 1;

    private static final int CACHED_HOSTS = 512;

    private final AttributionSettings settings;

    private transient ValueState<HostState> hostState;
    private transient MapState<Integer, SlotState> slots;
    private transient MapState<String, HostRunState> runs;
    private transient MapState<Long, WindowState> minutes;
    private transient MapState<Long, WindowState> hours;

    /** Facts of hosts since their last input: building them for every window would be quadratic. */
    private transient Map<String, HostFacts> facts;

    public HostAttributor(AttributionSettings settings) {
        this.settings = settings;
    }

    @Override
    public void open(OpenContext context) {
        hostState =
                getRuntimeContext()
                        .getState(
                                new ValueStateDescriptor<>(
                                        "host", TypeInformation.of(HostState.class)));
        slots =
                getRuntimeContext()
                        .getMapState(
                                new MapStateDescriptor<>(
                                        "slots", Types.INT, TypeInformation.of(SlotState.class)));
        runs =
                getRuntimeContext()
                        .getMapState(
                                new MapStateDescriptor<>(
                                        "runs",
                                        Types.STRING,
                                        TypeInformation.of(HostRunState.class)));
        minutes =
                getRuntimeContext()
                        .getMapState(
                                new MapStateDescriptor<>(
                                        "minutes",
                                        Types.LONG,
                                        TypeInformation.of(WindowState.class)));
        hours =
                getRuntimeContext()
                        .getMapState(
                                new MapStateDescriptor<>(
                                        "hours",
                                        Types.LONG,
                                        TypeInformation.of(WindowState.class)));
        facts =
                new LinkedHashMap<>(64, 0.75f, true) {
                    private static final long serialVersionUID = 1L;

                    @Override
                    protected boolean removeEldestEntry(Map.Entry<String, HostFacts> eldest) {
                        return size() > CACHED_HOSTS;
                    }
                };
    }

    @Override
    public void processBroadcastElement(
            HeartbeatInput input, Context context, Collector<SinkRow> out) throws Exception {
        KnownTimes times = context.getBroadcastState(RunAssembler.KNOWN).get(input.cluster);
        times = times == null ? new KnownTimes() : times;
        times.add(input);
        context.getBroadcastState(RunAssembler.KNOWN).put(input.cluster, times);
        facts.clear();
    }

    @Override
    public void processElement(HostInput input, ReadOnlyContext context, Collector<SinkRow> out)
            throws Exception {
        facts.remove(context.getCurrentKey());
        HostState host = hostState.value();
        if (host == null) {
            host = new HostState();
            host.cluster = input.cluster;
            host.host = input.host;
        }
        switch (input.kind) {
            case HostInput.SAMPLES -> {
                for (int i = 0; i < input.gpuIndex.length; i++) {
                    SlotState slot = slots.get(input.gpuIndex[i]);
                    slot = slot == null ? new SlotState() : slot;
                    evidence(slot, input.observedAtMs);
                    if (input.observedAtMs > slot.uuidSeenMs && !input.uuids[i].isEmpty()) {
                        slot.uuid = input.uuids[i];
                        slot.model = input.models[i];
                        slot.uuidSeenMs = input.observedAtMs;
                    }
                    slot.samples.append(input.samples, i * SampleBlock.WIDTH);
                    slots.put(input.gpuIndex[i], slot);
                }
                touch(host, input.observedAtMs, input.observedAtMs, context);
            }
            case HostInput.INVENTORY -> {
                if (input.observedAtMs > host.inventoryAtMs) {
                    host.inventoryAtMs = input.observedAtMs;
                    host.inventoryGpus = input.inventoryGpus;
                    host.inventoryShards = input.inventoryShards;
                }
                host.firstInventoryMs = Math.min(host.firstInventoryMs, input.observedAtMs);
                for (int i = 0; i < input.inventoryGpus; i++) {
                    SlotState slot = slots.get(i);
                    slot = slot == null ? new SlotState() : slot;
                    evidence(slot, input.observedAtMs);
                    slots.put(i, slot);
                }
                touch(host, input.observedAtMs, input.observedAtMs, context);
            }
            case HostInput.RUN -> {
                HostRunState before = runs.get(input.run.runId);
                if (input.run.gpuIndex.length == 0) {
                    runs.remove(input.run.runId);
                } else {
                    runs.put(input.run.runId, input.run);
                }
                if (before != null && before.isPrefixOf(input.run)) {
                    // An open run seen once more: only what came on top changes.
                    touch(host, before.endMs - 1, input.run.endMs - 1, context);
                } else {
                    if (before != null) {
                        touchRun(host, before, context);
                    }
                    touchRun(host, input.run, context);
                }
            }
            default -> throw new IllegalStateException("host input of kind " + input.kind);
        }
        hostState.update(host);
    }

    private static void evidence(SlotState slot, long atMs) {
        slot.firstEvidenceMs = Math.min(slot.firstEvidenceMs, atMs);
        slot.lastEvidenceMs = Math.max(slot.lastEvidenceMs, atMs);
    }

    private void touchRun(HostState host, HostRunState run, ReadOnlyContext context) {
        long end = Math.max(run.endMs, run.overheadUntilMs);
        if (end > run.startMs) {
            touch(host, run.startMs, end - 1, context);
        }
    }

    /** Sets the timers of all windows that this evidence changes or brings into existence. */
    private void touch(HostState host, long fromMs, long toMs, ReadOnlyContext context) {
        long settleMs = settings.settleMs();
        long from = fromMs;
        long to = toMs;
        if (host.lastMs != Long.MIN_VALUE) {
            from = Math.min(from, Math.max(host.lastMs, host.firstMs));
            to = Math.max(to, host.firstMs);
        }
        host.firstMs = Math.min(host.firstMs, fromMs);
        host.lastMs = Math.max(host.lastMs, toMs);
        for (long window = floor(from, WINDOW_MS); window <= to; window += WINDOW_MS) {
            context.timerService().registerEventTimeTimer(window + WINDOW_MS + settleMs);
        }
    }

    private static long floor(long ms, long unit) {
        return Math.floorDiv(ms, unit) * unit;
    }

    @Override
    public void onTimer(long timestamp, OnTimerContext context, Collector<SinkRow> out)
            throws Exception {
        HostState host = hostState.value();
        if (host == null) {
            return;
        }
        // Settle is whole minutes, so what is left over tells the two kinds of timer apart.
        boolean hour = Math.floorMod(timestamp - settings.settleMs(), WINDOW_MS) == HOUR_MARK;
        long start =
                hour
                        ? timestamp - settings.settleMs() - HOUR_MARK - HOUR_MS
                        : timestamp - settings.settleMs() - WINDOW_MS;
        HostFacts known = factsOf(host, context);
        if (hour) {
            List<UsageRow> parts = new ArrayList<>();
            for (long m = start; m < start + HOUR_MS; m += WINDOW_MS) {
                parts.addAll(Attribution.attribute(known, new Span(m, m + WINDOW_MS)));
            }
            write(
                    start,
                    HourSum.of(start, parts),
                    hours,
                    SinkTable.USAGE_HOUR,
                    known,
                    context,
                    out);
        } else {
            List<UsageRow> rows = Attribution.attribute(known, new Span(start, start + WINDOW_MS));
            write(start, rows, minutes, SinkTable.USAGE_MINUTE, known, context, out);
        }
    }

    private void write(
            long start,
            List<UsageRow> rows,
            MapState<Long, WindowState> written,
            SinkTable table,
            HostFacts known,
            OnTimerContext context,
            Collector<SinkRow> out)
            throws Exception {
        WindowState last = written.get(start);
        List<UsageRow> all = new ArrayList<>(rows);
        if (last != null) {
            Set<String> present = new HashSet<>();
            rows.forEach(r -> present.add(r.gpuIndex() + "/" + r.unplacedRun()));
            for (int i = 0; i < last.gpuIndex.length; i++) {
                if (!present.contains(last.gpuIndex[i] + "/" + last.unplacedRun[i])) {
                    all.add(
                            new UsageRow(
                                    known.cluster(),
                                    known.host(),
                                    last.gpuIndex[i],
                                    last.unplacedRun[i],
                                    start,
                                    0,
                                    "",
                                    "",
                                    List.of()));
                }
            }
        } else if (rows.isEmpty()) {
            return;
        }
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        for (UsageRow row : all) {
            byte[] bytes = RowBinary.usage(row, 0, 0);
            content.write(bytes, 0, bytes.length);
        }
        String digest = WireConversion.digest(content.toByteArray());
        if (last != null && last.contentDigest.equals(digest)) {
            return;
        }
        long recorded = context.timerService().currentProcessingTime() * 1000;
        WindowState now = new WindowState();
        now.revision =
                Math.max(
                        settings.revisionFloor(),
                        Math.max(last == null ? 0 : last.revision + 1, recorded));
        now.contentDigest = digest;
        now.gpuIndex = all.stream().mapToInt(UsageRow::gpuIndex).toArray();
        now.unplacedRun = all.stream().map(UsageRow::unplacedRun).toArray(String[]::new);
        written.put(start, now);
        for (UsageRow row : all) {
            out.collect(
                    new SinkRow(table, RowBinary.usage(row, settings.inputDigest(), now.revision)));
        }
        if (table == SinkTable.USAGE_MINUTE) {
            registerHour(floor(start, HOUR_MS), context);
        }
    }

    private void registerHour(long hourStart, OnTimerContext context) {
        context.timerService()
                .registerEventTimeTimer(hourStart + HOUR_MS + settings.settleMs() + HOUR_MARK);
    }

    private HostFacts factsOf(HostState host, ReadOnlyContext context) throws Exception {
        String key = host.cluster + "/" + host.host;
        HostFacts cached = facts.get(key);
        if (cached != null) {
            return cached;
        }
        List<HostRun> held = new ArrayList<>();
        Map<Integer, long[]> seen = new HashMap<>();
        for (HostRunState run : runs.values()) {
            held.add(run.toCore(host.host));
            for (int i = 0; i < run.gpuIndex.length; i++) {
                if (run.gpuIndex[i] >= 0 && run.holdingEndMs[i] > run.holdingStartMs[i]) {
                    long[] span =
                            seen.computeIfAbsent(
                                    run.gpuIndex[i],
                                    g -> new long[] {Long.MAX_VALUE, Long.MIN_VALUE});
                    span[0] = Math.min(span[0], run.holdingStartMs[i]);
                    span[1] = Math.max(span[1], run.holdingEndMs[i] - 1);
                }
            }
        }
        SortedMap<Integer, HostFacts.Slot> known = new TreeMap<>();
        Map<Integer, List<GpuSample>> samples = new HashMap<>();
        for (Map.Entry<Integer, SlotState> entry : slots.entries()) {
            SlotState slot = entry.getValue();
            long[] span =
                    seen.computeIfAbsent(
                            entry.getKey(), g -> new long[] {Long.MAX_VALUE, Long.MIN_VALUE});
            span[0] = Math.min(span[0], slot.firstEvidenceMs);
            span[1] = Math.max(span[1], slot.lastEvidenceMs);
            samples.put(entry.getKey(), slot.samples.sorted());
        }
        for (Map.Entry<Integer, long[]> entry : seen.entrySet()) {
            SlotState slot = slots.get(entry.getKey());
            known.put(
                    entry.getKey(),
                    new HostFacts.Slot(
                            new Span(
                                    floor(entry.getValue()[0], WINDOW_MS),
                                    floor(entry.getValue()[1], WINDOW_MS) + WINDOW_MS),
                            slot == null ? "" : slot.uuid,
                            slot == null ? "" : slot.model));
        }
        KnownTimes times = context.getBroadcastState(RunAssembler.KNOWN).get(host.cluster);
        int shardsPerGpu = host.inventoryGpus > 0 ? host.inventoryShards / host.inventoryGpus : 0;
        held.sort(java.util.Comparator.comparing(HostRun::runId));
        HostFacts built =
                new HostFacts(
                        host.cluster,
                        host.host,
                        known,
                        host.inventoryGpus > 0,
                        shardsPerGpu,
                        held,
                        times == null ? List.of() : times.spans(settings.schedulerGapMs()),
                        samples);
        HostFacts placed =
                new HostFacts(
                        built.cluster(),
                        built.host(),
                        built.slots(),
                        built.inventoried(),
                        built.shardsPerGpu(),
                        CountPlacement.place(built),
                        built.schedulerKnown(),
                        built.samples());
        facts.put(key, placed);
        return placed;
    }
}

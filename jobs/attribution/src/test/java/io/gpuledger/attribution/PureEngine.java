package io.gpuledger.attribution;

import io.gpuledger.core.registry.Charging;
import io.gpuledger.core.run.JobSnapshot;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunAssembly;
import io.gpuledger.core.run.SchedulerView;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Attribution;
import io.gpuledger.core.usage.HostFacts;
import io.gpuledger.core.usage.HostInventory;
import io.gpuledger.core.usage.HostRun;
import io.gpuledger.core.usage.HostTimeline;
import io.gpuledger.core.usage.ReadingRules;
import io.gpuledger.core.usage.SampleSeries;
import io.gpuledger.core.usage.SlotReadings;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import io.gpuledger.testkit.Inputs;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** From wire records to rows through the core alone, without Flink: all inputs known at once. */
final class PureEngine {
    private static final long WINDOW_MS = 60_000;
    private static final long SCHEDULER_GAP_MS = 300_000;

    private final Map<String, KnownTimes> times = new HashMap<>();
    private final Map<String, Node> nodes = new LinkedHashMap<>();

    private PureEngine() {}

    static List<UsageRow> rows(Inputs inputs) throws IOException {
        return new PureEngine().run(inputs);
    }

    private record SeriesId(int gpuIndex, int instance) {}

    private record Shown(Scrape scrape, int element) {}

    /** What is known of one host. */
    private static final class Node {
        final String cluster;
        final String host;
        final List<HostRun> runs = new ArrayList<>();
        final List<HostInventory> inventories = new ArrayList<>();
        final Map<SeriesId, List<Shown>> series = new HashMap<>();

        Node(String cluster, String host) {
            this.cluster = cluster;
            this.host = host;
        }
    }

    private Node node(String cluster, String host) {
        return nodes.computeIfAbsent(cluster + "/" + host, k -> new Node(cluster, host));
    }

    private List<UsageRow> run(Inputs inputs) throws IOException {
        for (SchedulerHeartbeatRecord record : inputs.heartbeats()) {
            times.computeIfAbsent(record.getCluster(), c -> new KnownTimes())
                    .add(WireConversion.heartbeat(record), SCHEDULER_GAP_MS);
        }
        for (HostSnapshotRecord record : inputs.hosts()) {
            HostInput input = WireConversion.inventoryInput(record);
            InventoryState said = new InventoryState();
            said.snapshot = input.snapshot;
            node(input.cluster, input.host)
                    .inventories
                    .add(WireConversion.inventory(said, input.observedAtMs, input.contentKey));
        }
        for (HostScrapeRecord record : inputs.scrapes()) {
            samples(WireConversion.scrape(record, ScrapeLayout.of(record)));
        }
        Map<String, Map<String, JobInput>> jobs = new LinkedHashMap<>();
        for (JobSnapshotRecord record : inputs.jobs()) {
            JobInput input = WireConversion.jobInput(record);
            jobs.computeIfAbsent(input.key(), k -> new LinkedHashMap<>())
                    .merge(input.contentKey, input, PureEngine::fold);
        }
        jobs.values().forEach(said -> job(said.values().stream().toList()));
        List<UsageRow> rows = new ArrayList<>();
        nodes.values().forEach(node -> rows.addAll(rows(node)));
        return rows;
    }

    private static JobInput fold(JobInput a, JobInput b) {
        a.firstObservedMs = Math.min(a.firstObservedMs, b.firstObservedMs);
        a.lastObservedMs = Math.max(a.lastObservedMs, b.lastObservedMs);
        return a;
    }

    private void job(List<JobInput> said) {
        String cluster = said.get(0).cluster;
        List<JobSnapshot> snapshots = new ArrayList<>();
        said.forEach(s -> snapshots.add(WireConversion.jobSnapshot(s)));
        KnownTimes known = times.get(cluster);
        SchedulerView view = known == null ? SchedulerView.NONE : known.until(Long.MAX_VALUE);
        for (Run run : RunAssembly.assemble(cluster, said.get(0).rawJobId, snapshots, view)) {
            HostRunState.byHost(run)
                    .forEach((host, state) -> node(cluster, host).runs.add(state.toCore(host)));
        }
    }

    private void samples(Scrape scrape) {
        ScrapeLayout layout = scrape.layout();
        Node node = node(layout.cluster, layout.host);
        for (int i = 0; i < layout.size(); i++) {
            node.series
                    .computeIfAbsent(
                            new SeriesId(layout.gpuIndex[i], layout.instance[i]),
                            s -> new ArrayList<>())
                    .add(new Shown(scrape, i));
        }
    }

    private List<UsageRow> rows(Node node) {
        HostTimeline timeline = HostTimeline.of(node.inventories, SCHEDULER_GAP_MS);
        Map<Integer, HostFacts.Sampled> sampled = new HashMap<>();
        Map<Integer, SortedMap<Integer, SlotReadings.Series>> bySlot = new HashMap<>();
        Map<Integer, Shown> slices = new HashMap<>();
        node.series.forEach((id, shown) -> shown.forEach(s -> slices.put(id.instance(), s)));
        node.series.forEach(
                (id, shown) -> {
                    for (Shown s : shown) {
                        ScrapeLayout layout = s.scrape().layout();
                        String card = layout.uuids[s.element()];
                        long at = s.scrape().observedAtMs();
                        int slot = timeline.slotOf(card, id.gpuIndex(), at);
                        Shown any = slices.getOrDefault(id.instance(), s);
                        bySlot.computeIfAbsent(slot, k -> new TreeMap<>())
                                .computeIfAbsent(
                                        id.instance(),
                                        k ->
                                                new SlotReadings.Series(
                                                        any.scrape().layout().slices[any.element()],
                                                        any.scrape()
                                                                .layout()
                                                                .slicesPerGpu[any.element()],
                                                        new SampleSeries()))
                                .samples()
                                .add(
                                        at,
                                        s.scrape().coverMs(),
                                        card,
                                        s.scrape().values(),
                                        s.element() * SampleSeries.FIELDS);
                        TreeMap<Long, HostFacts.CardName> name = new TreeMap<>();
                        name.put(at, new HostFacts.CardName(card, layout.models[s.element()]));
                        sampled.merge(
                                slot,
                                new HostFacts.Sampled(at, at, name, id.instance() >= 0),
                                HostFacts.Sampled::and);
                    }
                });
        Map<Integer, SlotReadings> readings = SlotReadings.bySlot(bySlot, ReadingRules.STANDARD);
        KnownTimes known = times.get(node.cluster);
        HostFacts facts =
                HostFacts.of(
                        node.cluster,
                        node.host,
                        timeline,
                        node.runs,
                        List.of(),
                        sampled,
                        known == null ? List.of() : known.known());
        List<UsageRow> rows = new ArrayList<>();
        Span all = everything(facts, node);
        for (long w = window(all.startMs()); w <= all.endMs(); w += WINDOW_MS) {
            rows.addAll(
                    Attribution.attribute(
                            facts, readings, new Span(w, w + WINDOW_MS), Charging.UNMAPPED));
        }
        return rows;
    }

    private static Span everything(HostFacts facts, Node node) {
        long first = Long.MAX_VALUE;
        long last = 0;
        for (HostFacts.Slot slot : facts.slots().values()) {
            for (Span span : slot.exists()) {
                first = Math.min(first, span.startMs());
                last = Math.max(last, span.endMs());
            }
        }
        for (HostRun run : node.runs) {
            first = Math.min(first, run.startMs());
            last = Math.max(last, run.endMs());
        }
        return new Span(Math.min(first, last), last);
    }

    private static long window(long ms) {
        return Math.floorDiv(ms, WINDOW_MS) * WINDOW_MS;
    }
}

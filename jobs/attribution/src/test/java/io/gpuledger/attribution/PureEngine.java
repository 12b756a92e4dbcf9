package io.gpuledger.attribution;

import io.gpuledger.core.run.CompletePolls;
import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.JobSnapshot;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunAssembly;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Attribution;
import io.gpuledger.core.usage.CountPlacement;
import io.gpuledger.core.usage.GpuSample;
import io.gpuledger.core.usage.HostFacts;
import io.gpuledger.core.usage.HostRun;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import io.gpuledger.testkit.Inputs;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
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

    /** What is known of one host. */
    private static final class Node {
        final String cluster;
        final String host;
        final List<HostRun> runs = new ArrayList<>();
        final Map<Integer, SlotState> slots = new TreeMap<>();
        long inventoryAtMs = Long.MIN_VALUE;
        int gpus = -1;
        int shards;
        long firstMs = Long.MAX_VALUE;
        long lastMs = Long.MIN_VALUE;

        Node(String cluster, String host) {
            this.cluster = cluster;
            this.host = host;
        }

        void evidence(int gpuIndex, long fromMs, long toMs) {
            SlotState slot = slots.computeIfAbsent(gpuIndex, i -> new SlotState());
            slot.firstEvidenceMs = Math.min(slot.firstEvidenceMs, fromMs);
            slot.lastEvidenceMs = Math.max(slot.lastEvidenceMs, toMs);
            exists(fromMs, toMs);
        }

        void exists(long fromMs, long toMs) {
            firstMs = Math.min(firstMs, fromMs);
            lastMs = Math.max(lastMs, toMs);
        }
    }

    private Node node(String cluster, String host) {
        return nodes.computeIfAbsent(cluster + "/" + host, k -> new Node(cluster, host));
    }

    private List<UsageRow> run(Inputs inputs) throws IOException {
        for (SchedulerHeartbeatRecord record : inputs.heartbeats()) {
            times.computeIfAbsent(record.getCluster(), c -> new KnownTimes())
                    .add(WireConversion.heartbeat(record));
        }
        for (HostSnapshotRecord record : inputs.hosts()) {
            inventory(WireConversion.inventory(record));
        }
        for (HostScrapeRecord record : inputs.scrapes()) {
            samples(WireConversion.samples(record));
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
        CompletePolls polls = known == null ? CompletePolls.NONE : new CompletePolls(known.polls);
        for (Run run : RunAssembly.assemble(cluster, said.get(0).rawJobId, snapshots, polls)) {
            Set<String> hosts = new LinkedHashSet<>();
            run.holdings().forEach(h -> hosts.add(h.host()));
            for (String host : hosts) {
                Node node = node(cluster, host);
                HostRun here = HostRunState.of(run, host).toCore(host);
                node.runs.add(here);
                for (Holding h : here.holdings()) {
                    if (h.endMs() > h.startMs()) {
                        node.exists(h.startMs(), h.endMs() - 1);
                        if (h.gpuIndex() >= 0) {
                            node.evidence(h.gpuIndex(), h.startMs(), h.endMs() - 1);
                        }
                    }
                }
            }
        }
    }

    private void inventory(HostInput input) {
        Node node = node(input.cluster, input.host);
        if (input.observedAtMs > node.inventoryAtMs) {
            node.inventoryAtMs = input.observedAtMs;
            node.gpus = input.inventoryGpus;
            node.shards = input.inventoryShards;
        }
        for (int i = 0; i < input.inventoryGpus; i++) {
            node.evidence(i, input.observedAtMs, input.observedAtMs);
        }
    }

    private void samples(HostInput input) {
        Node node = node(input.cluster, input.host);
        for (int i = 0; i < input.gpuIndex.length; i++) {
            node.evidence(input.gpuIndex[i], input.observedAtMs, input.observedAtMs);
            SlotState slot = node.slots.get(input.gpuIndex[i]);
            if (slot != null) {
                slot.samples.append(input.samples, i * SampleBlock.WIDTH);
            }
        }
    }

    private List<UsageRow> rows(Node node) {
        SortedMap<Integer, HostFacts.Slot> slots = new TreeMap<>();
        Map<Integer, List<GpuSample>> samples = new HashMap<>();
        node.slots.forEach(
                (index, slot) -> {
                    Span exists =
                            new Span(
                                    window(slot.firstEvidenceMs),
                                    window(slot.lastEvidenceMs) + WINDOW_MS);
                    slots.put(index, new HostFacts.Slot(exists, "", ""));
                    samples.put(index, slot.samples.sorted());
                });
        node.runs.sort(Comparator.comparing(HostRun::runId));
        KnownTimes known = times.get(node.cluster);
        HostFacts facts = facts(node, slots, node.runs, known, samples);
        HostFacts placed = facts(node, slots, CountPlacement.place(facts), known, samples);
        List<UsageRow> rows = new ArrayList<>();
        for (long w = window(node.firstMs); w <= node.lastMs; w += WINDOW_MS) {
            rows.addAll(Attribution.attribute(placed, new Span(w, w + WINDOW_MS)));
        }
        return rows;
    }

    private static HostFacts facts(
            Node node,
            SortedMap<Integer, HostFacts.Slot> slots,
            List<HostRun> runs,
            @org.jspecify.annotations.Nullable KnownTimes known,
            Map<Integer, List<GpuSample>> samples) {
        return new HostFacts(
                node.cluster,
                node.host,
                slots,
                node.gpus > 0,
                node.gpus > 0 ? node.shards / node.gpus : 0,
                runs,
                known == null ? List.of() : known.spans(SCHEDULER_GAP_MS),
                samples);
    }

    private static long window(long ms) {
        return Math.floorDiv(ms, WINDOW_MS) * WINDOW_MS;
    }
}

package io.gpuledger.testkit;

import io.gpuledger.schemas.ConfiguredGresRecord;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.InventoryGpuRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.MigInstanceRecord;
import io.gpuledger.schemas.NodeDeviceRecord;
import io.gpuledger.schemas.ReservationRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import io.gpuledger.testkit.Scenario.Host;
import io.gpuledger.testkit.Scenario.Instance;
import io.gpuledger.testkit.Scenario.Look;
import io.gpuledger.testkit.Scenario.Part;
import io.gpuledger.testkit.Scenario.Reading;
import io.gpuledger.testkit.Scenario.Reservation;
import io.gpuledger.testkit.Scenario.Row;
import io.gpuledger.testkit.Scenario.Run;
import io.gpuledger.testkit.Scenario.Stretch;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Says the truth as the real sources say it: what each knows, in its own words and units. */
final class Sources {
    private final Scenario truth;
    private final List<JobSnapshotRecord> jobs = new ArrayList<>();
    private final List<HostSnapshotRecord> looks = new ArrayList<>();
    private final List<SchedulerHeartbeatRecord> heartbeats = new ArrayList<>();
    private final List<HostScrapeRecord> scrapes = new ArrayList<>();

    Sources(Scenario truth) {
        this.truth = truth;
    }

    Inputs inputs() {
        for (long at : truth.watch().polls()) {
            truth.runs().forEach(run -> poll(run, at));
            heartbeat(HeartbeatKind.COMPLETE_POLL, at, null);
        }
        for (long at : truth.watch().heartbeats()) {
            heartbeat(HeartbeatKind.HEARTBEAT, at, null);
        }
        for (long at : truth.watch().accounting()) {
            readAccounting(at);
        }
        for (Run run : truth.runs()) {
            hooks(run);
            completion(run);
        }
        for (Host host : truth.hosts()) {
            host.looks().forEach(look -> looks.add(look(host, look)));
            host.reservations().forEach(r -> reservation(host, r));
            scrapes(host);
        }
        return new Inputs(jobs, looks, heartbeats, scrapes);
    }

    /** {@code squeue}: live jobs with their devices, pending ones, and for a while ended ones. */
    private void poll(Run run, long at) {
        JobSnapshotRecord.Builder job =
                job(run, JobSource.CONTROLLER, at)
                        .setUser(run.user())
                        .setQos("normal")
                        .setSubmitMs(run.submitMs())
                        .setRestartCount(run.restarts());
        if (run.submitMs() <= at && at < run.startMs()) {
            jobs.add(job.setState("PENDING").build());
        } else if (run.startMs() <= at && at < run.endMs()) {
            List<Part> layout = at(run, at);
            allocation(job.setStartMs(run.startMs()), layout);
            job.setState(run.isSuspendedAt(at) ? "SUSPENDED" : "RUNNING");
            if (truth.watch().indices()) {
                job.setDevices(devices(layout));
            }
            suspension(job, run, at);
            OptionalLong resized =
                    run.parts().stream()
                            .mapToLong(Part::toMs)
                            .filter(to -> to <= at && to < run.endMs())
                            .max();
            if (resized.isPresent()) {
                job.setResizedAtMs(resized.getAsLong());
            }
            jobs.add(job.build());
        } else if (run.endMs() <= at && at < run.seen().listedUntilMs()) {
            Long end = run.seen().controllerEndMs();
            if (end != null) {
                allocation(job.setStartMs(run.startMs()), at(run, run.endMs() - 1));
                jobs.add(job.setState(run.seen().finalState()).setEndMs(end).build());
            }
        }
    }

    private static List<Part> at(Run run, long ms) {
        List<Part> layout = new ArrayList<>(run.parts());
        if (run.startMs() < run.endMs()) {
            layout.removeIf(p -> ms < p.fromMs() || p.toMs() <= ms);
        }
        return layout;
    }

    /** The controller tells the last change and how long the job ran before it. */
    private static void suspension(JobSnapshotRecord.Builder job, Run run, long at) {
        long suspendedMs = 0;
        for (Stretch s : run.suspensions()) {
            if (s.fromMs() > at) {
                break;
            }
            job.setRunningBeforeSuspendMs(s.fromMs() - run.startMs() - suspendedMs);
            job.setSuspendAtMs(at < s.toMs() ? s.fromMs() : s.toMs());
            suspendedMs += s.toMs() - s.fromMs();
        }
    }

    private void readAccounting(long at) {
        long from = Long.MAX_VALUE;
        for (Run run : truth.runs()) {
            for (Row row : run.seen().rows()) {
                if (row.visibleFromMs() <= at && at < row.visibleToMs()) {
                    jobs.add(accounted(run, row, at));
                    from = Math.min(from, row.startMs());
                }
            }
        }
        if (truth.watch().boundedAccounting() && from <= at) {
            heartbeat(HeartbeatKind.BOUNDED_ACCOUNTING, at, from);
        }
    }

    private JobSnapshotRecord accounted(Run run, Row row, long at) {
        JobSnapshotRecord.Builder job =
                job(run, JobSource.ACCOUNTING, at)
                        .setUser(run.user())
                        .setQos("normal")
                        .setState(row.state())
                        .setSubmitMs(row.submitMs())
                        .setStartMs(row.startMs())
                        .setEndMs(row.endMs())
                        .setSuspendedTotalMs(row.suspendedMs());
        allocation(job, row.layout());
        return job.build();
    }

    private void hooks(Run run) {
        run.seen().prologs().forEach((host, at) -> nodeHook(run, JobSource.PROLOG, host, at));
        run.freedAtMs().forEach((host, at) -> nodeHook(run, JobSource.EPILOG, host, at));
        Long began = run.seen().prologController();
        if (began != null) {
            controllerHook(run, JobSource.PROLOG_SLURMCTLD, began);
        }
        Long ended = run.seen().epilogController();
        if (ended != null) {
            controllerHook(run, JobSource.EPILOG_SLURMCTLD, ended);
        }
    }

    private void nodeHook(Run run, JobSource source, String host, long at) {
        JobSnapshotRecord.Builder job =
                job(run, source, at).setUser(run.user()).setNodes(List.of(host));
        job.setRestartCount(run.restarts() + (requeued(run) && source == JobSource.EPILOG ? 1 : 0));
        if (truth.watch().indices()) {
            // The epilog of a node that a resize freed names the cards of the nodes that stayed.
            List<Integer> cards = new ArrayList<>();
            for (Part part : source == JobSource.EPILOG ? at(run, run.endMs() - 1) : run.parts()) {
                if (part.host().equals(host) || source == JobSource.EPILOG) {
                    cards.add(part.card());
                }
            }
            if (!cards.isEmpty()) {
                List<Integer> sorted = List.copyOf(new TreeSet<>(cards));
                job.setDevices(List.of(device(host, "gpu", "", sorted.size(), sorted, List.of())));
            }
        }
        jobs.add(job.build());
    }

    private void controllerHook(Run run, JobSource source, long at) {
        JobSnapshotRecord.Builder job = job(run, source, at).setUser(run.user());
        job.setNodes(nodes(run.parts())).setName("job");
        boolean end = source == JobSource.EPILOG_SLURMCTLD;
        job.setRestartCount(run.restarts() + (requeued(run) && end ? 1 : 0));
        jobs.add(job.build());
    }

    private static boolean requeued(Run run) {
        String state = run.seen().finalState();
        return state.equals("REQUEUED") || state.equals("PREEMPTED");
    }

    /** A requeue completes in state PENDING. */
    private void completion(Run run) {
        Long end = run.seen().completion();
        if (end != null && !run.parts().isEmpty()) {
            JobSnapshotRecord.Builder job =
                    job(run, JobSource.JOBCOMP, end + 1_050)
                            .setUser(run.user())
                            .setState(requeued(run) ? "PENDING" : run.seen().finalState())
                            .setSubmitMs(run.submitMs())
                            .setStartMs(run.startMs())
                            .setEndMs(end);
            allocation(job, at(run, run.endMs() - 1));
            jobs.add(job.build());
        }
    }

    private JobSnapshotRecord.Builder job(Run run, JobSource source, long at) {
        return JobSnapshotRecord.newBuilder()
                .setCluster(truth.cluster())
                .setRawJobId(run.jobId())
                .setJobId(Long.toString(run.jobId()))
                .setObservedAtMs(at)
                .setSource(source)
                .setAccount(run.account())
                .setPartition("gpu");
    }

    /** Nodes and counts as TRES tell them: whole devices, or shards and no devices at all. */
    private void allocation(JobSnapshotRecord.Builder job, List<Part> layout) {
        if (layout.isEmpty()) {
            return;
        }
        job.setNodes(nodes(layout));
        int shards = layout.stream().mapToInt(Part::shards).sum();
        if (shards > 0) {
            job.setShardCount(shards);
            return;
        }
        job.setGpuCount(layout.size());
        Set<String> types = new TreeSet<>();
        for (Part part : layout) {
            types.add(host(part.host()).gresType());
        }
        types.remove("");
        job.setGpuTypes(List.copyOf(types));
    }

    private static List<String> nodes(List<Part> layout) {
        Set<String> nodes = new TreeSet<>();
        layout.forEach(p -> nodes.add(p.host()));
        return List.copyOf(nodes);
    }

    private Host host(String name) {
        return truth.hosts().stream().filter(h -> h.name().equals(name)).findAny().orElseThrow();
    }

    private List<NodeDeviceRecord> devices(List<Part> layout) {
        List<NodeDeviceRecord> devices = new ArrayList<>();
        for (String name : nodes(layout)) {
            Host host = host(name);
            List<Integer> indices = new ArrayList<>();
            List<Integer> shards = new ArrayList<>();
            for (Part part : layout) {
                if (part.host().equals(name)) {
                    indices.add(ordinal(host, part));
                    shards.add(part.shards());
                }
            }
            boolean sharded = host.shardsPerCard() > 0;
            devices.add(
                    device(
                            name,
                            sharded ? "shard" : "gpu",
                            host.gresType(),
                            sharded
                                    ? shards.stream().mapToInt(Integer::intValue).sum()
                                    : indices.size(),
                            indices,
                            sharded ? shards : List.of()));
        }
        return devices;
    }

    private static int ordinal(Host host, Part part) {
        for (Instance instance : host.instances()) {
            if (instance.card() == part.card() && instance.id() == part.instance()) {
                return instance.ordinal();
            }
        }
        return part.card();
    }

    private static NodeDeviceRecord device(
            String host,
            String kind,
            String type,
            int count,
            List<Integer> indices,
            List<Integer> shards) {
        return NodeDeviceRecord.newBuilder()
                .setHost(host)
                .setKind(kind)
                .setGresType(type)
                .setCount(count)
                .setIndices(indices)
                .setIndexCounts(shards)
                .build();
    }

    private void heartbeat(HeartbeatKind kind, long at, @Nullable Long from) {
        heartbeats.add(
                SchedulerHeartbeatRecord.newBuilder()
                        .setCluster(truth.cluster())
                        .setObservedAtMs(at)
                        .setKind(kind)
                        .setCoveredFromMs(from)
                        .build());
    }

    private HostSnapshotRecord look(Host host, Look look) {
        List<ConfiguredGresRecord> gres = new ArrayList<>();
        int devices = host.isMig() ? host.instances().size() : host.cards();
        gres.add(gres("gpu", host.gresType(), devices));
        if (host.shardsPerCard() > 0) {
            gres.add(gres("shard", "", host.shardsPerCard() * host.cards()));
        }
        List<MigInstanceRecord> instances = new ArrayList<>();
        for (Instance instance : host.instances()) {
            instances.add(
                    MigInstanceRecord.newBuilder()
                            .setOrdinal(instance.ordinal())
                            .setGpuIndex(instance.card())
                            .setInstance(instance.id())
                            .setSlices(instance.slices())
                            .build());
        }
        List<InventoryGpuRecord> gpus = new ArrayList<>();
        if (host.inventoryTellsUuids()) {
            for (int card = 0; card < host.cards(); card++) {
                gpus.add(
                        InventoryGpuRecord.newBuilder()
                                .setGpuIndex(card)
                                .setUuid(Telemetry.uuid(host.name(), card))
                                .build());
            }
        }
        return HostSnapshotRecord.newBuilder()
                .setCluster(truth.cluster())
                .setHost(host.name())
                .setObservedAtMs(look.atMs())
                .setStates(look.states())
                .setGres(gres)
                .setGpus(gpus)
                .setInstances(instances)
                .setSlicesPerGpu(host.slicesPerCard())
                .build();
    }

    private void reservation(Host host, Reservation r) {
        for (long at : r.toldAtMs()) {
            ReservationRecord told =
                    ReservationRecord.newBuilder()
                            .setName(r.name())
                            .setStartMs(r.fromMs())
                            .setEndMs(at < r.toMs() ? r.plannedToMs() : r.toMs())
                            .setMaintenance(r.maintenance())
                            .build();
            looks.add(
                    HostSnapshotRecord.newBuilder()
                            .setCluster(truth.cluster())
                            .setHost(host.name())
                            .setObservedAtMs(at)
                            .setReservations(List.of(told))
                            .build());
        }
    }

    private static ConfiguredGresRecord gres(String kind, String type, int count) {
        return ConfiguredGresRecord.newBuilder()
                .setKind(kind)
                .setGresType(type)
                .setCount(count)
                .build();
    }

    private record ScrapeId(String exporter, long atMs, int copy) {}

    /** One record a scrape; what an exporter said twice of one GPU goes into a second record. */
    private void scrapes(Host host) {
        Map<ScrapeId, List<Reading>> byScrape = new LinkedHashMap<>();
        for (Reading reading : host.readings()) {
            int copy = 0;
            while (says(byScrape, reading, copy)) {
                copy++;
            }
            byScrape.computeIfAbsent(
                            new ScrapeId(reading.exporter(), reading.atMs(), copy),
                            id -> new ArrayList<>())
                    .add(reading);
        }
        byScrape.values().forEach(readings -> scrapes.add(scrape(host, readings)));
    }

    private static boolean says(Map<ScrapeId, List<Reading>> byScrape, Reading reading, int copy) {
        return byScrape
                .getOrDefault(new ScrapeId(reading.exporter(), reading.atMs(), copy), List.of())
                .stream()
                .anyMatch(r -> r.card() == reading.card() && r.instance() == reading.instance());
    }

    private HostScrapeRecord scrape(Host host, List<Reading> readings) {
        Set<Integer> fields = new LinkedHashSet<>();
        readings.forEach(r -> fields.addAll(r.values().keySet()));
        List<GpuSampleRecord> gpus = new ArrayList<>();
        for (Reading reading : readings) {
            List<@Nullable Long> values = new ArrayList<>();
            for (int field : fields) {
                values.add(reading.values().get(field));
            }
            gpus.add(
                    GpuSampleRecord.newBuilder()
                            .setGpuIndex(host.nvmlIndex().get(reading.card()))
                            .setInstance(reading.instance())
                            .setUuid(reading.uuid())
                            .setModel("NVIDIA H100 80GB HBM3")
                            .setValues(values)
                            .build());
        }
        Reading first = readings.get(0);
        return HostScrapeRecord.newBuilder()
                .setCluster(truth.cluster())
                .setHost(host.name())
                .setObservedAtMs(first.atMs())
                .setScrapeIntervalMs(first.intervalMs())
                .setOrigin(first.exporter())
                .setFields(List.copyOf(fields))
                .setGpus(gpus)
                .build();
    }
}

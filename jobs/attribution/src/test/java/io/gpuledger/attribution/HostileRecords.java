package io.gpuledger.attribution;

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
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;

/** Records of one cluster that are good but for one thing. */
final class HostileRecords {
    private static final long HOUR_MS = 3_600_000;
    private static final long DAY_MS = 24 * HOUR_MS;

    /** A record that is absurd in one way, and the reason it must get. */
    record Absurd(String what, String reason, boolean telemetry, ByteBuffer record) {}

    private final String cluster;
    private final long atMs;

    HostileRecords(String cluster, long atMs) {
        this.cluster = cluster;
        this.atMs = atMs;
    }

    static byte[] bytes(ByteBuffer record) {
        byte[] bytes = new byte[record.remaining()];
        record.duplicate().get(bytes);
        return bytes;
    }

    ByteBuffer job(Consumer<JobSnapshotRecord.Builder> change) throws IOException {
        JobSnapshotRecord.Builder job =
                JobSnapshotRecord.newBuilder()
                        .setCluster(cluster)
                        .setRawJobId(7)
                        .setObservedAtMs(atMs)
                        .setSource(JobSource.ACCOUNTING)
                        .setState("COMPLETED")
                        .setSubmitMs(atMs - 2 * HOUR_MS)
                        .setStartMs(atMs - HOUR_MS)
                        .setEndMs(atMs - HOUR_MS / 2)
                        .setNodes(List.of("n1"))
                        .setGpuCount(1);
        change.accept(job);
        return job.build().toByteBuffer();
    }

    ByteBuffer host(Consumer<HostSnapshotRecord.Builder> change) throws IOException {
        HostSnapshotRecord.Builder host =
                HostSnapshotRecord.newBuilder()
                        .setCluster(cluster)
                        .setHost("n1")
                        .setObservedAtMs(atMs)
                        .setGres(List.of(gres("gpu", 2)));
        change.accept(host);
        return host.build().toByteBuffer();
    }

    ByteBuffer heartbeat(Consumer<SchedulerHeartbeatRecord.Builder> change) throws IOException {
        SchedulerHeartbeatRecord.Builder heartbeat =
                SchedulerHeartbeatRecord.newBuilder()
                        .setCluster(cluster)
                        .setObservedAtMs(atMs)
                        .setKind(HeartbeatKind.BOUNDED_ACCOUNTING)
                        .setCoveredFromMs(atMs - HOUR_MS);
        change.accept(heartbeat);
        return heartbeat.build().toByteBuffer();
    }

    ByteBuffer scrape(Consumer<HostScrapeRecord.Builder> change) throws IOException {
        HostScrapeRecord.Builder scrape =
                HostScrapeRecord.newBuilder()
                        .setCluster(cluster)
                        .setHost("n1")
                        .setObservedAtMs(atMs)
                        .setScrapeIntervalMs(30_000)
                        .setFields(List.of(1001, 156))
                        .setGpus(List.of(gpu(0, 500_000L, 1_000_000L)));
        change.accept(scrape);
        return scrape.build().toByteBuffer();
    }

    /** All of them; each is the same every time. */
    List<Absurd> absurd() throws IOException {
        List<Absurd> all = new ArrayList<>();
        jobTimes(all);
        jobSizes(all);
        devices(all);
        hosts(all);
        reservations(all);
        heartbeats(all);
        scrapes(all);
        return all;
    }

    private void jobTimes(List<Absurd> all) throws IOException {
        for (long ms : new long[] {0, -1, Long.MIN_VALUE, Long.MAX_VALUE, 4_102_444_800_000L}) {
            add(all, "observed at " + ms, "BAD_TIME", j -> j.setObservedAtMs(ms));
            add(all, "submit at " + ms, "BAD_TIME", j -> j.setSubmitMs(ms));
            add(all, "start at " + ms, "BAD_TIME", j -> j.setStartMs(ms));
            add(all, "end at " + ms, "BAD_TIME", j -> j.setEndMs(ms));
            add(all, "suspension at " + ms, "BAD_TIME", j -> j.setSuspendAtMs(ms));
            add(all, "resize at " + ms, "BAD_TIME", j -> j.setResizedAtMs(ms));
        }
        for (long ms : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE}) {
            add(all, "suspended for " + ms, "BAD_TIME", j -> j.setSuspendedTotalMs(ms));
            add(all, "ran for " + ms, "BAD_TIME", j -> j.setRunningBeforeSuspendMs(ms));
        }
        add(all, "end before start", "BAD_TIME", j -> j.setEndMs(atMs - 2 * HOUR_MS));
        add(all, "told years ahead", "BAD_TIME", j -> j.setEndMs(atMs + 3_000 * DAY_MS));
        add(all, "more than ten years", "BAD_TIME", j -> j.setStartMs(atMs - 3_700 * DAY_MS));
        add(
                all,
                "open for more than ten years",
                "BAD_TIME",
                j ->
                        j.setSource(JobSource.CONTROLLER)
                                .setState("RUNNING")
                                .setStartMs(atMs - 3_700 * DAY_MS)
                                .setEndMs(null));
    }

    private void jobSizes(List<Absurd> all) throws IOException {
        String endless = "x".repeat(10_000_000);
        add(all, "negative id", "BAD_NUMBER", j -> j.setRawJobId(-1));
        add(all, "two billion GPUs", "BAD_GRES", j -> j.setGpuCount(2_000_000_000));
        add(all, "fewer than no GPUs", "BAD_GRES", j -> j.setGpuCount(Integer.MIN_VALUE));
        add(all, "two billion shards", "BAD_GRES", j -> j.setShardCount(2_000_000_000));
        add(all, "no cluster", "UNREADABLE", j -> j.setCluster(""));
        add(all, "cluster of two names", "UNREADABLE", j -> j.setCluster("a/b"));
        add(all, "empty host", "UNREADABLE", j -> j.setNodes(List.of("")));
        add(all, "host of two names", "UNREADABLE", j -> j.setNodes(List.of("a@b")));
        add(all, "endless host", "UNREADABLE", j -> j.setNodes(List.of(endless)));
        add(all, "endless account", "UNREADABLE", j -> j.setAccount(endless));
        add(all, "endless name", "UNREADABLE", j -> j.setName(endless));
        add(
                all,
                "a million hosts",
                "BAD_NODES",
                j -> j.setNodes(Collections.nCopies(1_000_000, "n")));
        add(
                all,
                "a hundred types",
                "BAD_GRES",
                j -> j.setGpuTypes(Collections.nCopies(100, "h100")));
    }

    private void devices(List<Absurd> all) throws IOException {
        for (int index : new int[] {-5, -1, 1_024, 1_000_000_000, Integer.MAX_VALUE}) {
            add(all, "index " + index, "BAD_GRES", j -> j.setDevices(List.of(held(1, index))));
        }
        for (int count : new int[] {-1, 1_025, Integer.MAX_VALUE}) {
            add(all, "count " + count, "BAD_GRES", j -> j.setDevices(List.of(held(count, 0))));
        }
        add(all, "one index twice", "BAD_GRES", j -> j.setDevices(List.of(held(2, 3, 3))));
        NodeDeviceRecord toaster = held(1, 0);
        toaster.setKind("toaster");
        add(all, "no GPU", "BAD_GRES", j -> j.setDevices(List.of(toaster)));
        NodeDeviceRecord crumbs = held(1, 0);
        crumbs.setKind("shard");
        crumbs.setIndexCounts(List.of(-9));
        add(all, "fewer than no shards", "BAD_GRES", j -> j.setDevices(List.of(crumbs)));
        add(
                all,
                "a million devices",
                "BAD_GRES",
                j -> j.setDevices(Collections.nCopies(1_000_000, held(1))));
        add(
                all,
                "more GPUs than any machine",
                "BAD_GRES",
                j -> j.setDevices(Collections.nCopies(1_000, held(1_024))));
    }

    private void hosts(List<Absurd> all) throws IOException {
        for (long ms : new long[] {0, -1, Long.MIN_VALUE, Long.MAX_VALUE}) {
            addHost(all, "host at " + ms, "BAD_TIME", h -> h.setObservedAtMs(ms));
        }
        for (int count : new int[] {-1, 1_025, 1_000_000_000}) {
            addHost(all, count + " GPUs", "BAD_GRES", h -> h.setGres(List.of(gres("gpu", count))));
        }
        addHost(
                all,
                "sum of GPUs",
                "BAD_GRES",
                h -> h.setGres(Collections.nCopies(3, gres("gpu", 1_000))));
        addHost(
                all,
                "shards",
                "BAD_GRES",
                h -> h.setGres(List.of(gres("shard", Integer.MAX_VALUE))));
        addHost(all, "no host", "UNREADABLE", h -> h.setHost(""));
        addHost(all, "host with a line", "UNREADABLE", h -> h.setHost("n\n1"));
        addHost(all, "states", "UNREADABLE", h -> h.setStates(Collections.nCopies(1_000, "IDLE")));
        for (int slices : new int[] {0, -1, 8, Integer.MIN_VALUE}) {
            addHost(
                    all,
                    slices + " slices",
                    "BAD_GRES",
                    h ->
                            h.setSlicesPerGpu(7)
                                    .setInstances(List.of(new MigInstanceRecord(0, 0, 1, slices))));
        }
        for (int perGpu : new int[] {0, -7, Integer.MAX_VALUE}) {
            addHost(
                    all,
                    perGpu + " slices a card",
                    "BAD_GRES",
                    h ->
                            h.setSlicesPerGpu(perGpu)
                                    .setInstances(List.of(new MigInstanceRecord(0, 0, 1, 1))));
        }
        addHost(
                all,
                "ordinal",
                "BAD_GRES",
                h ->
                        h.setSlicesPerGpu(7)
                                .setInstances(
                                        List.of(new MigInstanceRecord(1_000_000_000, 0, 1, 1))));
        addHost(
                all,
                "card",
                "BAD_GRES",
                h -> h.setGpus(List.of(new InventoryGpuRecord(-5, "GPU-0", "H100"))));
    }

    private void reservations(List<Absurd> all) throws IOException {
        for (long ms : new long[] {0, Long.MIN_VALUE, Long.MAX_VALUE}) {
            addHost(
                    all,
                    "reserved from " + ms,
                    "BAD_TIME",
                    h -> h.setReservations(List.of(reserved(ms, atMs))));
            addHost(
                    all,
                    "reserved to " + ms,
                    "BAD_TIME",
                    h -> h.setReservations(List.of(reserved(atMs, ms))));
        }
        addHost(
                all,
                "reserved backwards",
                "BAD_TIME",
                h -> h.setReservations(List.of(reserved(atMs, atMs - 1))));
        addHost(
                all,
                "a million reservations",
                "BAD_NUMBER",
                h -> h.setReservations(Collections.nCopies(1_000_000, reserved(atMs, atMs))));
    }

    private void heartbeats(List<Absurd> all) throws IOException {
        for (long ms : new long[] {0, -1, Long.MIN_VALUE, Long.MAX_VALUE, atMs + 1}) {
            String what = "accounting from " + ms;
            all.add(new Absurd(what, "BAD_TIME", false, heartbeat(h -> h.setCoveredFromMs(ms))));
        }
        all.add(
                new Absurd(
                        "accounting from nowhere",
                        "UNREADABLE",
                        false,
                        heartbeat(h -> h.setCoveredFromMs(null))));
        all.add(
                new Absurd(
                        "heartbeat in 1970",
                        "BAD_TIME",
                        false,
                        heartbeat(h -> h.setObservedAtMs(0))));
    }

    private void scrapes(List<Absurd> all) throws IOException {
        for (long ms : new long[] {0, -1, Long.MIN_VALUE, Long.MAX_VALUE}) {
            addScrape(all, "scrape at " + ms, "BAD_TIME", s -> s.setObservedAtMs(ms));
        }
        for (int ms : new int[] {0, -30_000, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            addScrape(all, "interval " + ms, "BAD_TIME", s -> s.setScrapeIntervalMs(ms));
        }
        for (int index : new int[] {-7, 4_096, 1_000_000_000}) {
            addScrape(all, "GPU " + index, "BAD_GRES", s -> s.setGpus(List.of(gpu(index, 1L, 1L))));
        }
        GpuSampleRecord instance = gpu(0, 1L, 1L);
        instance.setInstance(-2);
        addScrape(all, "instance -2", "BAD_GRES", s -> s.setGpus(List.of(instance)));
        for (long value : new long[] {-1, Long.MIN_VALUE, 1_000_001, Long.MAX_VALUE}) {
            addScrape(
                    all,
                    "activity " + value,
                    "BAD_NUMBER",
                    s -> s.setGpus(List.of(gpu(0, value, 1L))));
        }
        for (int field : new int[] {252, 156, 155}) {
            addScrape(
                    all,
                    "field " + field,
                    "BAD_NUMBER",
                    s ->
                            s.setFields(List.of(1001, field))
                                    .setGpus(List.of(gpu(0, 1L, Long.MAX_VALUE))));
        }
        addScrape(all, "too few values", "UNREADABLE", s -> s.setGpus(List.of(gpu(0, 1L))));
        addScrape(all, "too many values", "UNREADABLE", s -> s.setFields(List.of(1001)));
        addScrape(
                all,
                "a million GPUs",
                "UNREADABLE",
                s -> s.setGpus(Collections.nCopies(1_000_000, gpu(0, 1L, 1L))));
        addScrape(all, "no host", "UNREADABLE", s -> s.setHost(""));
        GpuSampleRecord endless = gpu(0, 1L, 1L);
        endless.setHpcJob("7".repeat(1_000_000));
        addScrape(all, "endless label", "UNREADABLE", s -> s.setGpus(List.of(endless)));
    }

    private void add(
            List<Absurd> all,
            String what,
            String reason,
            Consumer<JobSnapshotRecord.Builder> change)
            throws IOException {
        all.add(new Absurd("job: " + what, reason, false, job(change)));
    }

    private void addHost(
            List<Absurd> all,
            String what,
            String reason,
            Consumer<HostSnapshotRecord.Builder> change)
            throws IOException {
        all.add(new Absurd("host: " + what, reason, false, host(change)));
    }

    private void addScrape(
            List<Absurd> all, String what, String reason, Consumer<HostScrapeRecord.Builder> change)
            throws IOException {
        all.add(new Absurd("scrape: " + what, reason, true, scrape(change)));
    }

    private static NodeDeviceRecord held(int count, Integer... indices) {
        return NodeDeviceRecord.newBuilder()
                .setHost("n1")
                .setKind("gpu")
                .setCount(count)
                .setIndices(List.of(indices))
                .build();
    }

    private static ConfiguredGresRecord gres(String kind, int count) {
        return ConfiguredGresRecord.newBuilder()
                .setKind(kind)
                .setGresType("h100")
                .setCount(count)
                .build();
    }

    private static ReservationRecord reserved(long fromMs, long toMs) {
        return ReservationRecord.newBuilder()
                .setName("r")
                .setStartMs(fromMs)
                .setEndMs(toMs)
                .build();
    }

    private static GpuSampleRecord gpu(int index, Long... values) {
        return GpuSampleRecord.newBuilder()
                .setGpuIndex(index)
                .setValues(Arrays.asList(values))
                .build();
    }
}

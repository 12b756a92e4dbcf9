package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.schemas.ConfiguredGresRecord;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.NodeDeviceRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * The production graph in a real local Flink, bounded inputs, rows read back from their encoding.
 */
class AttributionGraphTest {
    private static final long T0 = 1_700_000_000_000L / 3_600_000 * 3_600_000;

    @Test
    void a_job_and_its_telemetry_become_closed_rows() throws Exception {
        List<SinkRow> rows = GraphRun.of(scheduler(), telemetry(), 1);

        Map<String, Long> minutes = gpuMsByBucketAndRun(rows, SinkTable.USAGE_MINUTE);
        Map<String, Long> hours = gpuMsByBucketAndRun(rows, SinkTable.USAGE_HOUR);

        assertThat(minutes).containsEntry("ALLOCATED c/7/" + (T0 + 30_000) / 1000, 2 * 150_000L);
        assertThat(hours).isEqualTo(minutes);
        assertThat(rows.stream().filter(r -> r.table.equals("RUNS"))).hasSize(1);
        assertThat(rows.stream().filter(r -> r.table.equals("DEAD_LETTERS"))).isEmpty();
    }

    /**
     * Accounting and one list of the node: only together they tell which cards a count of all of
     * them is, and so that the cards were there, idle, from the job to the list.
     */
    @Test
    void minutes_between_a_counted_job_and_the_inventory_are_not_left_out() throws Exception {
        List<byte[]> scheduler = new ArrayList<>();
        scheduler.add(
                bytes(
                        JobSnapshotRecord.getEncoder()
                                .encode(
                                        job(
                                                        JobSource.ACCOUNTING,
                                                        T0 + 600_000,
                                                        "COMPLETED",
                                                        T0 + 90_000)
                                                .setGpuCount(4)
                                                .build())));

        List<SinkRow> rows = GraphRun.of(scheduler, List.of(inventory(T0 + 570_000)), 1);

        Map<String, Long> minutes = gpuMsByBucketAndRun(rows, SinkTable.USAGE_MINUTE);
        assertThat(minutes.values().stream().mapToLong(Long::longValue).sum())
                .isEqualTo(4 * 600_000L);
        assertThat(gpuMsByBucketAndRun(rows, SinkTable.USAGE_HOUR)).isEqualTo(minutes);
    }

    @Test
    void order_duplication_and_parallelism_never_change_the_rows() throws Exception {
        Map<String, UsageRow> expected = contentByKey(GraphRun.of(scheduler(), telemetry(), 1));
        for (int seed = 1; seed <= 4; seed++) {
            Random random = new Random(seed);
            List<byte[]> scheduler = new ArrayList<>(scheduler());
            List<byte[]> telemetry = new ArrayList<>(telemetry());
            scheduler.addAll(scheduler());
            telemetry.addAll(telemetry().subList(0, 3));
            Collections.shuffle(scheduler, random);
            Collections.shuffle(telemetry, random);

            assertThat(contentByKey(GraphRun.of(scheduler, telemetry, 1 + seed % 2)))
                    .as("seed %d", seed)
                    .isEqualTo(expected);
        }
    }

    /**
     * The last of many equal polls may contradict an end; the first of an hour says nothing of it.
     */
    @Test
    void the_first_and_the_last_of_many_equal_polls_are_kept() throws Exception {
        List<byte[]> scheduler = new ArrayList<>();
        for (int poll = 1; poll <= 5; poll++) {
            scheduler.add(
                    bytes(
                            JobSnapshotRecord.getEncoder()
                                    .encode(
                                            job(
                                                            JobSource.CONTROLLER,
                                                            T0 + 60_000L * poll,
                                                            "RUNNING",
                                                            null)
                                                    .build())));
        }

        List<SinkRow> rows = GraphRun.of(scheduler, telemetry(), 1);

        List<Long> observed = new ArrayList<>();
        for (SinkRow row : rows) {
            if (row.table.equals("JOB_SNAPSHOTS")) {
                // Cluster "c", a string of one byte, and the job's number come before it.
                observed.add(
                        ByteBuffer.wrap(row.row).order(ByteOrder.LITTLE_ENDIAN).getLong(2 + 8));
            }
        }
        assertThat(observed).containsExactlyInAnyOrder(T0 + 60_000, T0 + 300_000);
    }

    @Test
    void bytes_that_are_no_record_are_dead_letters() throws Exception {
        List<byte[]> scheduler = new ArrayList<>(scheduler());
        scheduler.add("not avro at all".getBytes(StandardCharsets.UTF_8));
        scheduler.add(new byte[] {1});

        List<SinkRow> rows = GraphRun.of(scheduler, telemetry(), 1);

        assertThat(rows.stream().filter(r -> r.table.equals("DEAD_LETTERS"))).hasSize(2);
        assertThat(contentByKey(rows))
                .isEqualTo(contentByKey(GraphRun.of(scheduler(), telemetry(), 1)));
    }

    private static List<byte[]> scheduler() throws IOException {
        NodeDeviceRecord cards =
                NodeDeviceRecord.newBuilder()
                        .setHost("n1")
                        .setKind("gpu")
                        .setGresType("h100")
                        .setCount(2)
                        .setIndices(List.of(0, 2))
                        .build();
        List<byte[]> records = new ArrayList<>();
        for (long at = T0; at <= T0 + 300_000; at += 60_000) {
            records.add(
                    bytes(
                            SchedulerHeartbeatRecord.getEncoder()
                                    .encode(
                                            SchedulerHeartbeatRecord.newBuilder()
                                                    .setCluster("c")
                                                    .setObservedAtMs(at)
                                                    .setKind(HeartbeatKind.COMPLETE_POLL)
                                                    .build())));
        }
        records.add(
                bytes(
                        JobSnapshotRecord.getEncoder()
                                .encode(
                                        job(JobSource.CONTROLLER, T0 + 60_000, "RUNNING", null)
                                                .setDevices(List.of(cards))
                                                .build())));
        records.add(
                bytes(
                        JobSnapshotRecord.getEncoder()
                                .encode(
                                        job(
                                                        JobSource.ACCOUNTING,
                                                        T0 + 300_000,
                                                        "COMPLETED",
                                                        T0 + 180_000)
                                                .build())));
        records.add(inventory(T0 + 1_000));
        return records;
    }

    private static byte[] inventory(long at) throws IOException {
        return bytes(
                HostSnapshotRecord.getEncoder()
                        .encode(
                                HostSnapshotRecord.newBuilder()
                                        .setCluster("c")
                                        .setHost("n1")
                                        .setObservedAtMs(at)
                                        .setGres(
                                                List.of(
                                                        ConfiguredGresRecord.newBuilder()
                                                                .setKind("gpu")
                                                                .setGresType("h100")
                                                                .setCount(4)
                                                                .build()))
                                        .build()));
    }

    private static JobSnapshotRecord.Builder job(
            JobSource source, long at, String state, @org.jspecify.annotations.Nullable Long end) {
        return JobSnapshotRecord.newBuilder()
                .setCluster("c")
                .setRawJobId(7)
                .setObservedAtMs(at)
                .setSource(source)
                .setState(state)
                .setSubmitMs(T0)
                .setStartMs(T0 + 30_000)
                .setEndMs(end)
                .setAccount("g1")
                .setUser("alice")
                .setNodes(List.of("n1"))
                .setGpuCount(2);
    }

    private static List<byte[]> telemetry() throws IOException {
        List<byte[]> records = new ArrayList<>();
        for (int i = 0; i <= 10; i++) {
            List<GpuSampleRecord> gpus = new ArrayList<>();
            for (int gpu = 0; gpu < 4; gpu++) {
                gpus.add(
                        GpuSampleRecord.newBuilder()
                                .setGpuIndex(gpu)
                                .setUuid("GPU-" + gpu)
                                .setModel("H100")
                                .setValues(List.of(500_000L, 1_000_000L + i * 21_001L))
                                .build());
            }
            records.add(
                    bytes(
                            HostScrapeRecord.getEncoder()
                                    .encode(
                                            HostScrapeRecord.newBuilder()
                                                    .setCluster("c")
                                                    .setHost("n1")
                                                    .setObservedAtMs(T0 + i * 30_000L)
                                                    .setScrapeIntervalMs(30_000)
                                                    .setFields(List.of(1001, 156))
                                                    .setGpus(gpus)
                                                    .build())));
        }
        return records;
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    private static Map<String, Long> gpuMsByBucketAndRun(List<SinkRow> rows, SinkTable table) {
        Map<String, Long> sums = new TreeMap<>();
        for (UsageReader.Stored stored : GraphRun.current(rows, table).values()) {
            for (UsageRow.Holder holder : stored.row().holders()) {
                sums.merge(
                        (holder.bucket() + " " + holder.runId()).strip(),
                        holder.gpuMs(),
                        Long::sum);
            }
        }
        return sums;
    }

    /** Key to content without revision. */
    private static Map<String, UsageRow> contentByKey(List<SinkRow> rows) {
        Map<String, UsageRow> content = new TreeMap<>();
        for (SinkTable table : List.of(SinkTable.USAGE_MINUTE, SinkTable.USAGE_HOUR)) {
            GraphRun.current(rows, table)
                    .forEach((key, stored) -> content.put(table + " " + key, stored.row()));
        }
        return content;
    }
}

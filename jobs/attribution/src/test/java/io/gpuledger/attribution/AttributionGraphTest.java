package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.flink.StrictEnvironment;
import io.gpuledger.flink.WireMessage;
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
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;

/**
 * The production graph in a real local Flink, bounded inputs, rows read back from their encoding.
 */
class AttributionGraphTest {
    private static final long T0 = 1_700_000_000_000L / 3_600_000 * 3_600_000;
    private static final Map<String, ConcurrentLinkedQueue<SinkRow>> COLLECTED =
            new ConcurrentHashMap<>();

    @Test
    void a_job_and_its_telemetry_become_closed_rows() throws Exception {
        List<SinkRow> rows = run("closed", scheduler(), telemetry(), 1);

        Map<String, Long> minutes = gpuMsByBucketAndRun(rows, SinkTable.USAGE_MINUTE);
        Map<String, Long> hours = gpuMsByBucketAndRun(rows, SinkTable.USAGE_HOUR);

        assertThat(minutes).containsEntry("ALLOCATED c/7/" + (T0 + 30_000) / 1000, 2 * 150_000L);
        assertThat(hours).isEqualTo(minutes);
        assertThat(rows.stream().filter(r -> r.table.equals("RUNS"))).hasSize(1);
        assertThat(rows.stream().filter(r -> r.table.equals("DEAD_LETTERS"))).isEmpty();
    }

    @Test
    void order_duplication_and_parallelism_never_change_the_rows() throws Exception {
        Map<String, String> expected = contentByKey(run("reference", scheduler(), telemetry(), 1));
        for (int seed = 1; seed <= 4; seed++) {
            Random random = new Random(seed);
            List<byte[]> scheduler = new ArrayList<>(scheduler());
            List<byte[]> telemetry = new ArrayList<>(telemetry());
            scheduler.addAll(scheduler());
            telemetry.addAll(telemetry().subList(0, 3));
            Collections.shuffle(scheduler, random);
            Collections.shuffle(telemetry, random);

            assertThat(contentByKey(run("seed" + seed, scheduler, telemetry, 1 + seed % 2)))
                    .as("seed %d", seed)
                    .isEqualTo(expected);
        }
    }

    @Test
    void bytes_that_are_no_record_are_dead_letters() throws Exception {
        List<byte[]> scheduler = new ArrayList<>(scheduler());
        scheduler.add("not avro at all".getBytes(StandardCharsets.UTF_8));
        scheduler.add(new byte[] {1});

        List<SinkRow> rows = run("garbage", scheduler, telemetry(), 1);

        assertThat(rows.stream().filter(r -> r.table.equals("DEAD_LETTERS"))).hasSize(2);
        assertThat(contentByKey(rows))
                .isEqualTo(contentByKey(run("clean", scheduler(), telemetry(), 1)));
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
        records.add(
                bytes(
                        HostSnapshotRecord.getEncoder()
                                .encode(
                                        HostSnapshotRecord.newBuilder()
                                                .setCluster("c")
                                                .setHost("n1")
                                                .setObservedAtMs(T0 + 1_000)
                                                .setGres(
                                                        List.of(
                                                                ConfiguredGresRecord.newBuilder()
                                                                        .setKind("gpu")
                                                                        .setGresType("h100")
                                                                        .setCount(4)
                                                                        .build()))
                                                .build())));
        return records;
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

    private static List<SinkRow> run(
            String name, List<byte[]> scheduler, List<byte[]> telemetry, int parallelism)
            throws Exception {
        COLLECTED.put(name, new ConcurrentLinkedQueue<>());
        StreamExecutionEnvironment env = StrictEnvironment.create(new Configuration());
        env.setParallelism(parallelism);
        AttributionGraph.assemble(
                messages(env, "scheduler", scheduler),
                messages(env, "telemetry", telemetry),
                AttributionSettings.backfill(0, 1),
                new CollectingSink(name));
        env.execute(name);
        return List.copyOf(COLLECTED.getOrDefault(name, new ConcurrentLinkedQueue<>()));
    }

    private static DataStream<WireMessage> messages(
            StreamExecutionEnvironment env, String name, List<byte[]> records) {
        List<WireMessage> messages = new ArrayList<>();
        for (int i = 0; i < records.size(); i++) {
            messages.add(new WireMessage(records.get(i), name, 0, i));
        }
        return env.fromData(messages).uid(name).name(name);
    }

    private static Map<String, Long> gpuMsByBucketAndRun(List<SinkRow> rows, SinkTable table) {
        Map<String, Long> sums = new TreeMap<>();
        for (SinkRow row : rows) {
            if (row.table.equals(table.name())) {
                new UsageReader(row.row).read().forEach((k, v) -> sums.merge(k, v, Long::sum));
            }
        }
        return sums;
    }

    /** Key to content without revision, of the last row of each key. */
    private static Map<String, String> contentByKey(List<SinkRow> rows) {
        Map<String, String> content = new TreeMap<>();
        for (SinkRow row : rows) {
            if (row.table.startsWith("USAGE")) {
                UsageReader reader = new UsageReader(row.row);
                Map<String, Long> parts = reader.read();
                content.put(row.table + reader.key, parts + " " + reader.tail);
            }
        }
        return content;
    }

    /** Reads back what {@link RowBinary} wrote, independently of it. */
    private static final class UsageReader {
        private final ByteBuffer in;
        String key = "";
        String tail = "";

        UsageReader(byte[] row) {
            in = ByteBuffer.wrap(row).order(ByteOrder.LITTLE_ENDIAN);
        }

        Map<String, Long> read() {
            String cluster = string();
            String host = string();
            short gpu = in.getShort();
            String unplaced = string();
            long window = Integer.toUnsignedLong(in.getInt());
            long exists = in.getLong();
            key = "%s/%s/%d/%s/%d".formatted(cluster, host, gpu, unplaced, window);
            String uuid = string();
            string();
            in.getLong();
            in.getLong();
            List<String> buckets = strings();
            List<String> runs = strings();
            for (int i = 0; i < 6; i++) {
                strings();
            }
            int n = length();
            in.position(in.position() + 2 * n);
            List<Long> gpuMs = longs();
            StringBuilder rest = new StringBuilder(uuid);
            for (int i = 0; i < 9; i++) {
                rest.append(longs());
            }
            tail = rest.toString();
            Map<String, Long> sums = new TreeMap<>();
            long total = 0;
            for (int i = 0; i < gpuMs.size(); i++) {
                sums.merge((buckets.get(i) + " " + runs.get(i)).strip(), gpuMs.get(i), Long::sum);
                total += gpuMs.get(i);
            }
            assertThat(total).isEqualTo(exists);
            return sums;
        }

        private int length() {
            int value = 0;
            for (int shift = 0; ; shift += 7) {
                byte b = in.get();
                value |= (b & 0x7f) << shift;
                if (b >= 0) {
                    return value;
                }
            }
        }

        private String string() {
            byte[] bytes = new byte[length()];
            in.get(bytes);
            return new String(bytes, StandardCharsets.UTF_8);
        }

        private List<String> strings() {
            List<String> values = new ArrayList<>();
            int n = length();
            for (int i = 0; i < n; i++) {
                values.add(string());
            }
            return values;
        }

        private List<Long> longs() {
            List<Long> values = new ArrayList<>();
            int n = length();
            for (int i = 0; i < n; i++) {
                values.add(in.getLong());
            }
            return values;
        }
    }

    private record CollectingSink(String name) implements Sink<SinkRow> {
        @Override
        public SinkWriter<SinkRow> createWriter(WriterInitContext context) {
            String target = name;
            return new SinkWriter<>() {
                @Override
                public void write(SinkRow row, Context ignored) {
                    SinkRow copy = new SinkRow();
                    copy.table = row.table;
                    copy.row = row.row.clone();
                    COLLECTED.computeIfAbsent(target, n -> new ConcurrentLinkedQueue<>()).add(copy);
                }

                @Override
                public void flush(boolean endOfInput) {}

                @Override
                public void close() {}
            };
        }
    }
}

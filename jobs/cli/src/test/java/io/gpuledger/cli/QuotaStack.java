package io.gpuledger.cli;

import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.NodeDeviceRecord;
import io.gpuledger.schemas.QuotaDecisionRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/** A real Kafka and ClickHouse, the quota job as a process that can be killed, and a scheduler. */
final class QuotaStack implements AutoCloseable {
    static final String CLUSTER = "c";
    private static final int PARTITIONS = 4;
    private static final long BEAT_MS = 1_000;

    /** A decision and when Kafka got it. */
    record Heard(QuotaDecisionRecord decision, long publishedAtMs) {}

    final Path directory;
    final List<Heard> heard = new ArrayList<>();
    private final List<Future<RecordMetadata>> sent = new ArrayList<>();
    private final LocalStack stack;
    private final KafkaProducer<byte[], byte[]> producer;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private @Nullable Process job;
    private long lastBeatMs;

    QuotaStack(Path directory) {
        this.directory = directory;
        stack = LocalStack.open(LocalStack.Options.in(directory), "quota-test");
        stack.ensureUp(EnumSet.of(Service.CLICKHOUSE, Service.KAFKA));
        producer =
                new KafkaProducer<>(
                        Map.of(
                                ProducerConfig.BOOTSTRAP_SERVERS_CONFIG,
                                stack.kafkaBrokers(),
                                ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION,
                                1), // as the collectors have it
                        new ByteArraySerializer(),
                        new ByteArraySerializer());
        consumer =
                new KafkaConsumer<>(
                        Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, stack.kafkaBrokers()),
                        new ByteArrayDeserializer(),
                        new ByteArrayDeserializer());
        TopicPartition decisions = new TopicPartition("quota-decisions", 0);
        consumer.assign(List.of(decisions));
        consumer.seekToBeginning(List.of(decisions));
    }

    /** Applies a registry of one file. */
    void apply(String name, String yaml) throws IOException {
        Path files = Files.createDirectories(directory.resolve("registries").resolve(name));
        Files.writeString(files.resolve("registry.yaml"), yaml);
        run("registry", "apply", files.toString());
    }

    String run(String... words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> all = new ArrayList<>(List.of("--data=" + directory));
        all.addAll(List.of(words));
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(all.toArray(new String[0]));
        if (exit > ExitCode.FINDINGS) {
            throw new AssertionError(String.join(" ", words) + ": " + err);
        }
        return out.toString();
    }

    void startJob() throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("-Xmx1g");
        command.add("-Dorg.apache.avro.SERIALIZABLE_PACKAGES=io.gpuledger.schemas");
        for (String opened : List.of("java.util", "java.lang", "java.time")) {
            command.add("--add-opens=java.base/" + opened + "=ALL-UNNAMED");
        }
        command.addAll(
                List.of(
                        "-cp",
                        System.getProperty("java.class.path"),
                        "io.gpuledger.cli.GpuLedger",
                        "--data=" + directory,
                        "run",
                        "quota",
                        "--web-port=0",
                        "--idle-seconds=5"));
        job =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(
                                ProcessBuilder.Redirect.appendTo(
                                        directory.resolve("quota.log").toFile()))
                        .start();
    }

    /** As {@code kill -9}. */
    void killJob() {
        Process running = job;
        if (running != null) {
            running.destroyForcibly();
            running.onExit().orTimeout(30, TimeUnit.SECONDS).join();
        }
        job = null;
    }

    /** What the controller shows of a job on {@code gpus} whole GPUs of one host. */
    JobSnapshotRecord running(long jobId, String account, long startMs, int gpus) {
        long now = System.currentTimeMillis();
        List<Integer> indices = new ArrayList<>();
        for (int i = 0; i < gpus; i++) {
            indices.add(i);
        }
        return JobSnapshotRecord.newBuilder()
                .setCluster(CLUSTER)
                .setRawJobId(jobId)
                .setObservedAtMs(now)
                .setSource(JobSource.CONTROLLER)
                .setJobId(Long.toString(jobId))
                .setState("RUNNING")
                .setSubmitMs(startMs)
                .setStartMs(startMs)
                .setAccount(account)
                .setUser("u")
                .setPartition("p")
                .setQos("q")
                .setNodes(List.of("n" + jobId))
                .setGpuCount(gpus)
                .setDevices(
                        List.of(
                                NodeDeviceRecord.newBuilder()
                                        .setHost("n" + jobId)
                                        .setKind("gpu")
                                        .setGresType("h100")
                                        .setCount(gpus)
                                        .setIndices(indices)
                                        .build()))
                .build();
    }

    /** The same job as accounting shows it once it has ended. */
    JobSnapshotRecord ended(JobSnapshotRecord running, long endMs) {
        return JobSnapshotRecord.newBuilder(running)
                .setObservedAtMs(System.currentTimeMillis())
                .setState("COMPLETED")
                .setEndMs(endMs)
                .build();
    }

    void send(JobSnapshotRecord record) {
        send(
                new ProducerRecord<>(
                        "job-snapshots",
                        (record.getCluster() + "/" + record.getRawJobId())
                                .getBytes(java.nio.charset.StandardCharsets.UTF_8),
                        encoded(record)));
    }

    private static byte[] encoded(JobSnapshotRecord record) {
        try {
            return bytes(JobSnapshotRecord.getEncoder().encode(record));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    private void send(ProducerRecord<byte[], byte[]> record) {
        sent.add(producer.send(record));
    }

    /** All that was sent is in Kafka. */
    void flush() throws Exception {
        for (Future<RecordMetadata> one : sent) {
            one.get();
        }
        sent.clear();
    }

    /** Goes on as a collector does, hearing decisions, until something is so. */
    void until(String what, Duration patience, BooleanSupplier isSo) {
        long deadline = System.nanoTime() + patience.toNanos();
        while (!isSo.getAsBoolean()) {
            beat();
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                heard.add(new Heard(decoded(record.value()), record.timestamp()));
            }
            if (System.nanoTime() > deadline) {
                throw new AssertionError("in vain: " + what + "; heard " + heard);
            }
        }
    }

    private void beat() {
        long now = System.currentTimeMillis();
        if (now - lastBeatMs < BEAT_MS) {
            return;
        }
        lastBeatMs = now;
        SchedulerHeartbeatRecord beat =
                SchedulerHeartbeatRecord.newBuilder()
                        .setCluster(CLUSTER)
                        .setObservedAtMs(now)
                        .setKind(HeartbeatKind.HEARTBEAT)
                        .build();
        try {
            byte[] value = bytes(SchedulerHeartbeatRecord.getEncoder().encode(beat));
            for (int partition = 0; partition < PARTITIONS; partition++) {
                send(new ProducerRecord<>("job-snapshots", partition, null, value));
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static QuotaDecisionRecord decoded(byte[] value) {
        try {
            return QuotaDecisionRecord.getDecoder().decode(value);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    Warehouse warehouse() {
        return warehouse("gpu_ledger");
    }

    Warehouse warehouse(String database) {
        return new Warehouse(stack.clickHouseUrl(), "default", "", database);
    }

    String brokers() {
        return stack.kafkaBrokers();
    }

    @Override
    public void close() {
        killJob();
        producer.close();
        consumer.close();
        stack.close();
    }
}

package io.gpuledger.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * The records of a {@link SimulatedCluster} in topics of their own, written once; gone when closed.
 * Keys, partitioning and encoding are the product's, Kafka's timestamp is the time of observation.
 */
public final class BenchTopics implements AutoCloseable {
    /** Nobody else's topics begin like this: what a killed run left is known by it. */
    private static final String PREFIX = "gpu-ledger-bench-";

    private static final int BATCH_BYTES = 512 << 10;
    private static final Duration SEND_TIMEOUT = Duration.ofSeconds(30);

    private final Admin admin;
    private final String brokers;
    private final int partitions;
    private final String telemetry;
    private final String jobs;
    private final String hosts;
    private final String rowBinary;
    private final AtomicReference<@Nullable Exception> failure = new AtomicReference<>();

    /**
     * What was written, and what a ledger of it must come to.
     *
     * @param scrapeBytes values only
     * @param heldGpuMs GPU-milliseconds that jobs held
     * @param coveredMs of all GPUs
     * @param energyMj from the first to the last sample of every GPU
     */
    public record Contents(
            long scrapes,
            long samples,
            long scrapeBytes,
            long schedulerRecords,
            long jobs,
            long heldGpuMs,
            long coveredMs,
            long energyMj) {}

    private BenchTopics(String brokers, int partitions) {
        this.brokers = brokers;
        this.partitions = partitions;
        String mark = UUID.randomUUID().toString().substring(0, 8);
        telemetry = PREFIX + "gpu-telemetry-" + mark;
        jobs = PREFIX + "job-snapshots-" + mark;
        hosts = PREFIX + "host-snapshots-" + mark;
        rowBinary = PREFIX + "row-binary-" + mark;
        admin = Admin.create(Map.of(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, brokers));
    }

    /** Creates empty topics, and deletes those that a killed run left. */
    public static BenchTopics create(String brokers, int partitions) {
        BenchTopics topics = new BenchTopics(brokers, partitions);
        List<String> left =
                topics.await(topics.admin.listTopics().names()).stream()
                        .filter(name -> name.startsWith(PREFIX))
                        .toList();
        topics.delete(left);
        topics.create();
        return topics;
    }

    /** More topics, for the records of another cluster. */
    BenchTopics beside() {
        BenchTopics topics = new BenchTopics(brokers, partitions);
        topics.create();
        return topics;
    }

    private void create() {
        List<NewTopic> all = new ArrayList<>();
        for (String name : names()) {
            // The records' own times are long past: without this they would be expired.
            all.add(
                    new NewTopic(name, partitions, (short) 1)
                            .configs(Map.of(TopicConfig.RETENTION_MS_CONFIG, "-1")));
        }
        await(admin.createTopics(all).all());
    }

    private List<String> names() {
        return List.of(telemetry, jobs, hosts, rowBinary);
    }

    String telemetry() {
        return telemetry;
    }

    List<String> scheduler() {
        return List.of(jobs, hosts);
    }

    /** The telemetry again, as {@link ClickHouseRows}. */
    String rowBinary() {
        return rowBinary;
    }

    String brokers() {
        return brokers;
    }

    public int partitions() {
        return partitions;
    }

    /**
     * Writes everything there is to a cluster, once.
     *
     * @param forClickHouse the telemetry a second time, in ClickHouse's own encoding
     */
    public Contents write(SimulatedCluster cluster, boolean forClickHouse) {
        List<SimulatedJob> all = cluster.jobs();
        try (KafkaProducer<byte[], byte[]> producer = producer()) {
            long schedulerRecords = writeScheduler(producer, cluster, all);
            Contents contents =
                    writeTelemetry(producer, cluster, all, schedulerRecords, forClickHouse);
            producer.flush();
            Exception failed = failure.get();
            if (failed != null) {
                throw new IllegalStateException(
                        "Kafka at %s refused a record (%s); see its log"
                                .formatted(brokers, failed.getMessage()),
                        failed);
            }
            return contents;
        } catch (IOException e) {
            throw new UncheckedIOException("a record does not encode", e);
        }
    }

    private long writeScheduler(
            KafkaProducer<byte[], byte[]> producer,
            SimulatedCluster cluster,
            List<SimulatedJob> all)
            throws IOException {
        long written = 0;
        long poll = cluster.pollInterval().toMillis();
        for (long at = SimulatedCluster.START_MS; at <= cluster.endMs(); at += poll) {
            for (int host = 0; host < cluster.hosts(); host++) {
                send(producer, hosts, hostKey(host), at, SchedulerRecords.host(host, at));
                written++;
            }
            for (SimulatedJob job : all) {
                boolean running = job.runsAt(at);
                if (running || (job.endMs() <= at && job.endMs() > at - poll)) {
                    ByteBuffer value =
                            running
                                    ? SchedulerRecords.running(job, at)
                                    : SchedulerRecords.ended(job, at);
                    send(producer, jobs, SimulatedCluster.NAME + "/" + job.id(), at, value);
                    written++;
                }
            }
            byte[] complete = bytes(SchedulerRecords.completePoll(at));
            for (int partition = 0; partition < partitions; partition++) {
                send(producer, new ProducerRecord<>(jobs, partition, at, null, complete));
                written++;
            }
        }
        return written;
    }

    private Contents writeTelemetry(
            KafkaProducer<byte[], byte[]> producer,
            SimulatedCluster cluster,
            List<SimulatedJob> all,
            long schedulerRecords,
            boolean forClickHouse)
            throws IOException {
        long interval = cluster.scrapeInterval().toMillis();
        List<Host> shown = new ArrayList<>();
        for (int host = 0; host < cluster.hosts(); host++) {
            shown.add(new Host(cluster, host, all));
        }
        long bytes = 0;
        long energyAtFirst = 0;
        for (long at = SimulatedCluster.START_MS; at < cluster.endMs(); at += interval) {
            for (Host host : shown) {
                host.readings.scrape(at, interval);
                byte[] value = host.encoder.encode(host.readings);
                bytes += value.length;
                send(producer, new ProducerRecord<>(telemetry, null, at, host.key, value));
                if (forClickHouse) {
                    byte[] rows = host.rows.encode(host.readings);
                    send(producer, new ProducerRecord<>(rowBinary, null, at, host.key, rows));
                }
            }
            if (at == SimulatedCluster.START_MS) {
                energyAtFirst = energy(shown);
            }
        }
        long gpus = (long) cluster.hosts() * SimulatedCluster.GPUS_PER_HOST;
        return new Contents(
                cluster.scrapes() * cluster.hosts(),
                cluster.samples(),
                bytes,
                schedulerRecords,
                all.size(),
                all.stream().mapToLong(SimulatedJob::heldGpuMs).sum(),
                gpus * (cluster.scrapes() - 1) * interval,
                energy(shown) - energyAtFirst);
    }

    private static long energy(List<Host> hosts) {
        long sum = 0;
        for (Host host : hosts) {
            for (int gpu = 0; gpu < SimulatedCluster.GPUS_PER_HOST; gpu++) {
                sum += host.readings.value(gpu, Readings.ENERGY);
            }
        }
        return sum;
    }

    /** What is kept of a host between two scrapes. */
    private static final class Host {
        private final byte[] key;
        private final Readings readings;
        private final ScrapeEncoder encoder;
        private final ClickHouseRows rows;

        Host(SimulatedCluster cluster, int host, List<SimulatedJob> all) {
            key = hostKey(host).getBytes(StandardCharsets.UTF_8);
            readings =
                    new Readings(
                            cluster, host, all.stream().filter(j -> j.host() == host).toList());
            rows = new ClickHouseRows(SimulatedCluster.host(host));
            encoder =
                    new ScrapeEncoder(
                            SimulatedCluster.host(host), (int) cluster.scrapeInterval().toMillis());
        }
    }

    private static String hostKey(int host) {
        return SimulatedCluster.NAME + "/" + SimulatedCluster.host(host);
    }

    private void send(
            KafkaProducer<byte[], byte[]> producer,
            String topic,
            String key,
            long atMs,
            ByteBuffer value) {
        send(
                producer,
                new ProducerRecord<>(
                        topic, null, atMs, key.getBytes(StandardCharsets.UTF_8), bytes(value)));
    }

    @SuppressWarnings("FutureReturnValueIgnored") // the callback keeps the failure, write tells it
    private void send(
            KafkaProducer<byte[], byte[]> producer, ProducerRecord<byte[], byte[]> message) {
        producer.send(
                message,
                (metadata, exception) -> {
                    if (exception != null) {
                        failure.compareAndSet(null, exception);
                    }
                });
    }

    private KafkaProducer<byte[], byte[]> producer() {
        return new KafkaProducer<>(
                Map.of(
                        ProducerConfig.BOOTSTRAP_SERVERS_CONFIG,
                        brokers,
                        ProducerConfig.BATCH_SIZE_CONFIG,
                        BATCH_BYTES,
                        ProducerConfig.LINGER_MS_CONFIG,
                        20,
                        // The topics are new: a second batch could be taken where the first was
                        // not.
                        ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION,
                        1,
                        ProducerConfig.MAX_BLOCK_MS_CONFIG,
                        (int) SEND_TIMEOUT.toMillis(),
                        ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG,
                        ByteArraySerializer.class.getName(),
                        ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG,
                        ByteArraySerializer.class.getName()));
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    @Override
    public void close() {
        try (admin) {
            await(admin.deleteTopics(names()).all());
        }
    }

    /** Some may be on their way out already. */
    private void delete(List<String> names) {
        try {
            admin.deleteTopics(names).all().get();
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) {
                throw failed(e);
            }
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    private <T> T await(KafkaFuture<T> done) {
        try {
            return done.get();
        } catch (ExecutionException e) {
            throw failed(e);
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    private IllegalStateException failed(ExecutionException e) {
        return new IllegalStateException(
                "Kafka at %s did not list, create or delete topics (%s)"
                        .formatted(brokers, e.getCause()),
                e);
    }

    private IllegalStateException interrupted(InterruptedException e) {
        Thread.currentThread().interrupt();
        return new IllegalStateException("interrupted while asking Kafka at " + brokers, e);
    }
}

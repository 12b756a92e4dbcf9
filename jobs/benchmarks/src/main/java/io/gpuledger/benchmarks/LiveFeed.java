package io.gpuledger.benchmarks;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * Scrapes and polls of a cluster as they come, at the pace of the clock: hosts spread over the
 * scrape interval, one job on each, jobs and nodes polled as often as the collector does.
 */
final class LiveFeed implements AutoCloseable {
    static final long WINDOW_MS = 60_000;

    /** As the collector asks the controller for jobs, unless told otherwise. */
    static final Duration POLL = Duration.ofSeconds(5);

    /** The same of nodes. */
    private static final Duration NODES = Duration.ofSeconds(30);

    private final BenchTopics topics;
    private final long intervalMs;
    private final long beginMs = System.currentTimeMillis();
    private final List<Host> hosts = new ArrayList<>();
    private final KafkaProducer<byte[], byte[]> producer;
    private final ScheduledExecutorService clock = Executors.newScheduledThreadPool(1);
    private final AtomicReference<@Nullable Exception> failure = new AtomicReference<>();

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Host(
            int number, byte[] key, SimulatedJob job, Readings readings, ScrapeEncoder encoder) {}

    LiveFeed(BenchTopics topics, int hosts, Duration scrapeInterval) {
        this.topics = topics;
        intervalMs = scrapeInterval.toMillis();
        SimulatedCluster cluster =
                new SimulatedCluster(
                        1, hosts, Duration.ofMinutes(5), scrapeInterval, Duration.ofMinutes(5));
        long start = beginMs / 1000 * 1000 - WINDOW_MS;
        for (int host = 0; host < hosts; host++) {
            SimulatedJob job =
                    new SimulatedJob(
                            host + 1L,
                            host,
                            0,
                            SimulatedCluster.GPUS_PER_HOST,
                            start,
                            Long.MAX_VALUE,
                            "g%02d".formatted(host % 40),
                            "u%03d".formatted(host % 120));
            this.hosts.add(
                    new Host(
                            host,
                            (SimulatedCluster.NAME + "/" + SimulatedCluster.host(host))
                                    .getBytes(StandardCharsets.UTF_8),
                            job,
                            new Readings(cluster, host, List.of(job)),
                            new ScrapeEncoder(SimulatedCluster.host(host), (int) intervalMs)));
        }
        producer =
                new KafkaProducer<>(
                        Map.of(
                                ProducerConfig.BOOTSTRAP_SERVERS_CONFIG,
                                topics.brokers(),
                                ProducerConfig.LINGER_MS_CONFIG,
                                5,
                                // As in BenchTopics: the topics are new.
                                ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION,
                                1,
                                ProducerConfig.MAX_BLOCK_MS_CONFIG,
                                30_000,
                                ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG,
                                ByteArraySerializer.class.getName(),
                                ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG,
                                ByteArraySerializer.class.getName()));
    }

    /** The first window that begins after the feed. */
    long firstWholeWindowMs() {
        return Math.floorDiv(beginMs, WINDOW_MS) * WINDOW_MS + WINDOW_MS;
    }

    @SuppressWarnings("FutureReturnValueIgnored") // failures are kept and asked for
    void start() {
        clock.scheduleAtFixedRate(
                () -> guarded(this::nodes), 0, NODES.toMillis(), TimeUnit.MILLISECONDS);
        clock.scheduleAtFixedRate(
                () -> guarded(this::poll), 0, POLL.toMillis(), TimeUnit.MILLISECONDS);
        long stepMs = Math.max(1, Math.min(intervalMs, 1000) / 4);
        clock.scheduleAtFixedRate(() -> guarded(this::scrape), 0, stepMs, TimeUnit.MILLISECONDS);
    }

    private interface Work {
        void run() throws IOException;
    }

    private void guarded(Work work) {
        try {
            work.run();
        } catch (IOException | RuntimeException e) {
            failure.compareAndSet(null, e);
        }
    }

    void refuseFailure() {
        Exception failed = failure.get();
        if (failed != null) {
            throw new IllegalStateException(
                    "no more records reach Kafka at %s: %s".formatted(topics.brokers(), failed),
                    failed);
        }
    }

    /** Every host whose turn it is since its last scrape. */
    private void scrape() throws IOException {
        long now = System.currentTimeMillis();
        for (Host host : hosts) {
            long offset = intervalMs * host.number() / hosts.size();
            long due = Math.floorDiv(now - offset, intervalMs) * intervalMs + offset;
            long last = host.readings().atMs();
            if (due > last) {
                host.readings().scrape(due, last == 0 ? intervalMs : due - last);
                send(
                        new ProducerRecord<>(
                                topics.telemetry(),
                                host.key(),
                                host.encoder().encode(host.readings())));
            }
        }
    }

    private void nodes() throws IOException {
        long now = System.currentTimeMillis();
        for (Host host : hosts) {
            send(
                    new ProducerRecord<>(
                            topics.scheduler().get(1),
                            host.key(),
                            bytes(SchedulerRecords.host(host.number(), now))));
        }
    }

    private void poll() throws IOException {
        long now = System.currentTimeMillis();
        for (Host host : hosts) {
            send(
                    new ProducerRecord<>(
                            topics.scheduler().get(0),
                            (SimulatedCluster.NAME + "/" + host.job().id())
                                    .getBytes(StandardCharsets.UTF_8),
                            bytes(SchedulerRecords.running(host.job(), now))));
        }
        byte[] complete = bytes(SchedulerRecords.completePoll(now));
        for (String topic : topics.scheduler()) {
            for (int partition = 0; partition < topics.partitions(); partition++) {
                send(new ProducerRecord<>(topic, partition, null, complete));
            }
        }
    }

    @SuppressWarnings("FutureReturnValueIgnored") // the callback keeps the failure
    private void send(ProducerRecord<byte[], byte[]> message) {
        producer.send(
                message,
                (metadata, exception) -> {
                    if (exception != null) {
                        failure.compareAndSet(null, exception);
                    }
                });
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    @Override
    public void close() {
        clock.shutdownNow();
        producer.close(Duration.ofSeconds(10));
    }
}

package io.gpuledger.collectors.kafka;

import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.schemas.DeadLetterRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * Publishes what collectors learn: single-object Avro, keyed so that everything of a job or host
 * meets, with the observation time as Kafka's timestamp. The producer is idempotent. Where nobody
 * is told what became of the records, the first failure stops the publisher.
 */
public final class KafkaPublisher implements InputSink, AutoCloseable {
    private static final String TELEMETRY = "gpu-telemetry";
    private static final String JOBS = "job-snapshots";
    private static final String HOSTS = "host-snapshots";
    private static final String DEAD_LETTERS = "dead-letters";
    private static final long BUFFER_BYTES = 64L << 20;

    /** The producer gives up late records itself; where it does not do even that, all is lost. */
    private static final Duration GRACE = Duration.ofSeconds(10);

    private final String brokers;
    private final Clock clock;
    private final Duration patience;
    private final ExecutorService flushes =
            Executors.newCachedThreadPool(
                    work -> {
                        Thread thread = new Thread(work, "kafka-flush");
                        thread.setDaemon(true);
                        return thread;
                    });
    private final KafkaProducer<byte[], byte[]> producer;
    private final AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
    private final Fate fate;

    /** What became of each record. */
    public interface Fate {
        /** Kafka has it. */
        void acknowledged(String topic);

        /**
         * Kafka did not take it in all the time it was given.
         *
         * @return whether the publisher goes on without it; else its next flush fails
         */
        boolean lost(String topic, Exception why);
    }

    /** The first failure is the last. */
    private static final Fate STRICT =
            new Fate() {
                @Override
                public void acknowledged(String topic) {}

                @Override
                public boolean lost(String topic, Exception why) {
                    return false;
                }
            };

    /**
     * Connects.
     *
     * @param clock what Kafka is told of the time: a record observed later than this has a wrong
     *     clock behind it
     */
    public KafkaPublisher(String brokers, Clock clock) {
        this(brokers, clock, STRICT, Duration.ofSeconds(30), Duration.ofMinutes(2));
    }

    /**
     * Connects, for a collector that outlives Kafka.
     *
     * @param fate is told of each record, on the producer's thread
     * @param blockAtMost how long a record may wait for room in the buffer (64 MiB)
     * @param deliverWithin how long it may wait in the buffer
     */
    public KafkaPublisher(
            String brokers, Clock clock, Fate fate, Duration blockAtMost, Duration deliverWithin) {
        this.brokers = brokers;
        this.clock = clock;
        this.fate = fate;
        this.patience = deliverWithin.plus(GRACE);
        producer =
                new KafkaProducer<>(
                        Map.of(
                                ProducerConfig.BOOTSTRAP_SERVERS_CONFIG,
                                brokers,
                                ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG,
                                true,
                                ProducerConfig.ACKS_CONFIG,
                                "all",
                                // With more of them the second batch of a partition may be taken
                                // where the first was not, for the broker does not know the
                                // producer yet. The first is out of order then, and is sent again
                                // until it expires.
                                ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION,
                                1,
                                ProducerConfig.LINGER_MS_CONFIG,
                                20,
                                ProducerConfig.MAX_BLOCK_MS_CONFIG,
                                (int) blockAtMost.toMillis(),
                                ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG,
                                (int) deliverWithin.toMillis(),
                                ProducerConfig.BUFFER_MEMORY_CONFIG,
                                BUFFER_BYTES,
                                ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG,
                                ByteArraySerializer.class.getName(),
                                ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG,
                                ByteArraySerializer.class.getName()));
    }

    @Override
    public void job(JobSnapshotRecord r) {
        send(
                JOBS,
                r.getCluster() + "/" + r.getRawJobId(),
                encoded(() -> JobSnapshotRecord.getEncoder().encode(r)));
    }

    @Override
    public void host(HostSnapshotRecord r) {
        send(
                HOSTS,
                r.getCluster() + "/" + r.getHost(),
                encoded(() -> HostSnapshotRecord.getEncoder().encode(r)));
    }

    /**
     * To every partition of the job snapshots: each must know how far the scheduler has been asked.
     * Of the host snapshots too, which come more rarely: event time is that of the partition that
     * is furthest behind.
     */
    @Override
    public void heartbeat(SchedulerHeartbeatRecord r) {
        byte[] value = encoded(() -> SchedulerHeartbeatRecord.getEncoder().encode(r));
        for (String topic : List.of(JOBS, HOSTS)) {
            for (PartitionInfo partition : producer.partitionsFor(topic)) {
                send(
                        new ProducerRecord<>(
                                topic, partition.partition(), clock.millis(), null, value));
            }
        }
    }

    @Override
    public void scrape(HostScrapeRecord r) {
        send(
                TELEMETRY,
                r.getCluster() + "/" + r.getHost(),
                encoded(() -> HostScrapeRecord.getEncoder().encode(r)));
    }

    @Override
    public void deadLetter(DeadLetterRecord r) {
        send(DEAD_LETTERS, r.getCluster(), encoded(() -> DeadLetterRecord.getEncoder().encode(r)));
    }

    @Override
    public void count(InputCount c) {
        if (!c.balanced()) {
            throw new IllegalStateException(
                    "records of %s do not add up: %s".formatted(c.file(), c));
        }
    }

    /**
     * Everything sent so far is acknowledged, or given up, when this returns.
     *
     * @throws IllegalStateException where Kafka refused a record that must not be lost, or says
     *     nothing for longer than a record may wait
     */
    public void flush() {
        if (!flushed(patience)) {
            throw new IllegalStateException(
                    "Kafka at %s has not answered for %d s; check the brokers and the way to them"
                            .formatted(brokers, patience.toSeconds()));
        }
    }

    /**
     * Waits, but not for ever, for what was sent so far.
     *
     * @return whether all of it is acknowledged or given up; else it stays in the buffer, and may
     *     still arrive
     * @throws IllegalStateException where Kafka refused a record that must not be lost
     */
    public boolean flushed(Duration atMost) {
        // The producer's own flush has no limit but the interrupt of its thread.
        Future<?> all = flushes.submit(producer::flush);
        try {
            all.get(atMost.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (ExecutionException e) {
            throw new IllegalStateException("the buffer cannot be emptied", e.getCause());
        } finally {
            all.cancel(true);
        }
        Exception failed = failure.get();
        if (failed != null) {
            throw new IllegalStateException(
                    "Kafka refused a record: " + failed.getMessage(), failed);
        }
        return true;
    }

    @Override
    public void close() {
        flushes.shutdownNow();
        producer.close(Duration.ofSeconds(10));
    }

    private void send(String topic, String key, byte[] value) {
        send(
                new ProducerRecord<>(
                        topic, null, clock.millis(), key.getBytes(StandardCharsets.UTF_8), value));
    }

    @SuppressWarnings("FutureReturnValueIgnored") // the callback keeps the failure, flush tells it
    private void send(ProducerRecord<byte[], byte[]> message) {
        producer.send(
                message,
                (metadata, exception) -> {
                    if (exception == null) {
                        fate.acknowledged(message.topic());
                    } else if (!fate.lost(message.topic(), exception)) {
                        failure.compareAndSet(null, exception);
                    }
                });
    }

    private interface Encoding {
        ByteBuffer encode() throws IOException;
    }

    private static byte[] encoded(Encoding encoding) {
        try {
            ByteBuffer buffer = encoding.encode();
            byte[] bytes = new byte[buffer.remaining()];
            buffer.get(bytes);
            return bytes;
        } catch (IOException e) {
            throw new UncheckedIOException("a record does not encode", e);
        }
    }
}

package io.gpuledger.registry;

import io.gpuledger.core.registry.Registry;
import io.gpuledger.schemas.RegistryVersionRecord;
import io.gpuledger.schemas.ReleasedSchemas;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The topic {@code registry}: every registry that was applied, one record each, in the order they
 * were applied. It is the truth; ClickHouse holds a copy.
 *
 * <p>All who apply share one transactional id: whoever begins later fences who began earlier, and
 * reads the last version only then. So a version is never made from a state that is not the last
 * one, without any lock that could be left behind.
 */
public final class RegistryTopic {
    public static final String NAME = "registry";

    private static final TopicPartition PARTITION = new TopicPartition(NAME, 0);
    private static final String TRANSACTIONS = "gpu-ledger-registry";
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int GREATEST = 64 << 20;

    private final String brokers;

    /** One applied registry as its record has it. */
    public record Version(
            long version, long recordedAtMs, String recordedBy, String digest, String body) {}

    /**
     * What came of an apply.
     *
     * @param isNew false: the last version says the same already
     */
    public record Applied(Version version, boolean isNew) {}

    /** Runs between fencing and commit; the tests of concurrency come in here. */
    interface Pause {
        void beforeCommit();
    }

    public RegistryTopic(String brokers) {
        this.brokers = brokers;
    }

    /**
     * Applies a registry as the next version, unless the last one says the same.
     *
     * @param nowMs when it is recorded; a clock behind the last version's is moved on
     * @throws RegistryConflictException when another apply came in between; nothing was applied
     */
    public Applied apply(Registry registry, String recordedBy, long nowMs)
            throws RegistryConflictException {
        return apply(registry, recordedBy, nowMs, () -> {});
    }

    Applied apply(Registry registry, String recordedBy, long nowMs, Pause pause)
            throws RegistryConflictException {
        create();
        String body = RegistryText.of(registry);
        try (KafkaProducer<byte[], byte[]> producer = producer()) {
            producer.initTransactions();
            Optional<Version> last = last();
            String digest = RegistryText.digest(body);
            if (last.isPresent() && last.get().digest().equals(digest)) {
                return new Applied(last.get(), false);
            }
            long after = last.map(Version::recordedAtMs).orElse(Long.MIN_VALUE);
            Version next =
                    new Version(
                            last.map(Version::version).orElse(0L) + 1,
                            Math.max(nowMs, after == Long.MIN_VALUE ? nowMs : after + 1),
                            recordedBy,
                            digest,
                            body);
            producer.beginTransaction();
            var sent = producer.send(record(next));
            pause.beforeCommit();
            producer.commitTransaction();
            awaitVisible(sent.get().offset());
            return new Applied(next, true);
        } catch (ProducerFencedException | InvalidProducerEpochException e) {
            throw conflict(e);
        } catch (KafkaException e) {
            if (e.getCause() instanceof ProducerFencedException
                    || e.getCause() instanceof InvalidProducerEpochException) {
                throw conflict(e);
            }
            throw unreachable(e);
        } catch (ExecutionException e) {
            throw unreachable(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw unreachable(e);
        }
    }

    /**
     * Kafka says that a transaction is committed before its marker is in every partition, and until
     * then nobody who reads what is committed sees the record.
     */
    private void awaitVisible(long offset) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (consumer.endOffsets(List.of(PARTITION), PATIENCE).getOrDefault(PARTITION, 0L)
                    <= offset) {
                if (System.nanoTime() > deadline) {
                    throw new KafkaException(
                            "the applied registry stays hidden at offset %d of topic %s"
                                    .formatted(offset, NAME));
                }
            }
        }
    }

    private static RegistryConflictException conflict(Exception cause) {
        return new RegistryConflictException(
                "another registry apply began meanwhile; nothing was applied, look at registry diff and run it again",
                cause);
    }

    private RegistryTopicException unreachable(Exception cause) {
        return new RegistryTopicException(
                "Kafka at %s gave no answer (%s); registry apply tells, when it is run again, whether it was applied"
                        .formatted(brokers, reason(cause)),
                cause);
    }

    private RegistryTopicException unprepared(Exception cause) {
        return new RegistryTopicException(
                "Kafka at %s does not answer (%s), nothing was applied; start it or give --kafka BROKERS"
                        .formatted(brokers, reason(cause)),
                cause);
    }

    private static String reason(Exception cause) {
        return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
    }

    private Optional<Version> last() {
        List<Version> all = after(0);
        return all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
    }

    /** All committed versions above one, oldest first; none when there is no topic. */
    public List<Version> after(long version) {
        List<Version> versions = new ArrayList<>();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            if (!consumer.listTopics(PATIENCE).containsKey(NAME)) {
                return versions;
            }
            consumer.assign(List.of(PARTITION));
            consumer.seekToBeginning(List.of(PARTITION));
            long end =
                    consumer.endOffsets(List.of(PARTITION), PATIENCE).getOrDefault(PARTITION, 0L);
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (consumer.position(PARTITION, PATIENCE) < end) {
                if (System.nanoTime() > deadline) {
                    throw new RegistryTopicException(
                            "topic %s at %s stands still at %d of %d; look at the broker"
                                    .formatted(NAME, brokers, consumer.position(PARTITION), end));
                }
                for (ConsumerRecord<byte[], byte[]> record :
                        consumer.poll(Duration.ofMillis(200))) {
                    Version read = decode(record);
                    if (read.version() > version) {
                        versions.add(read);
                    }
                }
            }
        } catch (KafkaException e) {
            throw new RegistryTopicException(
                    "Kafka at %s does not answer (%s); start it or give --kafka BROKERS"
                            .formatted(brokers, e.getMessage()),
                    e);
        }
        versions.sort(Comparator.comparingLong(Version::version));
        return versions;
    }

    private Version decode(ConsumerRecord<byte[], byte[]> record) {
        try {
            return decode(record.value() == null ? new byte[0] : record.value());
        } catch (IOException | RuntimeException e) {
            throw new RegistryTopicException(
                    "topic %s at %s holds what is no registry version at offset %d (%s); delete that record"
                            .formatted(NAME, brokers, record.offset(), e.getMessage()),
                    e);
        }
    }

    /** A version as its record is encoded. */
    public static Version decode(byte[] value) throws IOException {
        BinaryMessageDecoder<RegistryVersionRecord> decoder = RegistryVersionRecord.getDecoder();
        ReleasedSchemas.of("RegistryVersionRecord").forEach(decoder::addSchema);
        RegistryVersionRecord record = decoder.decode(value);
        return new Version(
                record.getVersion(),
                record.getRecordedAtMs(),
                record.getRecordedBy(),
                record.getDigest(),
                record.getBody());
    }

    /** The encoded record of a version. */
    public static byte[] encode(Version version) throws IOException {
        ByteBuffer buffer =
                RegistryVersionRecord.getEncoder()
                        .encode(
                                RegistryVersionRecord.newBuilder()
                                        .setVersion(version.version())
                                        .setRecordedAtMs(version.recordedAtMs())
                                        .setRecordedBy(version.recordedBy())
                                        .setDigest(version.digest())
                                        .setBody(version.body())
                                        .build());
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    private static ProducerRecord<byte[], byte[]> record(Version version) {
        try {
            return new ProducerRecord<>(
                    NAME,
                    0,
                    version.recordedAtMs(),
                    Long.toString(version.version()).getBytes(StandardCharsets.UTF_8),
                    encode(version));
        } catch (IOException e) {
            throw new IllegalStateException("a registry version does not encode", e);
        }
    }

    /**
     * Makes the topic where it is missing: compacted by version, so nothing is ever lost, and of
     * one partition, so it has one order.
     */
    public void create() {
        Map<String, Object> properties = new HashMap<>();
        properties.put("bootstrap.servers", brokers);
        properties.put("default.api.timeout.ms", (int) PATIENCE.toMillis());
        properties.put("request.timeout.ms", 10_000);
        try (Admin admin = Admin.create(properties)) {
            if (!admin.listTopics().names().get(30, TimeUnit.SECONDS).contains(NAME)) {
                NewTopic topic = new NewTopic(NAME, Optional.of(1), Optional.empty());
                admin.createTopics(List.of(topic.configs(Map.of("cleanup.policy", "compact"))))
                        .all()
                        .get(30, TimeUnit.SECONDS);
            }
            int partitions =
                    admin.describeTopics(List.of(NAME))
                            .allTopicNames()
                            .get(30, TimeUnit.SECONDS)
                            .values()
                            .iterator()
                            .next()
                            .partitions()
                            .size();
            if (partitions != 1) {
                throw new RegistryTopicException(
                        "topic %s at %s has %d partitions; it must have one"
                                .formatted(NAME, brokers, partitions));
            }
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof TopicExistsException)) {
                throw unprepared(e);
            }
        } catch (TimeoutException | KafkaException e) {
            throw unprepared(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw unprepared(e);
        }
    }

    private KafkaProducer<byte[], byte[]> producer() {
        Map<String, Object> properties = new HashMap<>();
        properties.put("bootstrap.servers", brokers);
        properties.put("transactional.id", TRANSACTIONS);
        properties.put("acks", "all");
        properties.put("compression.type", "gzip");
        properties.put("max.request.size", GREATEST);
        properties.put("buffer.memory", (long) GREATEST);
        properties.put("max.block.ms", PATIENCE.toMillis());
        properties.put("delivery.timeout.ms", (int) PATIENCE.toMillis());
        properties.put("request.timeout.ms", 10_000);
        properties.put("key.serializer", ByteArraySerializer.class.getName());
        properties.put("value.serializer", ByteArraySerializer.class.getName());
        return new KafkaProducer<>(properties);
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        Map<String, Object> properties = new HashMap<>();
        properties.put("bootstrap.servers", brokers);
        properties.put("isolation.level", "read_committed");
        properties.put("enable.auto.commit", false);
        properties.put("default.api.timeout.ms", (int) PATIENCE.toMillis());
        properties.put("key.deserializer", ByteArrayDeserializer.class.getName());
        properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
        return new KafkaConsumer<>(properties);
    }
}

package io.gpuledger.collectors.slurm.live;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What Slurm's jobcomp/kafka writes: a JSON document for each end of a run. A message counts as
 * read when what it says is in our own topics.
 */
public final class JobcompTopic implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(JobcompTopic.class);
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    /** Takes some documents; false when they must come again. */
    public interface Documents {
        boolean take(byte[] lines, String origin);
    }

    private final Consumer<byte[], byte[]> consumer;
    private final String topic;

    public JobcompTopic(String brokers, String topic, String cluster) {
        this.topic = topic;
        this.consumer =
                new KafkaConsumer<>(
                        Map.of(
                                ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG,
                                brokers,
                                ConsumerConfig.GROUP_ID_CONFIG,
                                "gpu-ledger-jobcomp-" + cluster,
                                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
                                "earliest",
                                ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG,
                                false,
                                ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG,
                                ByteArrayDeserializer.class.getName(),
                                ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG,
                                ByteArrayDeserializer.class.getName()));
    }

    /** Reads until it is closed. Whatever Kafka says, it is asked again. */
    public void run(Documents documents) {
        try (consumer) {
            consumer.subscribe(List.of(topic));
            String trouble = "";
            while (true) {
                try {
                    read(documents);
                    trouble = "";
                } catch (WakeupException e) {
                    return; // close() asked for it
                } catch (KafkaException e) {
                    String why = e.toString();
                    if (!why.equals(trouble)) {
                        LOG.warn("jobcomp topic {}: {}; asking again", topic, why);
                    }
                    trouble = why;
                    LockSupport.parkNanos(PATIENCE.toNanos());
                }
            }
        }
    }

    /** What is taken but not committed comes again, which the ledger does not mind. */
    private void read(Documents documents) {
        ConsumerRecords<byte[], byte[]> batch = consumer.poll(PATIENCE);
        if (batch.isEmpty()) {
            return;
        }
        StringBuilder lines = new StringBuilder();
        String origin = topic;
        for (ConsumerRecord<byte[], byte[]> message : batch) {
            origin = topic + "/" + message.partition() + "@" + message.offset();
            byte[] value = message.value();
            String text = value == null ? "" : new String(value, StandardCharsets.UTF_8);
            lines.append(text.replaceAll("[\\r\\n]+", " ")).append('\n');
        }
        if (documents.take(lines.toString().getBytes(StandardCharsets.UTF_8), origin)) {
            consumer.commitSync();
        } else {
            batch.partitions().forEach(p -> consumer.seek(p, batch.records(p).get(0).offset()));
        }
    }

    @Override
    public void close() {
        consumer.wakeup();
    }
}

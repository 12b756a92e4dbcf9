package io.gpuledger.quota;

import io.gpuledger.schemas.QuotaDecisionRecord;
import io.gpuledger.schemas.ReleasedSchemas;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The topic {@code quota-decisions}, read to its end. */
public final class KafkaPublishedDecisions implements PublishedDecisions {
    public static final String TOPIC = "quota-decisions";

    private static final long serialVersionUID = 1L;
    private static final Logger LOG = LoggerFactory.getLogger(KafkaPublishedDecisions.class);
    private static final Duration POLL = Duration.ofMillis(500);

    private final String brokers;

    public KafkaPublishedDecisions(String brokers) {
        this.brokers = brokers;
    }

    @Override
    public Map<String, QuotaDecisionRecord> latest() {
        Properties properties = new Properties();
        properties.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        Map<String, QuotaDecisionRecord> latest = new HashMap<>();
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(
                        properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (PartitionInfo partition : consumer.partitionsFor(TOPIC)) {
                partitions.add(new TopicPartition(TOPIC, partition.partition()));
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            BinaryMessageDecoder<QuotaDecisionRecord> decoder = decoder();
            while (ends.entrySet().stream()
                    .anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    take(record, decoder, latest);
                }
            }
        }
        return latest;
    }

    private static void take(
            ConsumerRecord<byte[], byte[]> record,
            BinaryMessageDecoder<QuotaDecisionRecord> decoder,
            Map<String, QuotaDecisionRecord> latest) {
        if (record.value() == null) {
            return;
        }
        try {
            QuotaDecisionRecord decision = decoder.decode(record.value());
            latest.merge(
                    decision.getGrantId(),
                    decision,
                    (a, b) -> a.getSequence() > b.getSequence() ? a : b);
        } catch (IOException | RuntimeException e) {
            // This job alone writes here; what a stranger wrote must not stop all decisions.
            LOG.warn(
                    "{} partition {} offset {} is no decision: {}",
                    TOPIC,
                    record.partition(),
                    record.offset(),
                    e.toString());
        }
    }

    private static BinaryMessageDecoder<QuotaDecisionRecord> decoder() {
        BinaryMessageDecoder<QuotaDecisionRecord> decoder = QuotaDecisionRecord.getDecoder();
        ReleasedSchemas.of("QuotaDecisionRecord").forEach(decoder::addSchema);
        return decoder;
    }
}

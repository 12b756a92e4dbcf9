package io.gpuledger.quota;

import io.gpuledger.flink.ClickHouseSink;
import io.gpuledger.flink.KafkaWireSource;
import io.gpuledger.flink.StrictEnvironment;
import io.gpuledger.registry.RegistryTopic;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;

/** The live job: Kafka to decisions without end. */
public final class QuotaJob {
    private static final Duration OUT_OF_ORDER = Duration.ofSeconds(30);
    private static final Duration CHECKPOINT = Duration.ofSeconds(3);
    private static final String GROUP = "gpu-ledger-quota";

    private QuotaJob() {}

    /**
     * Builds the live graph in an environment; the caller executes it.
     *
     * @param registryText of the version in the settings
     * @param idle a source silent this long no longer holds back event time
     */
    public static StreamExecutionEnvironment build(
            Configuration flink,
            String brokers,
            ClickHouseSink sink,
            String registryText,
            QuotaSettings settings,
            int parallelism,
            Duration idle) {
        StreamExecutionEnvironment env = StrictEnvironment.create(flink);
        env.setParallelism(parallelism);
        env.enableCheckpointing(CHECKPOINT.toMillis());
        QuotaGraph.assemble(
                KafkaWireSource.read(
                        env,
                        "scheduler-source",
                        brokers,
                        GROUP,
                        List.of("job-snapshots", "host-snapshots"),
                        settings.futureMs(),
                        OUT_OF_ORDER,
                        idle),
                KafkaWireSource.readTimeless(
                        env, "registry-source", brokers, GROUP, List.of(RegistryTopic.NAME)),
                registryText,
                settings,
                new KafkaPublishedDecisions(brokers),
                sink,
                // At least once: what is sent twice has the same grant and sequence.
                KafkaSink.<DecisionMessage>builder()
                        .setBootstrapServers(brokers)
                        .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
                        .setRecordSerializer(new ToRecord())
                        .build());
        return env;
    }

    private static final class ToRecord implements KafkaRecordSerializationSchema<DecisionMessage> {
        private static final long serialVersionUID = 1L;

        @Override
        public @Nullable ProducerRecord<byte[], byte[]> serialize(
                DecisionMessage message, KafkaSinkContext context, Long timestamp) {
            return new ProducerRecord<>(
                    KafkaPublishedDecisions.TOPIC,
                    message.grantId.getBytes(StandardCharsets.UTF_8),
                    message.value);
        }
    }
}

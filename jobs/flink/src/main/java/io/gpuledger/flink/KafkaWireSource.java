package io.gpuledger.flink;

import io.gpuledger.core.InputLimits;
import java.time.Duration;
import java.util.List;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.KafkaSourceBuilder;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Topics as streams of undecoded records. Event time is the time of observation inside the record;
 * what cannot be read or claims to be from the future does not drive it.
 */
public final class KafkaWireSource {
    private KafkaWireSource() {}

    /**
     * Reads topics from the checkpoint, and without one from the beginning: writing again what was
     * written is harmless, missing something is not.
     *
     * @param futureMs a record observed this much later than Kafka got it has a wrong clock
     * @param outOfOrder how far records of one partition may lie behind each other
     * @param idle a partition silent this long no longer holds back event time
     */
    public static DataStream<WireMessage> read(
            StreamExecutionEnvironment env,
            String name,
            String brokers,
            String groupId,
            List<String> topics,
            long futureMs,
            Duration outOfOrder,
            Duration idle) {
        return stream(
                env, name, topics(brokers, groupId, topics).build(), futureMs, outOfOrder, idle);
    }

    /**
     * The same of what the topics hold at the start, and then the end: for a job that is measured.
     *
     * @param futureMs a record observed this much later than Kafka got it has a wrong clock
     * @param outOfOrder how far records of one partition may lie behind each other
     * @param idle a partition silent this long no longer holds back event time
     */
    public static DataStream<WireMessage> readToEnd(
            StreamExecutionEnvironment env,
            String name,
            String brokers,
            String groupId,
            List<String> topics,
            long futureMs,
            Duration outOfOrder,
            Duration idle) {
        KafkaSource<WireMessage> source =
                topics(brokers, groupId, topics).setBounded(OffsetsInitializer.latest()).build();
        return stream(env, name, source, futureMs, outOfOrder, idle);
    }

    /**
     * Records that have no event time and never hold it back, each once its transaction is
     * committed.
     */
    public static DataStream<WireMessage> readTimeless(
            StreamExecutionEnvironment env,
            String name,
            String brokers,
            String groupId,
            List<String> topics) {
        KafkaSource<WireMessage> source =
                topics(brokers, groupId, topics)
                        .setProperty("isolation.level", "read_committed")
                        .build();
        WatermarkStrategy<WireMessage> timeless =
                WatermarkStrategy.forGenerator(ignored -> new Timeless());
        return env.fromSource(source, timeless, name).uid(name).name(name);
    }

    /** Idle from the first moment on. */
    private static final class Timeless implements WatermarkGenerator<WireMessage> {
        @Override
        public void onEvent(WireMessage event, long timestamp, WatermarkOutput output) {
            output.markIdle();
        }

        @Override
        public void onPeriodicEmit(WatermarkOutput output) {
            output.markIdle();
        }
    }

    private static KafkaSourceBuilder<WireMessage> topics(
            String brokers, String groupId, List<String> topics) {
        return KafkaSource.<WireMessage>builder()
                .setBootstrapServers(brokers)
                .setTopics(topics)
                .setGroupId(groupId)
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(new Positions());
    }

    private static DataStream<WireMessage> stream(
            StreamExecutionEnvironment env,
            String name,
            KafkaSource<WireMessage> source,
            long futureMs,
            Duration outOfOrder,
            Duration idle) {
        return env.fromSource(source, watermarks(futureMs, outOfOrder).withIdleness(idle), name)
                .uid(name)
                .name(name);
    }

    /** Event time of records as {@link #read} has it, apart from idleness. */
    public static WatermarkStrategy<WireMessage> watermarks(long futureMs, Duration outOfOrder) {
        return WatermarkStrategy.<WireMessage>forBoundedOutOfOrderness(outOfOrder)
                .withTimestampAssigner((message, ignored) -> eventTime(message, futureMs));
    }

    /** Long.MIN_VALUE leaves the watermark where it is. */
    private static long eventTime(WireMessage message, long futureMs) {
        long at = WireType.observedAtMs(message.value);
        boolean wrong = !InputLimits.isInstant(at) || isFuture(at, message, futureMs);
        return wrong ? WireType.NO_TIME : at;
    }

    /** Observed later than Kafka got it, by more than clocks may differ; absurd times are not. */
    public static boolean isFuture(long observedAtMs, WireMessage message, long futureMs) {
        return message.timestampMs != WireMessage.NO_TIMESTAMP
                && InputLimits.isInstant(observedAtMs)
                && observedAtMs - futureMs > message.timestampMs;
    }

    private static final class Positions implements KafkaRecordDeserializationSchema<WireMessage> {
        private static final long serialVersionUID = 1L;

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<WireMessage> out) {
            // A tombstone carries nothing to decode; the router makes it a dead letter.
            byte[] value = record.value() == null ? new byte[0] : record.value();
            WireMessage message =
                    new WireMessage(value, record.topic(), record.partition(), record.offset());
            message.timestampMs = record.timestamp();
            out.collect(message);
        }

        @Override
        public TypeInformation<WireMessage> getProducedType() {
            return TypeInformation.of(WireMessage.class);
        }
    }
}

package io.gpuledger.attribution;

import io.gpuledger.flink.ClickHouseSink;
import io.gpuledger.flink.KafkaWireSource;
import io.gpuledger.flink.StrictEnvironment;
import io.gpuledger.registry.RegistryTopic;
import java.time.Duration;
import java.util.List;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** The live job: Kafka to ClickHouse without end. */
public final class AttributionJob {
    /**
     * How far records of a partition may lie behind each other before event time has passed them.
     * Collectors send what they learn at once; what is later is for {@code settle} to wait for, and
     * this comes on top of that.
     */
    public static final Duration OUT_OF_ORDER = Duration.ofSeconds(5);

    /** Rows are written with it. */
    public static final Duration CHECKPOINT = Duration.ofSeconds(3);

    /** Where one takes long, as with much to catch up on, there is time for something else. */
    private static final Duration BETWEEN_CHECKPOINTS = Duration.ofSeconds(2);

    private AttributionJob() {}

    /** Checkpoints as the live job has them. */
    public static void checkpoint(StreamExecutionEnvironment env) {
        env.enableCheckpointing(CHECKPOINT.toMillis());
        env.getCheckpointConfig().setMinPauseBetweenCheckpoints(BETWEEN_CHECKPOINTS.toMillis());
    }

    /**
     * Builds the live graph in an environment; the caller executes it.
     *
     * @param registry the one in force now; later ones come by the topic
     * @param idle a source silent this long no longer holds back event time
     */
    public static StreamExecutionEnvironment build(
            Configuration flink,
            String brokers,
            ClickHouseSink sink,
            RegistryState registry,
            AttributionSettings settings,
            int parallelism,
            Duration idle) {
        StreamExecutionEnvironment env = StrictEnvironment.create(flink);
        env.setParallelism(parallelism);
        checkpoint(env);
        AttributionGraph.assemble(
                KafkaWireSource.read(
                        env,
                        "scheduler-source",
                        brokers,
                        "gpu-ledger-attribution",
                        List.of("job-snapshots", "host-snapshots"),
                        settings.futureMs(),
                        OUT_OF_ORDER,
                        idle),
                KafkaWireSource.read(
                        env,
                        "telemetry-source",
                        brokers,
                        "gpu-ledger-attribution",
                        List.of("gpu-telemetry"),
                        settings.futureMs(),
                        OUT_OF_ORDER,
                        idle),
                registry,
                KafkaWireSource.readTimeless(
                        env,
                        "registry-source",
                        brokers,
                        "gpu-ledger-attribution",
                        List.of(RegistryTopic.NAME)),
                settings,
                sink);
        return env;
    }
}

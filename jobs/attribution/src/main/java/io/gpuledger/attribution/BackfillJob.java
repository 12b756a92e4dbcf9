package io.gpuledger.attribution;

import io.gpuledger.flink.LocalFlink;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.StrictEnvironment;
import io.gpuledger.flink.WireMessage;
import java.nio.file.Path;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * The attribution graph over a spool. No watermark comes before the end of both inputs, so nothing
 * is late and every window is written once, knowing everything.
 */
public final class BackfillJob {
    private BackfillJob() {}

    /**
     * Runs to the end or throws what failed.
     *
     * @param registry what charges
     */
    public static void run(
            Path spool,
            RegistryState registry,
            AttributionSettings settings,
            Sink<SinkRow> sink,
            int parallelism)
            throws Exception {
        StreamExecutionEnvironment env =
                StrictEnvironment.create(LocalFlink.temporaryIn(spool, new Configuration()));
        env.setParallelism(parallelism);
        AttributionGraph.assemble(
                read(env, "scheduler-spool", spool.resolve(SpoolWriter.SCHEDULER)),
                read(env, "telemetry-spool", spool.resolve(SpoolWriter.TELEMETRY)),
                registry,
                null,
                settings,
                sink);
        env.execute("gpu-ledger backfill");
    }

    private static DataStream<WireMessage> read(
            StreamExecutionEnvironment env, String name, Path file) {
        return env.fromSource(
                        new NumberSequenceSource(0, 0), WatermarkStrategy.noWatermarks(), name)
                .setParallelism(1)
                .uid(name)
                .process(new SpoolReader(file))
                .setParallelism(1)
                .uid(name + "-reader")
                .name(name + "-reader");
    }
}

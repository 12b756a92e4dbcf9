package io.gpuledger.cli;

import io.gpuledger.attribution.AttributionJob;
import io.gpuledger.attribution.AttributionSettings;
import io.gpuledger.flink.ClickHouseSink;
import io.gpuledger.flink.LocalFlink;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.ServiceLog;
import io.gpuledger.local.Terminal;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.flink.configuration.Configuration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The attribution job, embedded. */
@Command(
        name = "attribution",
        mixinStandardHelpOptions = true,
        description = "Kafka to ClickHouse: who held and who used every GPU.")
final class RunAttributionCommand implements Callable<Integer> {
    @CommandLine.ParentCommand RunCommand run;

    @Option(
            names = "--web-port",
            defaultValue = "8081",
            description = "Port of Flink's pages on loopback (default: ${DEFAULT-VALUE}).")
    int webPort;

    @Option(
            names = "--checkpoints",
            paramLabel = "DIR",
            description = "Where checkpoints are kept (default: below --data).")
    @Nullable Path checkpoints;

    @Option(names = "--parallelism", defaultValue = "2", description = "Subtasks per operator.")
    int parallelism;

    @Option(
            names = "--idle-seconds",
            defaultValue = "60",
            description = "A silent source holds back event time at most this long.")
    int idleSeconds;

    @Option(names = "--detached-from-terminal", hidden = true)
    boolean detached;

    @Override
    public Integer call() throws Exception {
        if (detached) {
            Terminal.detach();
            ServiceLog.bound();
        }
        try (LocalStack stack = run.ledger.stack();
                ScratchDirectory scratch =
                        ScratchDirectory.below(GpuLedger.scratchIn(stack.directory()), "flink")) {
            Warehouse warehouse = run.ledger.warehouse(stack);
            String brokers = run.ledger.brokers(stack);
            Migrator.migrate(warehouse);
            long floor =
                    Long.parseLong(
                            warehouse
                                    .query(
                                            "SELECT greatest((SELECT max(revision) FROM usage_minute), "
                                                    + "(SELECT max(revision) FROM usage_hour), "
                                                    + "(SELECT max(revision) FROM runs)) + 1",
                                            Map.of())
                                    .get(0)
                                    .get(0));
            Path directory =
                    checkpoints != null ? checkpoints : stack.directory().resolve("checkpoints");
            Configuration flink =
                    LocalFlink.temporaryIn(
                            scratch.path(), LocalFlink.configuration(webPort, directory));
            AttributionJob.build(
                            flink,
                            brokers,
                            new ClickHouseSink(
                                    warehouse.url(), "default", "", warehouse.database()),
                            AttributionSettings.live(floor),
                            parallelism,
                            java.time.Duration.ofSeconds(idleSeconds))
                    .execute("gpu-ledger attribution");
        }
        return ExitCode.DONE;
    }
}

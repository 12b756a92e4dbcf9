package io.gpuledger.cli;

import io.gpuledger.attribution.AttributionJob;
import io.gpuledger.attribution.AttributionSettings;
import io.gpuledger.attribution.RegistryState;
import io.gpuledger.cli.config.Configuration;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.flink.LocalFlink;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Presence;
import io.gpuledger.local.ServiceLog;
import io.gpuledger.local.Terminal;
import io.gpuledger.registry.RegistryTopic;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.flink.configuration.StateRecoveryOptions;
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
            paramLabel = "PORT",
            description =
                    "Port of Flink's pages on loopback (key attribution.web_port, default 8081).")
    @Nullable String webPort;

    @Option(
            names = "--checkpoints",
            paramLabel = "DIR",
            description =
                    "Where checkpoints are kept (key attribution.checkpoints, default below --data).")
    @Nullable String checkpoints;

    @Option(
            names = "--parallelism",
            paramLabel = "N",
            description = "Subtasks per operator (key attribution.parallelism, default 2).")
    @Nullable String parallelism;

    @Option(
            names = "--idle-seconds",
            paramLabel = "SECONDS",
            description =
                    "A silent source holds back event time at most this long (key attribution.source_idle, default 60 s).")
    @Nullable String idleSeconds;

    @Option(names = "--detached-from-terminal", hidden = true)
    boolean detached;

    @Override
    public Integer call() throws Exception {
        if (detached) {
            Terminal.detach();
            ServiceLog.bound();
        }
        try (LocalStack stack = run.ledger.stack()) {
            Presence alone = alone(stack.directory());
            try {
                attribute(stack);
            } finally {
                alone.close();
            }
        }
        return ExitCode.DONE;
    }

    private void attribute(LocalStack stack) throws Exception {
        try (ScratchDirectory scratch =
                ScratchDirectory.below(GpuLedger.scratchIn(stack.directory()), "flink")) {
            Configuration configuration = run.ledger.configuration();
            Warehouse warehouse =
                    detached ? run.ledger.localWarehouse() : run.ledger.warehouse(stack);
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
                    configuration
                            .get(Keys.CHECKPOINTS, "--checkpoints", checkpoints)
                            .orElse(stack.directory().resolve("checkpoints"));
            AttributionSettings.Choice choice = run.ledger.attribution();
            org.apache.flink.configuration.Configuration flink =
                    LocalFlink.temporaryIn(
                            scratch.path(),
                            LocalFlink.configuration(
                                    configuration.get(Keys.WEB_PORT, "--web-port", webPort),
                                    directory));
            boolean goesOn = flink.contains(StateRecoveryOptions.SAVEPOINT_PATH);
            CheckpointedHorizon.in(directory).begin(choice.horizonMs(), goesOn);
            AttributionJob.build(
                            CheckpointedBackend.in(directory).begin(flink, goesOn),
                            brokers,
                            GpuLedger.sinkInto(warehouse),
                            inForce(new RegistryTopic(brokers)),
                            AttributionSettings.live(choice, floor),
                            configuration.get(Keys.PARALLELISM, "--parallelism", parallelism),
                            configuration.get(
                                    Keys.SOURCE_IDLE,
                                    "--idle-seconds",
                                    GpuLedger.seconds(idleSeconds)))
                    .execute("gpu-ledger attribution");
        }
    }

    /** Two would go on from the same checkpoints, and each write over the other's rows. */
    static Presence alone(Path data) throws IOException {
        return Presence.alone(
                data.resolve("run").resolve("attribution"),
                "attribution",
                other ->
                        new UsageException(
                                "%s runs in %s already; stop it (gpu-ledger down, if it is the stack's), or give another --data directory"
                                        .formatted(other, data)));
    }

    /** Known before the first record is: else the past would be written unmapped first. */
    private static RegistryState inForce(RegistryTopic topic) {
        topic.create();
        List<RegistryTopic.Version> all = topic.after(0);
        if (all.isEmpty()) {
            return RegistryState.none();
        }
        RegistryTopic.Version last = all.get(all.size() - 1);
        return new RegistryState(last.version(), last.body());
    }
}

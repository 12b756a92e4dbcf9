package io.gpuledger.cli;

import io.gpuledger.cli.config.Configuration;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.flink.LocalFlink;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.ServiceLog;
import io.gpuledger.local.Terminal;
import io.gpuledger.quota.QuotaJob;
import io.gpuledger.quota.QuotaSettings;
import io.gpuledger.registry.RegistryTopic;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The quota job, embedded. */
@Command(
        name = "quota",
        mixinStandardHelpOptions = true,
        description = "Kafka to decisions: what is left of every grant, and what has to be done.")
final class RunQuotaCommand implements Callable<Integer> {
    @CommandLine.ParentCommand RunCommand run;

    @Option(
            names = "--web-port",
            paramLabel = "PORT",
            description = "Port of Flink's pages on loopback (key quota.web_port, default 8082).")
    @Nullable String webPort;

    @Option(
            names = "--checkpoints",
            paramLabel = "DIR",
            description =
                    "Where checkpoints are kept (key quota.checkpoints, default below --data).")
    @Nullable String checkpoints;

    @Option(
            names = "--parallelism",
            paramLabel = "N",
            description = "Subtasks per operator (key quota.parallelism, default 1).")
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
        try (LocalStack stack = run.ledger.stack();
                ScratchDirectory scratch =
                        ScratchDirectory.below(GpuLedger.scratchIn(stack.directory()), "flink")) {
            Configuration configuration = run.ledger.configuration();
            Warehouse warehouse =
                    detached ? run.ledger.localWarehouse() : run.ledger.warehouse(stack);
            String brokers = run.ledger.brokers(stack);
            Migrator.migrate(warehouse);
            Path directory =
                    configuration
                            .get(Keys.QUOTA_CHECKPOINTS, "--checkpoints", checkpoints)
                            .orElse(stack.directory().resolve("quota-checkpoints"));
            RegistryTopic topic = new RegistryTopic(brokers);
            topic.create();
            List<RegistryTopic.Version> all = topic.after(0);
            RegistryTopic.Version last = all.isEmpty() ? null : all.get(all.size() - 1);
            QuotaSettings standard = QuotaSettings.standard(last == null ? 0 : last.version());
            QuotaJob.build(
                            LocalFlink.temporaryIn(
                                    scratch.path(),
                                    LocalFlink.configuration(
                                            configuration.get(
                                                    Keys.QUOTA_WEB_PORT, "--web-port", webPort),
                                            directory)),
                            brokers,
                            GpuLedger.sinkInto(warehouse),
                            last == null ? "" : last.body(),
                            new QuotaSettings(
                                    configuration.get(Keys.HORIZON).toMillis(),
                                    configuration.get(Keys.SCHEDULER_GAP).toMillis(),
                                    configuration.get(Keys.FUTURE).toMillis(),
                                    configuration.get(Keys.QUOTA_BURN_WINDOW).toMillis(),
                                    standard.quietMs(),
                                    standard.registryVersion()),
                            configuration.get(Keys.QUOTA_PARALLELISM, "--parallelism", parallelism),
                            configuration.get(
                                    Keys.SOURCE_IDLE,
                                    "--idle-seconds",
                                    GpuLedger.seconds(idleSeconds)))
                    .execute("gpu-ledger quota");
        }
        return ExitCode.DONE;
    }
}

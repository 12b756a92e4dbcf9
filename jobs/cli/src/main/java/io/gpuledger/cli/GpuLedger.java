package io.gpuledger.cli;

import io.gpuledger.attribution.AttributionSettings;
import io.gpuledger.cli.config.Configuration;
import io.gpuledger.cli.config.ConfigurationException;
import io.gpuledger.cli.config.Key;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.slurm.SlurmrestdException;
import io.gpuledger.flink.ClickHouseSink;
import io.gpuledger.flink.SinkUnreachableException;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.local.StackException;
import io.gpuledger.registry.RegistryTopicException;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.sql.WarehouseRefusedException;
import io.gpuledger.sql.WarehouseUnreachableException;
import io.gpuledger.statements.StatementException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The program {@code gpu-ledger}. */
@Command(
        name = "gpu-ledger",
        mixinStandardHelpOptions = true,
        version = "gpu-ledger 0.1.0",
        description =
                "Counts who held and who used every GPU of a cluster and charges it to the grant that pays.",
        subcommands = {
            DemoCommand.class,
            UpCommand.class,
            DownCommand.class,
            StatusCommand.class,
            MigrateCommand.class,
            BackfillCommand.class,
            UsageCommand.class,
            RegistryCommand.class,
            RestateCommand.class,
            QuotaCommand.class,
            ReconcileCommand.class,
            StatementCommand.class,
            ReportCommand.class,
            ExplainCommand.class,
            AdjustCommand.class,
            CollectCommand.class,
            EnforceCommand.class,
            RunCommand.class,
            BenchCommand.class,
            ConfigCommand.class
        })
public final class GpuLedger implements Runnable {
    @Option(
            names = "--config",
            paramLabel = "FILE",
            description =
                    "Configuration (default: GPU_LEDGER_CONFIG, else ~/.config/gpu-ledger/gpu-ledger.yaml if it is there); see config template.")
    @Nullable String config;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Data of the local stack (key data, default ~/.local/share/gpu-ledger).")
    @Nullable String data;

    @Option(
            names = "--clickhouse",
            paramLabel = "URL",
            description =
                    "ClickHouse over HTTP, for example http://127.0.0.1:8123 (key clickhouse.url, default the local stack's).")
    @Nullable String clickHouse;

    @Option(
            names = "--kafka",
            paramLabel = "BROKERS",
            description = "Kafka as host:port (key kafka.brokers, default the local stack's).")
    @Nullable String kafka;

    @Option(
            names = "--database",
            paramLabel = "NAME",
            description = "Database in ClickHouse (key clickhouse.database, default gpu_ledger).")
    @Nullable String database;

    @Option(
            names = "--clickhouse-port",
            paramLabel = "PORT",
            description = "Port of the local ClickHouse (default: a free one).")
    @Nullable String clickHousePort;

    @Option(
            names = "--kafka-port",
            paramLabel = "PORT",
            description = "Port of the local Kafka (default: a free one).")
    @Nullable String kafkaPort;

    private @Nullable Configuration configuration;

    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    public static void main(String[] args) {
        System.exit(commandLine().execute(args));
    }

    static CommandLine commandLine() {
        return new CommandLine(new GpuLedger())
                .setCaseInsensitiveEnumValuesAllowed(true)
                // A database may be called demo.
                .setAllowSubcommandsAsOptionParameters(true)
                // A mistyped option after a list of files is not one more file.
                .setUnmatchedOptionsAllowedAsOptionParameters(false)
                .setParameterExceptionHandler(GpuLedger::refuse)
                .setExecutionExceptionHandler(GpuLedger::explain);
    }

    /** One line: the whole help would bury what is wrong. */
    private static int refuse(CommandLine.ParameterException thrown, String[] args) {
        CommandLine commandLine = thrown.getCommandLine();
        String command = commandLine.getCommandSpec().qualifiedName();
        commandLine
                .getErr()
                .println(
                        "gpu-ledger: %s; see %s --help"
                                .formatted(
                                        String.valueOf(thrown.getMessage())
                                                .lines()
                                                .findFirst()
                                                .orElse("wrong usage"),
                                        command));
        return ExitCode.WRONG_USAGE;
    }

    /** One line for what the caller can mend, a stack trace only for what is our fault. */
    private static int explain(
            Exception thrown, CommandLine commandLine, CommandLine.ParseResult parsed) {
        PrintWriter err = commandLine.getErr();
        for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
            if (cause instanceof ConfigurationException) {
                String.valueOf(cause.getMessage())
                        .lines()
                        .forEach(line -> err.println("gpu-ledger: " + line));
                return ExitCode.WRONG_USAGE;
            }
            if (cause instanceof UsageException
                    || cause instanceof StatementException
                    || cause instanceof InputException
                    || cause instanceof WarehouseRefusedException) {
                err.println("gpu-ledger: " + cause.getMessage());
                return ExitCode.WRONG_USAGE;
            }
            if (cause instanceof WarehouseUnreachableException
                    || cause instanceof StackException
                    || cause instanceof SlurmrestdException
                    || cause instanceof RegistryTopicException
                    || cause instanceof SinkUnreachableException) {
                err.println("gpu-ledger: " + cause.getMessage());
                return ExitCode.UNREACHABLE;
            }
        }
        err.println("gpu-ledger: internal error; please report it with what follows");
        thrown.printStackTrace(err);
        return ExitCode.UNREACHABLE;
    }

    /** Read once, when a command first asks: help works with a broken file. */
    Configuration configuration() {
        Configuration read = configuration;
        if (read == null) {
            if (config != null && config.isEmpty()) {
                throw new UsageException("--config is empty; give a file or leave it out");
            }
            Path named = config == null ? null : Path.of(config);
            read = Configuration.read(named, System.getenv(), given());
            configuration = read;
        }
        return read;
    }

    private List<Configuration.Given> given() {
        List<Configuration.Given> given = new ArrayList<>();
        given(given, Keys.DATA, "--data", data);
        given(given, Keys.CLICKHOUSE_URL, "--clickhouse", clickHouse);
        given(given, Keys.KAFKA_BROKERS, "--kafka", kafka);
        given(given, Keys.CLICKHOUSE_DATABASE, "--database", database);
        given(given, Keys.LOCAL_CLICKHOUSE_PORT, "--clickhouse-port", clickHousePort);
        given(given, Keys.LOCAL_KAFKA_PORT, "--kafka-port", kafkaPort);
        return given;
    }

    private static void given(
            List<Configuration.Given> all, Key<?> key, String option, @Nullable String text) {
        if (text != null) {
            all.add(new Configuration.Given(key, option, text));
        }
    }

    /** The cluster that was named, by option or configuration. */
    String cluster(@Nullable String given) {
        String cluster = configuration().get(Keys.CLUSTER, "--cluster", given);
        if (cluster.isBlank()) {
            throw new UsageException(
                    "no cluster is named; give --cluster NAME, or cluster in gpu-ledger.yaml");
        }
        if (cluster.contains("/") || cluster.contains("@")) {
            throw new UsageException(
                    "--cluster %s has a / or @, which part a cluster from its hosts and jobs; give another name"
                            .formatted(cluster));
        }
        return cluster;
    }

    /** Where the local stack keeps its data. */
    Path stackDirectory() {
        return configuration().get(Keys.DATA);
    }

    /** The local stack's handle; the last to close one stops what was started on demand. */
    LocalStack stack() {
        return stackIn(stackDirectory());
    }

    LocalStack stackIn(Path directory) {
        return LocalStack.open(
                new LocalStack.Options(
                        directory,
                        configuration().get(Keys.CACHE),
                        configuration().get(Keys.LOCAL_CLICKHOUSE_PORT),
                        configuration().get(Keys.LOCAL_KAFKA_PORT),
                        jobOptions()),
                work());
    }

    /**
     * The command that runs, in one word; benchmarks have one, for two would measure each other.
     */
    private String work() {
        String command =
                spec.commandLine().getParseResult().asCommandLineList().stream()
                        .skip(1)
                        .map(CommandLine::getCommandName)
                        .collect(Collectors.joining("-"));
        return command.startsWith("bench-") ? "bench" : command;
    }

    /** The stack's own job reads the same file and inherits the environment. */
    private List<String> jobOptions() {
        List<String> options = new ArrayList<>();
        configuration().file().ifPresent(file -> options.add("--config=" + file.toAbsolutePath()));
        options.add("--database=" + configuration().get(Keys.CLICKHOUSE_DATABASE));
        return options;
    }

    /** The ClickHouse that was named, else the local one, started when it is down. */
    Warehouse warehouse(LocalStack stack) {
        return isClickHouseNamed() ? namedWarehouse() : localWarehouse(stack);
    }

    /** The ClickHouse that was named, else the local one as it is. */
    Warehouse runningWarehouse(LocalStack stack) {
        return isClickHouseNamed() ? namedWarehouse() : local(stack.clickHouseUrl());
    }

    private boolean isClickHouseNamed() {
        return !configuration().get(Keys.CLICKHOUSE_URL).isEmpty();
    }

    private Warehouse namedWarehouse() {
        return new Warehouse(
                configuration().get(Keys.CLICKHOUSE_URL),
                configuration().get(Keys.CLICKHOUSE_USER),
                configuration().clickHousePassword(),
                configuration().get(Keys.CLICKHOUSE_DATABASE));
    }

    /** The local ClickHouse, started when it is down. */
    Warehouse localWarehouse(LocalStack stack) {
        use(stack, Service.CLICKHOUSE);
        return local(stack.clickHouseUrl());
    }

    /** The local ClickHouse that the stack told its own job of. */
    Warehouse localWarehouse() {
        return local(configuration().get(Keys.CLICKHOUSE_URL));
    }

    /** On loopback, without users. */
    private Warehouse local(String url) {
        return new Warehouse(url, "default", "", configuration().get(Keys.CLICKHOUSE_DATABASE));
    }

    static ClickHouseSink sinkInto(Warehouse warehouse) {
        return new ClickHouseSink(
                warehouse.url(), warehouse.user(), warehouse.password(), warehouse.database());
    }

    /** The Kafka that was named, else the local one, started when it is down. */
    String brokers(LocalStack stack) {
        String brokers = configuration().get(Keys.KAFKA_BROKERS);
        if (!brokers.isEmpty()) {
            return brokers;
        }
        use(stack, Service.KAFKA);
        return stack.kafkaBrokers();
    }

    private static void use(LocalStack stack, Service service) {
        ScratchDirectory.clear(scratchIn(stack.directory()), ScratchDirectory.PREFIX, killed -> {});
        stack.ensureUp(EnumSet.of(service));
    }

    /**
     * Where a command keeps what only it needs: with the data of the stack, unless nothing is kept
     * on this machine.
     */
    Path scratch() {
        return isClickHouseNamed() && !configuration().isSet(Keys.DATA)
                ? Path.of(System.getProperty("java.io.tmpdir"))
                : scratchIn(stackDirectory());
    }

    static Path scratchIn(Path data) {
        return data.resolve("tmp");
    }

    /** A command that brings its own servers takes no others: half of it would ignore them. */
    void refuseServers(String command) {
        if (clickHouse != null || kafka != null) {
            throw new UsageException(
                    "%s starts a ClickHouse and Kafka of its own; leave out %s"
                            .formatted(command, clickHouse != null ? "--clickhouse" : "--kafka"));
        }
    }

    /** How time is attributed. */
    AttributionSettings.Choice attribution() {
        return new AttributionSettings.Choice(
                configuration().get(Keys.SETTLE).toMillis(),
                configuration().get(Keys.HORIZON).toMillis(),
                configuration().get(Keys.SCHEDULER_GAP).toMillis(),
                configuration().get(Keys.FUTURE).toMillis(),
                configuration().get(Keys.ENERGY_GAP).toMillis(),
                configuration().get(Keys.HELD_IDLE_ACTIVITY));
    }

    /** An option that is a number of seconds where its key is a duration. */
    static @Nullable String seconds(@Nullable String given) {
        return given != null && given.matches("\\d+") ? given + "s" : given;
    }

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(), "give a command, for example demo");
    }
}

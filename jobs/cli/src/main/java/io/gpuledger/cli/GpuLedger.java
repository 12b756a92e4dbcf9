package io.gpuledger.cli;

import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.slurm.SlurmrestdException;
import io.gpuledger.flink.SinkUnreachableException;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.local.StackException;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.sql.WarehouseRefusedException;
import io.gpuledger.sql.WarehouseUnreachableException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Optional;
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
            ReconcileCommand.class,
            CollectCommand.class,
            RunCommand.class
        })
public final class GpuLedger implements Runnable {
    @Option(
            names = "--data",
            paramLabel = "DIR",
            description =
                    "Data of the local stack (default: ~/.local/share/gpu-ledger, or GPU_LEDGER_DATA).")
    @Nullable Path data;

    @Option(
            names = "--clickhouse",
            paramLabel = "URL",
            description =
                    "ClickHouse over HTTP, for example http://127.0.0.1:8123 (default: the local stack's, or GPU_LEDGER_CLICKHOUSE_URL).")
    @Nullable String clickHouse;

    @Option(
            names = "--kafka",
            paramLabel = "BROKERS",
            description =
                    "Kafka as host:port (default: the local stack's, or GPU_LEDGER_KAFKA_BROKERS).")
    @Nullable String kafka;

    @Option(
            names = "--database",
            defaultValue = "gpu_ledger",
            description = "Database in ClickHouse (default: ${DEFAULT-VALUE}).")
    String database = "gpu_ledger";

    @Option(
            names = "--clickhouse-port",
            defaultValue = "0",
            description = "Port of the local ClickHouse (default: a free one).")
    int clickHousePort;

    @Option(
            names = "--kafka-port",
            defaultValue = "0",
            description = "Port of the local Kafka (default: a free one).")
    int kafkaPort;

    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    public static void main(String[] args) {
        System.exit(commandLine().execute(args));
    }

    static CommandLine commandLine() {
        return new CommandLine(new GpuLedger())
                .setCaseInsensitiveEnumValuesAllowed(true)
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
            if (cause instanceof UsageException
                    || cause instanceof InputException
                    || cause instanceof WarehouseRefusedException) {
                err.println("gpu-ledger: " + cause.getMessage());
                return ExitCode.WRONG_USAGE;
            }
            if (cause instanceof WarehouseUnreachableException
                    || cause instanceof StackException
                    || cause instanceof SlurmrestdException
                    || cause instanceof SinkUnreachableException) {
                err.println("gpu-ledger: " + cause.getMessage());
                return ExitCode.UNREACHABLE;
            }
        }
        err.println("gpu-ledger: internal error; please report it with what follows");
        thrown.printStackTrace(err);
        return ExitCode.UNREACHABLE;
    }

    /** Where the local stack keeps its data. */
    Path stackDirectory() {
        if (data != null) {
            return data.toAbsolutePath();
        }
        String home = System.getProperty("user.home");
        String standard = Path.of(home, ".local", "share", "gpu-ledger").toString();
        return Path.of(environment("GPU_LEDGER_DATA", standard)).toAbsolutePath();
    }

    /** The local stack's handle; the last to close one stops what was started on demand. */
    LocalStack stack() {
        return stackIn(stackDirectory());
    }

    LocalStack stackIn(Path directory) {
        port("--clickhouse-port", clickHousePort);
        port("--kafka-port", kafkaPort);
        String home = System.getProperty("user.home");
        String standard = Path.of(home, ".cache", "gpu-ledger").toString();
        return LocalStack.open(
                new LocalStack.Options(
                        directory,
                        Path.of(environment("GPU_LEDGER_CACHE", standard)),
                        clickHousePort,
                        kafkaPort),
                work());
    }

    /** The command that runs, in one word. */
    private String work() {
        return spec.commandLine().getParseResult().asCommandLineList().stream()
                .skip(1)
                .map(CommandLine::getCommandName)
                .collect(Collectors.joining("-"));
    }

    /** The ClickHouse that was named, else the local one, started when it is down. */
    Warehouse warehouse(LocalStack stack) {
        if (namedClickHouse().isEmpty()) {
            use(stack, Service.CLICKHOUSE);
        }
        return runningWarehouse(stack);
    }

    /** The ClickHouse that was named, else the local one as it is. */
    Warehouse runningWarehouse(LocalStack stack) {
        String url = namedClickHouse().orElseGet(stack::clickHouseUrl);
        return new Warehouse(url, "default", "", database);
    }

    private Optional<String> namedClickHouse() {
        String url = clickHouse != null ? clickHouse : environment("GPU_LEDGER_CLICKHOUSE_URL", "");
        if (!url.isEmpty() && !url.matches("https?://[^/?#]+/?")) {
            throw new UsageException(
                    "--clickhouse %s is no URL of a server; give one like http://127.0.0.1:8123"
                            .formatted(url));
        }
        return url.isEmpty() ? Optional.empty() : Optional.of(url);
    }

    /** The Kafka that was named, else the local one, started when it is down. */
    String brokers(LocalStack stack) {
        String brokers = kafka != null ? kafka : environment("GPU_LEDGER_KAFKA_BROKERS", "");
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
        boolean dataNamed = data != null || !environment("GPU_LEDGER_DATA", "").isEmpty();
        return namedClickHouse().isPresent() && !dataNamed
                ? Path.of(System.getProperty("java.io.tmpdir"))
                : scratchIn(stackDirectory());
    }

    static Path scratchIn(Path data) {
        return data.resolve("tmp");
    }

    private static void port(String option, int port) {
        if (port < 0 || port > 65_535) {
            throw new UsageException(
                    "%s %d is no port; give 1 to 65535, or 0 for a free one"
                            .formatted(option, port));
        }
    }

    private static String environment(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(), "give a command, for example demo");
    }
}

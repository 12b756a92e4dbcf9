package io.gpuledger.cli;

import io.gpuledger.collectors.file.InputException;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.sql.WarehouseUnreachableException;
import java.io.PrintWriter;
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
        subcommands = {BackfillCommand.class, UsageCommand.class, MigrateCommand.class})
public final class GpuLedger implements Runnable {
    @Option(
            names = "--clickhouse",
            paramLabel = "URL",
            description = "ClickHouse over HTTP, for example http://127.0.0.1:8123.")
    @Nullable String clickHouse;

    @Option(
            names = "--database",
            defaultValue = "gpu_ledger",
            description = "Database in ClickHouse (default: ${DEFAULT-VALUE}).")
    String database = "gpu_ledger";

    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    public static void main(String[] args) {
        System.exit(commandLine().execute(args));
    }

    static CommandLine commandLine() {
        return new CommandLine(new GpuLedger())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setExecutionExceptionHandler(GpuLedger::explain);
    }

    /** One line for what the caller can mend, a stack trace only for what is our fault. */
    private static int explain(
            Exception thrown, CommandLine commandLine, CommandLine.ParseResult parsed) {
        PrintWriter err = commandLine.getErr();
        if (thrown instanceof UsageException || thrown instanceof InputException) {
            err.println("gpu-ledger: " + thrown.getMessage());
            return ExitCode.WRONG_USAGE;
        }
        if (thrown instanceof WarehouseUnreachableException) {
            err.println("gpu-ledger: " + thrown.getMessage());
            return ExitCode.UNREACHABLE;
        }
        thrown.printStackTrace(err);
        return ExitCode.UNREACHABLE;
    }

    Warehouse warehouse() {
        String url = clickHouse == null ? System.getenv("GPU_LEDGER_CLICKHOUSE_URL") : clickHouse;
        if (url == null || url.isEmpty()) {
            throw new UsageException(
                    "no ClickHouse given: use --clickhouse URL or set GPU_LEDGER_CLICKHOUSE_URL");
        }
        return new Warehouse(url, "default", "", database);
    }

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(), "give a command; --help lists them");
    }
}

package io.gpuledger.cli;

import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Brings the database to this version's schema. */
@Command(
        name = "migrate",
        mixinStandardHelpOptions = true,
        description = "Creates or updates the tables and views in ClickHouse.")
final class MigrateCommand implements Callable<Integer> {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public Integer call() {
        List<String> applied;
        try (LocalStack stack = ledger.stack()) {
            applied = Migrator.migrate(ledger.warehouse(stack));
        }
        spec.commandLine()
                .getOut()
                .println(
                        applied.isEmpty()
                                ? "schema is up to date"
                                : "applied " + String.join(", ", applied));
        return ExitCode.DONE;
    }
}

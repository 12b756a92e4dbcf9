package io.gpuledger.cli;

import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.CreditBook;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Gives no credit. */
@Command(
        name = "reject",
        mixinStandardHelpOptions = true,
        description = "Writes down that a proposed credit is not given, and why.")
final class AdjustRejectCommand implements Callable<Integer> {
    @CommandLine.ParentCommand AdjustCommand adjust;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @CommandLine.Parameters(paramLabel = "PROPOSAL", description = "As adjust propose shows it.")
    String id = "";

    @Option(names = "--reason", required = true, paramLabel = "TEXT", description = "Why.")
    String reason = "";

    @Option(
            names = "--author",
            paramLabel = "NAME",
            description = "Who decides it (default: the user of this process).")
    @Nullable String author;

    @Override
    public Integer call() {
        String who = AdjustCommand.author(author);
        if (reason.isBlank()) {
            throw new UsageException("--reason is empty; give one");
        }
        try (LocalStack stack = adjust.ledger.stack()) {
            Warehouse warehouse = adjust.ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            CreditBook.Proposal proposal = adjust.open(warehouse, id);
            new CreditBook(warehouse).decide(proposal, CreditBook.Standing.REJECTED, reason, who);
        }
        spec.commandLine().getOut().printf("%s is rejected%n", id);
        spec.commandLine().getOut().flush();
        return ExitCode.DONE;
    }
}

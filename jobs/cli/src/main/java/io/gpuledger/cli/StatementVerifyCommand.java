package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.Verification;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Proves statements. */
@Command(
        name = "verify",
        mixinStandardHelpOptions = true,
        description = {
            "Makes every statement again from the log of all versions of all hours and compares it byte for byte with"
                    + " the one that was closed; follows the chain of digests; compares the lines kept for queries.",
            "Exit codes: 0 all is as it was closed; 1 something is not, and is named; 2 wrong usage; 3 ClickHouse"
                    + " cannot be reached."
        })
final class StatementVerifyCommand implements Callable<Integer> {
    @CommandLine.ParentCommand StatementCommand statement;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(names = "--grant", paramLabel = "NAME", description = "Only this grant's.")
    @Nullable String grant;

    @Option(names = "--month", paramLabel = "YYYY-MM", description = "Only this month's.")
    @Nullable String month;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() {
        String only = UsageCommand.only("--grant", grant);
        String period = StatementCommand.optional(month);
        Verification.Result result;
        try (LocalStack stack = statement.ledger.stack()) {
            Warehouse warehouse = statement.ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            result = new Verification(warehouse).verify(period, only);
        }
        if (result.statements() == 0 && result.findings().isEmpty()) {
            throw new UsageException(
                    "there is no such statement; statement list shows those there are");
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            ObjectNode root =
                    new ObjectMapper()
                            .createObjectNode()
                            .put("months", result.months())
                            .put("statements", result.statements());
            ArrayNode findings = root.putArray("findings");
            result.findings().forEach(findings::add);
            out.println(root.toPrettyString());
        } else {
            result.findings().forEach(out::println);
            out.printf(
                    "%,d statement%s of %,d month%s: %s%n",
                    result.statements(),
                    result.statements() == 1 ? "" : "s",
                    result.months(),
                    result.months() == 1 ? "" : "s",
                    result.findings().isEmpty()
                            ? "all as they were closed"
                            : "%,d findings".formatted(result.findings().size()));
        }
        out.flush();
        return result.findings().isEmpty() ? ExitCode.DONE : ExitCode.FINDINGS;
    }
}

package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.KeptStatement;
import io.gpuledger.statements.StatementBook;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Which statements there are. */
@Command(
        name = "list",
        mixinStandardHelpOptions = true,
        description = "The statements that are closed.")
final class StatementListCommand implements Callable<Integer> {
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
        List<KeptStatement> statements;
        try (LocalStack stack = statement.ledger.stack()) {
            Warehouse warehouse = statement.ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            statements = new StatementBook(warehouse).list(only, period);
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            ArrayNode all = new ObjectMapper().createArrayNode();
            for (KeptStatement s : statements) {
                all.addObject()
                        .put("statement", s.grantId() + "/" + s.period())
                        .put("grant", s.grantId())
                        .put("month", s.period())
                        .put("sequence", s.sequence())
                        .put("known_at", Instant.ofEpochMilli(s.knownAtMs()).toString())
                        .put("registry_version", s.registryVersion())
                        .put("digest", s.digest());
            }
            out.println(all.toPrettyString());
        } else if (statements.isEmpty()) {
            out.println("no statement is closed; statement close --month YYYY-MM closes a month");
        } else {
            TextTable table =
                    new TextTable(2, List.of("grant", "month", "no.", "known at", "digest"));
            for (KeptStatement s : statements) {
                table.add(
                        List.of(
                                s.grantId(),
                                s.period(),
                                Long.toString(s.sequence()),
                                Instant.ofEpochMilli(s.knownAtMs()).toString(),
                                s.digest().substring(0, 12)));
            }
            out.print(table);
        }
        out.flush();
        return ExitCode.DONE;
    }
}

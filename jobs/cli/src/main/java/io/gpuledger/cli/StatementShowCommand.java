package io.gpuledger.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.core.statement.Money;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.KeptStatement;
import io.gpuledger.statements.StatementBook;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Prints a statement. */
@Command(
        name = "show",
        mixinStandardHelpOptions = true,
        description = {
            "A statement, as it was closed.",
            "",
            "--json prints its text byte for byte: sha256sum of it is the digest."
        })
final class StatementShowCommand implements Callable<Integer> {
    @CommandLine.ParentCommand StatementCommand statement;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(names = "--grant", required = true, paramLabel = "NAME", description = "Whose.")
    String grant = "";

    @Option(names = "--month", required = true, paramLabel = "YYYY-MM", description = "Of when.")
    String month = "";

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() throws Exception {
        String only = UsageCommand.only("--grant", grant);
        String period = StatementCommand.month(month).toString();
        List<KeptStatement> found;
        boolean known;
        try (LocalStack stack = statement.ledger.stack()) {
            Warehouse warehouse = statement.ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            StatementBook book = new StatementBook(warehouse);
            found = book.of(only, period);
            known = !found.isEmpty() || !book.list(only, "").isEmpty();
        }
        if (found.isEmpty()) {
            throw new UsageException(
                    known
                            ? "grant %s has no statement of %s; statement list shows those it has"
                                    .formatted(only, period)
                            : "grant %s has no statement; statement list shows who has"
                                    .formatted(only));
        }
        PrintWriter out = spec.commandLine().getOut();
        String body = found.get(0).body();
        out.print(json ? body : text(new ObjectMapper().readTree(body), found.get(0).digest()));
        out.flush();
        return ExitCode.DONE;
    }

    private static String text(JsonNode root, String digest) {
        StringBuilder text = new StringBuilder();
        text.append(
                "%s no. %d%n%s%n%s to %s (%s, %d h), as known at %s%n"
                        .formatted(
                                root.path("statement").asText(),
                                root.path("sequence").asLong(),
                                root.path("title").asText(),
                                root.path("from").asText(),
                                root.path("to").asText(),
                                root.path("zone").asText(),
                                root.path("hours").asLong(),
                                root.path("known_at").asText()));
        if (!root.path("override").asText().isEmpty()) {
            text.append("closed by override: %s%n".formatted(root.path("override").asText()));
        }
        TextTable table =
                new TextTable(
                        6,
                        List.of(
                                "line",
                                "kind",
                                "month",
                                "cluster",
                                "model or adjustment",
                                "note",
                                "held GPU-h",
                                "charged GPU-h",
                                "credited GPU-h",
                                "price",
                                "amount"));
        for (JsonNode line : root.path("lines")) {
            String adjustment = line.path("adjustment").asText();
            table.add(
                    List.of(
                            line.path("line").asText(),
                            line.path("kind").asText(),
                            line.path("period").asText(),
                            line.path("cluster").asText(),
                            adjustment.isEmpty() ? line.path("gpu_model").asText() : adjustment,
                            line.path("note").asText(),
                            RechargeOutput.ofMs(line.path("gpu_ms").asLong()),
                            RechargeOutput.ofUs(line.path("charged_gpu_us").asLong()),
                            RechargeOutput.ofUs(line.path("credited_gpu_us").asLong()),
                            line.path("price").asText(),
                            money(
                                    line.path("amount_minor").asLong(),
                                    line.path("currency").asText())));
        }
        text.append('\n').append(table).append('\n');
        JsonNode total = root.path("total");
        text.append(
                "total: held %s, charged %s GPU-hours"
                        .formatted(
                                RechargeOutput.ofMs(total.path("gpu_ms").asLong()),
                                RechargeOutput.ofUs(total.path("charged_gpu_us").asLong())));
        for (Map.Entry<String, JsonNode> amount : total.path("amount_minor").properties()) {
            text.append(", ").append(money(amount.getValue().asLong(), amount.getKey()));
        }
        text.append('\n');
        JsonNode budget = root.path("budget");
        if (budget.path("limited").asBoolean()) {
            text.append("budget:");
            for (String part :
                    List.of(
                            "opening",
                            "given",
                            "credited",
                            "used",
                            "corrected",
                            "other",
                            "closing")) {
                text.append(
                        " %s %s"
                                .formatted(
                                        part,
                                        RechargeOutput.ofUs(
                                                budget.path(part + "_gpu_us").asLong())));
            }
            text.append(" GPU-hours\n");
        }
        return text.append("digest ").append(digest).append('\n').toString();
    }

    private static String money(long minor, String currency) {
        return currency.isEmpty() ? "" : Money.text(minor, currency) + " " + currency;
    }
}

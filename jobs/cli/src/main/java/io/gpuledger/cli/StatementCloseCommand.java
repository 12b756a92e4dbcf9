package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.statement.Period;
import io.gpuledger.core.statement.Statement;
import io.gpuledger.core.statement.StatementLine;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.ClosedMonth;
import io.gpuledger.statements.Closing;
import java.io.PrintWriter;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Closes a month. */
@Command(
        name = "close",
        mixinStandardHelpOptions = true,
        description = {
            "Closes a month: what is known of it now is frozen, and with it what is known otherwise of the months before.",
            "",
            "Months close in order. One closes only when every cluster's hours are written and reconcile has compared"
                    + " all of it with the accounting; else what is open is named, and --override closes it all the"
                    + " same. The knowledge time is the same for all grants. The same again changes nothing; one that"
                    + " was killed is repeated.",
            "Exit codes: 0 closed; 1 something is open and nothing was written, or usage has no price; 2 wrong usage,"
                    + " or the month is not over; 3 ClickHouse cannot be reached."
        })
final class StatementCloseCommand implements Callable<Integer> {
    private static final int NAMED = 20;

    @CommandLine.ParentCommand StatementCommand statement;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--month",
            required = true,
            paramLabel = "YYYY-MM",
            description = "In the zone of key zone.")
    String month = "";

    @Option(
            names = "--grant",
            paramLabel = "NAME",
            description = "Only this grant; the month is closed when all are.")
    @Nullable String grant;

    @Option(
            names = "--override",
            paramLabel = "REASON",
            description =
                    "Close although something is open; recorded, and printed on the statements.")
    @Nullable String override;

    @Option(
            names = "--known-at",
            paramLabel = "T",
            description =
                    "Knowledge time, ISO 8601 with zone (default: key statements.close_lag before now).")
    @Nullable String knownAt;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() {
        Period period = statement.period(month);
        String only = UsageCommand.only("--grant", grant);
        if (override != null && override.isBlank()) {
            throw new UsageException("--override is empty; give the reason");
        }
        GpuLedger ledger = statement.ledger;
        Closing.Request request =
                new Closing.Request(
                        period,
                        only,
                        override == null ? "" : override,
                        knownAtMs(),
                        System.currentTimeMillis(),
                        ledger.configuration().get(Keys.CLOSE_LAG).toMillis(),
                        ledger.configuration().get(Keys.RECONCILE_TOLERANCE).toMillis(),
                        System.getProperty("user.name", "unknown"));
        Closing.Outcome outcome;
        try (LocalStack stack = ledger.stack()) {
            Warehouse warehouse = ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            outcome = new Closing(warehouse).close(request);
        }
        int exit =
                outcome instanceof Closing.Outcome.Closed closed
                        ? closed(closed)
                        : refused(((Closing.Outcome.Refused) outcome).open());
        spec.commandLine().getOut().flush();
        return exit;
    }

    private int refused(List<String> open) {
        if (json) {
            ObjectNode root =
                    new ObjectMapper().createObjectNode().put("month", month).put("closed", false);
            ArrayNode items = root.putArray("open");
            open.forEach(items::add);
            spec.commandLine().getOut().println(root.toPrettyString());
        } else {
            PrintWriter err = spec.commandLine().getErr();
            open.forEach(item -> err.println("gpu-ledger: " + item));
            err.printf(
                    "gpu-ledger: %s is not closed; --override REASON closes it all the same%n",
                    month);
            err.flush();
        }
        return ExitCode.FINDINGS;
    }

    private int closed(Closing.Outcome.Closed closed) {
        List<String> unpriced = new ArrayList<>();
        for (Statement s : closed.written()) {
            for (StatementLine line : s.unpriced()) {
                unpriced.add(
                        "%s line %d: no price for %s on cluster %s"
                                .formatted(
                                        s.id(),
                                        line.number(),
                                        line.key().gpuModel().isEmpty()
                                                ? "GPUs without a model"
                                                : line.key().gpuModel(),
                                        line.key().cluster()));
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(json(closed, unpriced).toPrettyString());
        } else {
            String known = Instant.ofEpochMilli(closed.close().knownAtMs()).toString();
            if (closed.written().isEmpty()) {
                out.printf("%s was closed before, as known at %s%n", month, known);
            } else {
                out.printf(
                        "%s: %,d statement%s closed, as known at %s%n",
                        month,
                        closed.written().size(),
                        closed.written().size() == 1 ? "" : "s",
                        known);
            }
            if (closed.month().isEmpty()) {
                out.printf(
                        "other grants are still open; statement close --month %s closes them%n",
                        month);
            }
            PrintWriter err = spec.commandLine().getErr();
            unpriced.stream().limit(NAMED).forEach(u -> err.println("warning: " + u));
            if (unpriced.size() > NAMED) {
                err.printf("warning: and %,d more%n", unpriced.size() - NAMED);
            }
            err.flush();
        }
        return unpriced.isEmpty() ? ExitCode.DONE : ExitCode.FINDINGS;
    }

    private ObjectNode json(Closing.Outcome.Closed closed, List<String> unpriced) {
        ObjectNode root =
                new ObjectMapper()
                        .createObjectNode()
                        .put("month", month)
                        .put("closed", closed.month().isPresent())
                        .put(
                                "known_at",
                                Instant.ofEpochMilli(closed.close().knownAtMs()).toString())
                        .put("registry_version", closed.close().registryVersion())
                        .put("override", closed.close().override())
                        .put("statements", closed.month().map(ClosedMonth::statements).orElse(0));
        ArrayNode written = root.putArray("written");
        for (Statement s : closed.written()) {
            written.addObject()
                    .put("statement", s.id())
                    .put("sequence", s.sequence())
                    .put("digest", s.digest())
                    .put("charged_gpu_us", s.total().chargedGpuUs());
        }
        ArrayNode without = root.putArray("unpriced");
        unpriced.forEach(without::add);
        return root;
    }

    private OptionalLong knownAtMs() {
        String text = knownAt;
        if (text == null) {
            return OptionalLong.empty();
        }
        try {
            return OptionalLong.of(OffsetDateTime.parse(text).toInstant().toEpochMilli());
        } catch (DateTimeException e) {
            throw new UsageException(
                    "--known-at %s is no instant; give one like 2026-11-03T08:00Z".formatted(text));
        }
    }
}

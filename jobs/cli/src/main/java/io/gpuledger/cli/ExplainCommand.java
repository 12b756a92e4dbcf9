package io.gpuledger.cli;

import io.gpuledger.cli.config.Keys;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.Explanation;
import io.gpuledger.statements.RunDetail;
import io.gpuledger.statements.SlotDetail;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Says where a number comes from. */
@Command(
        name = "explain",
        mixinStandardHelpOptions = true,
        description = {
            "Where a number comes from.",
            "",
            "--statement GRANT/YYYY-MM --line N: the line's price, weights and runs, as known when it was closed; of a"
                    + " correction what is known more than before. --run: from what a run is charged down to its hours, its"
                    + " allocations and what each source said of it, with Kafka's offset or file and line. --slot --at: every"
                    + " version of an hour of a slot, when it came in, and its minutes.",
            "Exit codes: 0 explained; 1 the parts do not add up, see statement verify; 2 wrong usage;"
                    + " 3 ClickHouse cannot be reached."
        })
final class ExplainCommand implements Callable<Integer> {
    private static final int ROWS = 30;

    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--statement",
            paramLabel = "GRANT/YYYY-MM",
            description = "A statement; with --line.")
    @Nullable String statement;

    @Option(names = "--line", paramLabel = "N", description = "Number of a line of it.")
    @Nullable Integer line;

    @Option(
            names = "--run",
            paramLabel = "RUN",
            description = "A run as CLUSTER/JOB/START, the key run of usage.")
    @Nullable String run;

    @Option(names = "--slot", paramLabel = "CLUSTER/HOST/GPU", description = "A slot; with --at.")
    @Nullable String slot;

    @Option(names = "--at", paramLabel = "T", description = "ISO 8601, whole minutes.")
    @Nullable String at;

    @Option(
            names = "--all",
            description = "All lines of long lists (default: the first " + ROWS + ").")
    boolean all;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() {
        int asked = (statement == null ? 0 : 1) + (run == null ? 0 : 1) + (slot == null ? 0 : 1);
        if (asked != 1 || (statement == null) != (line == null) || (slot == null) != (at == null)) {
            throw new UsageException(
                    "give --statement GRANT/YYYY-MM with --line N, or --run RUN, or --slot CLUSTER/HOST/GPU with --at T");
        }
        try (LocalStack stack = ledger.stack()) {
            Warehouse warehouse = ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            int exit;
            if (statement != null && line != null) {
                exit = line(new Explanation(warehouse), statement, line);
            } else if (run != null) {
                exit = run(warehouse, UsageCommand.only("--run", run));
            } else {
                exit = slot(new SlotDetail(warehouse), String.valueOf(slot), String.valueOf(at));
            }
            spec.commandLine().getOut().flush();
            return exit;
        }
    }

    private int line(Explanation statements, String id, int number) {
        int slash = id.lastIndexOf('/');
        if (slash < 1) {
            throw new UsageException(
                    "--statement %s is none; give one like dcai-2026-001/2026-10".formatted(id));
        }
        Explanation.Line found =
                statements.line(
                        id.substring(0, slash),
                        StatementCommand.month(id.substring(slash + 1)).toString(),
                        number);
        LineExplanation explanation = new LineExplanation(found);
        if (json) {
            out().println(explanation.json().toPrettyString());
        } else {
            explanation.print(out(), rows());
        }
        boolean usage = found.line().path("adjustment").asText().isEmpty();
        return !usage || found.addsUp() ? ExitCode.DONE : ExitCode.FINDINGS;
    }

    private int slot(SlotDetail detail, String name, String time) {
        String[] parts = name.split("/", -1);
        if (parts.length != 3 || !parts[2].matches("-?\\d{1,4}")) {
            throw new UsageException(
                    "--slot %s is none; give one like gefion/gefion-01/3".formatted(name));
        }
        long atMs =
                UsageCommand.instant("--at", time, ledger.configuration().get(Keys.ZONE))
                        .toEpochMilli();
        int index = Integer.parseInt(parts[2]);
        SlotExplanation found =
                new SlotExplanation(
                        detail.versions(parts[0], parts[1], index, atMs),
                        detail.minutes(parts[0], parts[1], index, atMs));
        if (found.versions().isEmpty() && found.minutes().isEmpty()) {
            throw new UsageException(
                    "the ledger has no hour of --slot %s --at %s".formatted(name, time));
        }
        if (json) {
            out().println(found.json().toPrettyString());
        } else {
            found.print(out());
        }
        return found.addsUp() ? ExitCode.DONE : ExitCode.FINDINGS;
    }

    private int run(Warehouse warehouse, String runId) {
        RunExplanation found =
                RunExplanation.of(new RunDetail(warehouse), new RunEvidence(warehouse), runId);
        if (found.hours().isEmpty() && found.said().isEmpty()) {
            throw new UsageException(
                    "the ledger knows no run %s; usage --by run lists those there are"
                            .formatted(runId));
        }
        if (json) {
            out().println(found.json().toPrettyString());
        } else {
            found.print(out(), rows());
        }
        return found.addsUp() ? ExitCode.DONE : ExitCode.FINDINGS;
    }

    private PrintWriter out() {
        return spec.commandLine().getOut();
    }

    private int rows() {
        return all ? Integer.MAX_VALUE : ROWS;
    }
}

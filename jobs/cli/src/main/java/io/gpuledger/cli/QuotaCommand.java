package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.QuotaQuery;
import io.gpuledger.sql.Warehouse;
import java.io.PrintWriter;
import java.time.ZoneId;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What is left of each grant. */
@Command(
        name = "quota",
        mixinStandardHelpOptions = true,
        description = {
            "Shows what is left of every grant, the most urgent first, in GPU-hours as they are charged.",
            "",
            "One grant with --grant: its budget lines in the order in which they burn, and what was decided.",
            "Exit 1 when a grant is exhausted or expired, or there is no balance yet."
        })
final class QuotaCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();

    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(names = "--grant", paramLabel = "ID", description = "Only this grant, in detail.")
    @Nullable String grant;

    @Option(names = "--zone", description = "Zone of the times shown (default: key zone, UTC).")
    @Nullable String zone;

    @Option(names = "--json", description = "For programs: GPU microseconds, epoch milliseconds.")
    boolean json;

    @Override
    public Integer call() {
        ZoneId zoneId = ledger.configuration().get(Keys.ZONE, "--zone", zone);
        String only = UsageCommand.only("--grant", grant);
        List<QuotaQuery.Standing> standings;
        List<QuotaQuery.Decided> decisions;
        try (LocalStack stack = ledger.stack()) {
            Warehouse warehouse = ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            QuotaQuery query = new QuotaQuery(warehouse);
            standings = query.standings(only);
            decisions = only.isEmpty() ? List.of() : query.decisions(only);
        }
        if (!only.isEmpty() && standings.isEmpty()) {
            throw new UsageException(
                    "--grant %s has no balance; gpu-ledger quota lists those that have"
                            .formatted(only));
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(json(standings, decisions, only).toPrettyString());
        } else if (standings.isEmpty()) {
            out.println("there is no balance yet; is gpu-ledger run quota running?");
        } else {
            QuotaOutput output = new QuotaOutput(zoneId);
            out.print(
                    only.isEmpty()
                            ? output.table(standings)
                            : output.detail(standings.get(0), decisions));
        }
        out.flush();
        boolean fine =
                !standings.isEmpty() && standings.stream().noneMatch(QuotaQuery.Standing::isUsedUp);
        return fine ? ExitCode.DONE : ExitCode.FINDINGS;
    }

    private static ObjectNode json(
            List<QuotaQuery.Standing> standings, List<QuotaQuery.Decided> decisions, String only) {
        ObjectNode root = JSON.createObjectNode();
        ArrayNode grants = root.putArray("grants");
        for (QuotaQuery.Standing s : QuotaOutput.byUrgency(standings)) {
            ObjectNode node =
                    grants.addObject()
                            .put("grant", s.grantId())
                            .put("as_of_ms", s.asOfMs())
                            .put("state", s.state())
                            .put("action", s.action())
                            .put("dry_run", s.dryRun())
                            .put("sequence", s.sequence())
                            .put("limited", s.limited())
                            .put("budget_gpu_us", s.budgetGpuUs())
                            .put("used_gpu_us", s.usedGpuUs())
                            .put("settled_gpu_us", s.settledGpuUs())
                            .put("running_gpu_us", s.runningGpuUs())
                            .put("committed_gpu_us", s.committedGpuUs())
                            .put("lapsed_gpu_us", s.lapsedGpuUs())
                            .put("left_gpu_us", s.budgetGpuUs() - s.usedGpuUs())
                            .put("running_gpu_milli", s.runningGpuMilli())
                            .put("open_runs", s.openRuns())
                            .put("burnt_gpu_us", s.burntGpuUs())
                            .put("burn_window_ms", s.burnWindowMs());
            instant(node, "exhausts_running_ms", s.exhaustsRunningMs());
            instant(node, "exhausts_trailing_ms", s.exhaustsTrailingMs());
            ArrayNode lines = node.putArray("lines");
            for (QuotaQuery.Line line : s.lines()) {
                lines.addObject()
                        .put("from_ms", line.fromMs())
                        .put("expires_ms", line.expiresMs())
                        .put("given_gpu_us", line.givenGpuUs())
                        .put("burnt_gpu_us", line.burntGpuUs())
                        .put("lapsed_gpu_us", line.lapsedGpuUs())
                        .put("note", line.note());
            }
        }
        if (!only.isEmpty()) {
            ArrayNode history = root.putArray("decisions");
            for (QuotaQuery.Decided d : decisions) {
                history.addObject()
                        .put("sequence", d.sequence())
                        .put("state", d.state())
                        .put("action", d.action())
                        .put("effective_at_ms", d.effectiveAtMs())
                        .put("decided_at_ms", d.decidedAtMs())
                        .put("budget_gpu_us", d.budgetGpuUs())
                        .put("settled_gpu_us", d.settledGpuUs())
                        .put("running_gpu_us", d.runningGpuUs())
                        .put("dry_run", d.dryRun())
                        .put("reason", d.reason());
            }
        }
        return root;
    }

    private static void instant(ObjectNode node, String name, long ms) {
        if (ms < 0) {
            node.putNull(name);
        } else {
            node.put(name, ms);
        }
    }
}

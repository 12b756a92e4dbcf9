package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.statement.Period;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.CreditBook;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Lists credits that may be given. */
@Command(
        name = "propose",
        mixinStandardHelpOptions = true,
        description = "Credits for runs that ended in a month, those that nobody has decided yet.")
final class AdjustProposeCommand implements Callable<Integer> {
    @CommandLine.ParentCommand AdjustCommand adjust;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--month",
            required = true,
            paramLabel = "YYYY-MM",
            description = "When the runs ended, in the zone of key zone.")
    String month = "";

    @Option(names = "--cluster", paramLabel = "NAME", description = "Only this cluster.")
    @Nullable String cluster;

    @Option(names = "--all", description = "Those that are decided too.")
    boolean all;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() {
        Period period =
                new Period(
                        StatementCommand.month(month),
                        adjust.ledger.configuration().get(Keys.ZONE));
        String only = UsageCommand.only("--cluster", cluster);
        List<CreditBook.Proposal> proposals;
        try (LocalStack stack = adjust.ledger.stack()) {
            Warehouse warehouse = adjust.ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            proposals =
                    adjust.proposals(warehouse, period.span(), only).stream()
                            .filter(p -> all || p.standing() == CreditBook.Standing.OPEN)
                            .toList();
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            ArrayNode array = new ObjectMapper().createArrayNode();
            for (CreditBook.Proposal p : proposals) {
                ObjectNode proposal = array.addObject();
                proposal.put("id", p.id())
                        .put("grant", p.grantId())
                        .put("run_id", p.runId())
                        .put("job_id", p.jobId())
                        .put("user", p.user())
                        .put("state", p.state())
                        .put("at", Instant.ofEpochMilli(p.atMs()).toString())
                        .put("gpu_ms", p.heldMs())
                        .put("charged_gpu_us", p.chargedGpuUs())
                        .put("gpu_us", p.gpuUs())
                        .put("money", p.money().toPlainString())
                        .put("currency", p.currency())
                        .put("standing", p.standing().name().toLowerCase(Locale.ROOT));
                ArrayNode evidence = proposal.putArray("xid_errors");
                for (CreditBook.Evidence e : p.evidence()) {
                    evidence.addObject()
                            .put("host", e.host())
                            .put("gpu_index", e.gpuIndex())
                            .put("xid", e.xid())
                            .put("ms_after_end", e.sinceEndMs());
                }
            }
            out.println(array.toPrettyString());
        } else if (proposals.isEmpty()) {
            out.println("nothing to credit");
        } else {
            TextTable table =
                    new TextTable(
                            8,
                            List.of(
                                    "proposal",
                                    "grant",
                                    "run",
                                    "user",
                                    "state",
                                    "ended",
                                    "standing",
                                    "XID errors near the end",
                                    "charged GPU-h",
                                    "credit GPU-h",
                                    "money"));
            for (CreditBook.Proposal p : proposals) {
                table.add(
                        List.of(
                                p.id(),
                                p.grantId(),
                                p.runId(),
                                p.user(),
                                p.state(),
                                Instant.ofEpochMilli(p.atMs()).toString(),
                                p.standing().name().toLowerCase(Locale.ROOT),
                                evidence(p.evidence()),
                                RechargeOutput.ofUs(p.chargedGpuUs()),
                                RechargeOutput.ofUs(p.gpuUs()),
                                p.currency().isEmpty()
                                        ? ""
                                        : p.money().toPlainString() + " " + p.currency()));
            }
            out.print(table);
        }
        out.flush();
        return ExitCode.DONE;
    }

    /** The first, and how many there are. */
    private static String evidence(List<CreditBook.Evidence> all) {
        if (all.isEmpty()) {
            return "none";
        }
        CreditBook.Evidence first = all.get(0);
        long seconds = Math.abs(first.sinceEndMs()) / 1_000;
        return "%d on %s/%d %d s %s%s"
                .formatted(
                        first.xid(),
                        first.host(),
                        first.gpuIndex(),
                        seconds,
                        first.sinceEndMs() < 0 ? "before" : "after",
                        all.size() == 1 ? "" : " and %d more".formatted(all.size() - 1));
    }
}

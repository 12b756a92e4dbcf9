package io.gpuledger.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.core.reconcile.GrantRun;
import io.gpuledger.core.reconcile.QuotaReason;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The ledger and the quota balance side by side. */
final class ThreeWayOutput {
    private static final int ROWS = 50;

    private final List<GrantRun> runs;

    ThreeWayOutput(List<GrantRun> runs) {
        this.runs = List.copyOf(runs);
    }

    boolean isExplained() {
        return runs.stream()
                .filter(r -> !r.agrees())
                .noneMatch(r -> QuotaReason.of(r) == QuotaReason.UNEXPLAINED);
    }

    private record Sum(long runs, long differing, long ledgerGpuUs, long quotaGpuUs) {
        Sum plus(GrantRun run) {
            return new Sum(
                    runs + 1,
                    differing + (run.agrees() ? 0 : 1),
                    Math.addExact(ledgerGpuUs, run.ledgerChargedGpuUs()),
                    Math.addExact(quotaGpuUs, run.quotaChargedGpuUs()));
        }
    }

    private Map<String, Sum> byGrant() {
        Map<String, Sum> sums = new TreeMap<>();
        for (GrantRun run : runs) {
            sums.put(
                    run.grantId(), sums.getOrDefault(run.grantId(), new Sum(0, 0, 0, 0)).plus(run));
        }
        return sums;
    }

    String table() {
        StringBuilder out = new StringBuilder("\nLedger and quota balance, charged GPU-seconds\n");
        TextTable grants =
                new TextTable(
                        1, List.of("grant", "runs", "differ", "ledger", "quota", "difference"));
        byGrant()
                .forEach(
                        (grant, sum) ->
                                grants.add(
                                        List.of(
                                                grant,
                                                Long.toString(sum.runs()),
                                                Long.toString(sum.differing()),
                                                seconds(sum.ledgerGpuUs()),
                                                seconds(sum.quotaGpuUs()),
                                                seconds(sum.quotaGpuUs() - sum.ledgerGpuUs()))));
        out.append(grants);
        List<GrantRun> differing = runs.stream().filter(r -> !r.agrees()).toList();
        if (!differing.isEmpty()) {
            TextTable table =
                    new TextTable(
                            3, List.of("run", "grant", "reason", "ledger", "quota", "difference"));
            differing.stream()
                    .limit(ROWS)
                    .forEach(
                            r ->
                                    table.add(
                                            List.of(
                                                    r.runId(),
                                                    r.grantId(),
                                                    QuotaReason.of(r).name(),
                                                    seconds(r.ledgerChargedGpuUs()),
                                                    seconds(r.quotaChargedGpuUs()),
                                                    seconds(r.differenceGpuUs()))));
            out.append('\n').append(table);
            differing.stream()
                    .map(QuotaReason::of)
                    .distinct()
                    .sorted()
                    .forEach(
                            reason -> out.append("%-16s  %s%n".formatted(reason, reason.legend())));
        }
        out.append(
                "%n%d runs of %d grants; ledger and balance %s.%n"
                        .formatted(
                                runs.size(),
                                byGrant().size(),
                                differing.isEmpty()
                                        ? "agree to the unit"
                                        : isExplained()
                                                ? "differ in %d, each for a reason that is known"
                                                        .formatted(differing.size())
                                                : "differ in %d, not all of them explained"
                                                        .formatted(differing.size())));
        return out.toString();
    }

    void into(ObjectNode root) {
        ObjectNode quota = root.putObject("quota");
        quota.put("explained", isExplained());
        ArrayNode grants = quota.putArray("grants");
        byGrant()
                .forEach(
                        (grant, sum) ->
                                grants.addObject()
                                        .put("grant", grant)
                                        .put("runs", sum.runs())
                                        .put("ledger_charged_gpu_us", sum.ledgerGpuUs())
                                        .put("quota_charged_gpu_us", sum.quotaGpuUs()));
        ArrayNode all = quota.putArray("runs");
        for (GrantRun run : runs) {
            if (!run.agrees()) {
                all.addObject()
                        .put("run_id", run.runId())
                        .put("grant", run.grantId())
                        .put("ledger_charged_gpu_us", run.ledgerChargedGpuUs())
                        .put("quota_charged_gpu_us", run.quotaChargedGpuUs())
                        .put("reason", QuotaReason.of(run).name());
            }
        }
    }

    private static String seconds(long gpuUs) {
        return BigDecimal.valueOf(gpuUs, 6)
                .setScale(3, java.math.RoundingMode.HALF_EVEN)
                .toString();
    }
}

package io.gpuledger.statements;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.GrantKind;
import io.gpuledger.core.registry.PriceList;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.statement.Money;
import io.gpuledger.core.statement.Statement;
import io.gpuledger.core.time.Span;
import io.gpuledger.sql.Warehouse;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Credits that a site may give for runs it lost: what such a run was charged in the last hours
 * before its end, and no more, for it may have written checkpoints.
 */
public final class CreditBook {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long MINUTE_MS = 60_000;
    private static final long NEAR_MS = 10 * MINUTE_MS;

    private final Warehouse warehouse;

    /** What became of a proposal. */
    public enum Standing {
        OPEN,
        ACCEPTED,
        REJECTED
    }

    /**
     * A credit that may be given.
     *
     * @param state NODE_FAIL or BOOT_FAIL
     * @param atMs the minute of the run's end
     * @param chargedGpuUs what it was charged in the window
     * @param gpuUs to credit, 0 for a grant that only pays money
     * @param money to credit, 0 for a grant that pays none
     * @param currency empty without money
     * @param evidence XID errors on its hosts around its end, by time
     */
    public record Proposal(
            String id,
            String grantId,
            String cluster,
            String runId,
            String jobId,
            String user,
            String state,
            long atMs,
            long heldMs,
            long chargedGpuUs,
            long gpuUs,
            BigDecimal money,
            String currency,
            Standing standing,
            List<Evidence> evidence) {
        public Proposal {
            evidence = List.copyOf(evidence);
        }
    }

    /**
     * An XID error that a GPU was seen to get.
     *
     * @param gpuIndex NVML's
     * @param sinceEndMs after the run's end; negative before it
     */
    public record Evidence(String host, int gpuIndex, long xid, long sinceEndMs) {}

    public CreditBook(Warehouse warehouse) {
        this.warehouse = warehouse;
    }

    /**
     * Credits for runs that ended in a span, by time.
     *
     * @param cluster only this one, empty for all
     * @param windowMs how far back from its end a run's charges are given back
     */
    public List<Proposal> proposals(Registry registry, Span span, String cluster, long windowMs) {
        Map<String, Standing> decided = new HashMap<>();
        for (List<String> row :
                warehouse.query(
                        "SELECT proposal_id, argMax(decision, recorded_at) FROM credit_decisions GROUP BY proposal_id",
                        Map.of())) {
            decided.put(row.get(0), Standing.valueOf(row.get(1)));
        }
        registry.adjustments().forEach(a -> decided.put(a.id(), Standing.ACCEPTED));
        List<Proposal> all = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        WITH lost AS
                        (
                            SELECT cluster, run_id, job_id, user, state, assumeNotNull(held_end_ms) AS end_ms
                            FROM runs FINAL
                            WHERE NOT withdrawn AND state IN ('NODE_FAIL', 'BOOT_FAIL') AND held_end_ms IS NOT NULL
                              AND held_end_ms >= {from:Int64} AND held_end_ms < {to:Int64}
                              AND ({cluster:String} = '' OR cluster = {cluster:String})
                        )
                        SELECT lost.cluster, lost.run_id, any(lost.job_id), any(lost.user), any(lost.state), any(lost.end_ms) AS ended,
                            usage.grant_id, any(usage.gpu_model), sumIf(usage.gpu_ms, usage.bucket IN ('ALLOCATED', 'SUSPENDED')), sum(usage.charged_gpu_us) AS charged
                        FROM
                        (
                            SELECT cluster, run_id, grant_id, gpu_model, bucket, window_start, gpu_ms, charged_gpu_us
                            FROM usage_hour_current
                            WHERE window_start >= toDateTime({first:Int64}, 'UTC') AND window_start < toDateTime({last:Int64}, 'UTC')
                              AND run_id IN (SELECT run_id FROM lost)
                        ) AS usage
                        JOIN lost ON usage.cluster = lost.cluster AND usage.run_id = lost.run_id
                        WHERE toUnixTimestamp(usage.window_start) * 1000 >= lost.end_ms - {window:Int64}
                          AND usage.grant_id NOT IN ('', 'unmapped')
                        GROUP BY lost.cluster, lost.run_id, usage.grant_id
                        HAVING charged > 0
                        ORDER BY ended, lost.cluster, lost.run_id, usage.grant_id
                        """,
                        Map.of(
                                "from",
                                Long.toString(span.startMs()),
                                "to",
                                Long.toString(span.endMs()),
                                "first",
                                Long.toString(
                                        Math.max(0, (span.startMs() - windowMs) / 1_000 - 3_600)),
                                "last",
                                Long.toString(span.endMs() / 1_000),
                                "window",
                                Long.toString(windowMs),
                                "cluster",
                                cluster))) {
            proposal(registry, row, decided).ifPresent(all::add);
        }
        return all;
    }

    /**
     * Near the end means within ten minutes: a node is given up some minutes after its last word.
     */
    private List<Evidence> evidence(String cluster, String runId, long endMs) {
        return warehouse
                .query(
                        """
                        SELECT host, gpu_index, xid, observed_at_ms - {end:Int64} AS since
                        FROM gpu_errors FINAL
                        WHERE is_new AND cluster = {cluster:String} AND abs(observed_at_ms - {end:Int64}) <= {near:Int64}
                          AND host IN
                          (
                              SELECT host FROM usage_hour_current
                              WHERE cluster = {cluster:String} AND run_id = {run:String}
                                AND window_start >= toDateTime({hour:Int64} - 7200, 'UTC')
                                AND window_start <= toDateTime({hour:Int64}, 'UTC')
                          )
                        ORDER BY observed_at_ms, host, gpu_index, xid
                        """,
                        Map.of(
                                "cluster",
                                cluster,
                                "run",
                                runId,
                                "end",
                                Long.toString(endMs),
                                "hour",
                                Long.toString(endMs / 1_000),
                                "near",
                                Long.toString(NEAR_MS)))
                .stream()
                .map(
                        row ->
                                new Evidence(
                                        row.get(0),
                                        Integer.parseInt(row.get(1)),
                                        Long.parseLong(row.get(2)),
                                        Long.parseLong(row.get(3))))
                .toList();
    }

    private Optional<Proposal> proposal(
            Registry registry, List<String> row, Map<String, Standing> decided) {
        String grantId = row.get(6);
        Optional<Grant> grant = registry.grant(grantId);
        if (grant.isEmpty()) {
            return Optional.empty();
        }
        long atMs = Math.floorDiv(Long.parseLong(row.get(5)), MINUTE_MS) * MINUTE_MS;
        long charged = Long.parseLong(row.get(9));
        boolean paysMoney = grant.get().kind() == GrantKind.COMMERCIAL;
        Optional<PriceList> prices = registry.priceList(grant.get().priceList());
        String currency = paysMoney ? prices.map(PriceList::currency).orElse("") : "";
        BigDecimal money =
                paysMoney
                        ? prices.flatMap(list -> list.at(row.get(7), atMs))
                                .map(price -> Money.of(charged, price.perGpuHour(), currency))
                                .orElse(BigDecimal.ZERO)
                        : BigDecimal.ZERO;
        String id =
                "credit-"
                        + Statement.digest(row.get(0) + "\n" + row.get(1) + "\n" + grantId)
                                .substring(0, 16);
        return Optional.of(
                new Proposal(
                        id,
                        grantId,
                        row.get(0),
                        row.get(1),
                        row.get(2),
                        row.get(3),
                        row.get(4),
                        atMs,
                        Long.parseLong(row.get(8)),
                        charged,
                        grant.get().budget().isEmpty() ? 0 : charged,
                        money,
                        currency,
                        decided.getOrDefault(id, Standing.OPEN),
                        evidence(row.get(0), row.get(1), Long.parseLong(row.get(5)))));
    }

    /** Writes down what was decided, by whom and why. */
    public void decide(Proposal proposal, Standing decision, String reason, String author) {
        ObjectNode row =
                JSON.createObjectNode()
                        .put("proposal_id", proposal.id())
                        .put("cluster", proposal.cluster())
                        .put("run_id", proposal.runId())
                        .put("grant_id", proposal.grantId())
                        .put("decision", decision.name())
                        .put("gpu_us", proposal.gpuUs())
                        .put("money", proposal.money().toPlainString())
                        .put("reason", reason)
                        .put("author", author);
        warehouse.insert("credit_decisions", List.of(row));
    }
}

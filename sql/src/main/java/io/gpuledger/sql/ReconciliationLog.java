package io.gpuledger.sql;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/** What comparisons of accounting and ledger found, kept for {@code statement close}. */
public final class ReconciliationLog {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Warehouse warehouse;

    /**
     * One comparison of a whole cluster.
     *
     * @param toleranceMs that was asked for
     * @param quotaCompared whether the quota balance was compared too
     */
    public record Comparison(
            String cluster,
            long recordedAtMs,
            long fromMs,
            long toMs,
            long runs,
            long schedulerMs,
            long ledgerMs,
            long unexplainedMs,
            long toleranceMs,
            boolean quotaCompared,
            boolean quotaExplained,
            String recordedBy) {}

    public ReconciliationLog(Warehouse warehouse) {
        this.warehouse = warehouse;
    }

    /** Appends one. */
    public void add(Comparison c) {
        ObjectNode row =
                JSON.createObjectNode()
                        .put("cluster", c.cluster())
                        .put(
                                "recorded_at",
                                "%d.%03d"
                                        .formatted(
                                                c.recordedAtMs() / 1_000, c.recordedAtMs() % 1_000))
                        .put("from_ms", c.fromMs())
                        .put("to_ms", c.toMs())
                        .put("runs_compared", c.runs())
                        .put("scheduler_gpu_ms", c.schedulerMs())
                        .put("ledger_gpu_ms", c.ledgerMs())
                        .put("unexplained_gpu_ms", c.unexplainedMs())
                        .put("tolerance_gpu_ms", c.toleranceMs())
                        .put("quota_compared", c.quotaCompared() ? 1 : 0)
                        .put("quota_explained", c.quotaExplained() ? 1 : 0)
                        .put("recorded_by", c.recordedBy());
        warehouse.insert("reconciliations", List.of(row));
    }
}

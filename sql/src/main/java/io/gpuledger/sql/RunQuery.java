package io.gpuledger.sql;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One run: what the scheduler said of it, and what the ledger has of it, slot by slot. */
public final class RunQuery {
    private static final long HOUR_MS = 3_600_000;

    private final Warehouse warehouse;

    public RunQuery(Warehouse warehouse) {
        this.warehouse = warehouse;
    }

    /**
     * A run and its parts.
     *
     * @param endMs exclusive; of an open run the latest evidence of holding
     */
    public record Explained(
            String runId,
            String account,
            String user,
            String state,
            long startMs,
            long endMs,
            int gpus,
            List<Part> parts) {
        public Explained {
            parts = List.copyOf(parts);
        }
    }

    /** What a run had of a slot, or of an instance of it, in a bucket. */
    public record Part(
            String host,
            int gpuIndex,
            int instance,
            String grantId,
            String bucket,
            long gpuMs,
            long chargedGpuUs,
            long coveredMs,
            long activeGpuUs,
            long energyMj,
            long heldIdleMs,
            int flags) {}

    /** Empty for a run that is not known. */
    public Optional<Explained> explain(String cluster, String runId) {
        List<List<String>> runs =
                warehouse.query(
                        """
                        SELECT account, user, state, start_ms, ifNull(held_end_ms, toInt64(-1)), gpu_count
                        FROM runs FINAL
                        WHERE cluster = {cluster:String} AND run_id = {run:String} AND NOT withdrawn
                        """,
                        Map.of("cluster", cluster, "run", runId));
        if (runs.isEmpty()) {
            return Optional.empty();
        }
        List<String> run = runs.get(0);
        long start = Long.parseLong(run.get(3));
        long end = Long.parseLong(run.get(4));
        return Optional.of(
                new Explained(
                        runId,
                        run.get(0),
                        run.get(1),
                        run.get(2),
                        start,
                        end,
                        Integer.parseInt(run.get(5)),
                        parts(cluster, runId, start, end)));
    }

    private List<Part> parts(String cluster, String runId, long startMs, long endMs) {
        long from = Math.floorDiv(startMs, HOUR_MS) * HOUR_MS / 1000;
        // A node may be freed some time after the end.
        String until = endMs < 0 ? "4294967295" : Long.toString((endMs + 24 * HOUR_MS) / 1000);
        return warehouse
                .query(
                        """
                        SELECT host, gpu_index, instance, grant_id, bucket, sum(gpu_ms), sum(charged_gpu_us),
                            sum(covered_ms), sum(active_gpu_us), sum(energy_mj), sum(held_idle_ms), groupBitOr(flags)
                        FROM usage_hour_current
                        WHERE cluster = {cluster:String} AND run_id = {run:String}
                          AND window_start >= toDateTime({from:Int64}, 'UTC')
                          AND window_start <= toDateTime({until:Int64}, 'UTC')
                        GROUP BY host, gpu_index, instance, grant_id, bucket
                        ORDER BY host, gpu_index, instance, grant_id, bucket
                        """,
                        Map.of(
                                "cluster",
                                cluster,
                                "run",
                                runId,
                                "from",
                                Long.toString(from),
                                "until",
                                until))
                .stream()
                .map(RunQuery::part)
                .toList();
    }

    private static Part part(List<String> row) {
        return new Part(
                row.get(0),
                Integer.parseInt(row.get(1)),
                Integer.parseInt(row.get(2)),
                row.get(3),
                row.get(4),
                Long.parseLong(row.get(5)),
                Long.parseLong(row.get(6)),
                Long.parseLong(row.get(7)),
                Long.parseLong(row.get(8)),
                Long.parseLong(row.get(9)),
                Long.parseLong(row.get(10)),
                Integer.parseInt(row.get(11)));
    }
}

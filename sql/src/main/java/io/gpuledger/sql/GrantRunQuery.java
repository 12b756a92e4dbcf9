package io.gpuledger.sql;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Usage rows and quota balance side by side, by grant and run. */
public final class GrantRunQuery {
    private final Warehouse warehouse;

    public GrantRunQuery(Warehouse warehouse) {
        this.warehouse = warehouse;
    }

    /** Amounts of one grant and run; see {@code GrantRun} of the core. */
    public record Row(
            String grantId,
            String runId,
            long ledgerGpuMs,
            long ledgerOverheadGpuMs,
            long ledgerChargedGpuUs,
            boolean quotaKnows,
            long quotaGpuMs,
            long quotaChargedGpuUs,
            int ledgerFlags,
            int quotaFlags,
            boolean divided,
            boolean backfilled,
            boolean open) {}

    /** Whole runs of a cluster that started in {@code [fromMs, toMs)}, sorted by grant and run. */
    public List<Row> of(String cluster, long fromMs, long toMs) {
        List<Row> rows = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        WITH chosen AS
                        (
                            SELECT run_id, held_end_ms IS NULL AS is_open
                            FROM runs FINAL
                            WHERE cluster = {cluster:String} AND NOT withdrawn
                                AND start_ms >= {from:Int64} AND start_ms < {to:Int64}
                        ),
                        ledger AS
                        (
                            SELECT
                                grant_id,
                                run_id,
                                sumIf(gpu_ms, bucket != 'OVERHEAD') AS held_ms,
                                sumIf(gpu_ms, bucket = 'OVERHEAD') AS overhead_ms,
                                sum(charged_gpu_us) AS charged_us,
                                groupBitOr(flags) AS all_flags,
                                max(instance) >= 0 AS parts
                            FROM usage_minute_current
                            WHERE cluster = {cluster:String} AND run_id != ''
                                AND run_id IN (SELECT run_id FROM chosen)
                            GROUP BY grant_id, run_id
                        ),
                        quota AS
                        (
                            SELECT grant_id, run_id, gpu_ms, charged_gpu_us, flags, open
                            FROM quota_runs FINAL
                            WHERE cluster = {cluster:String}
                                AND run_id IN (SELECT run_id FROM chosen)
                        ),
                        contested AS
                        (
                            SELECT run_id
                            FROM usage_minute_current
                            WHERE cluster = {cluster:String} AND run_id != ''
                                AND (host, gpu_index) IN
                                (
                                    SELECT host, gpu_index
                                    FROM usage_minute_current
                                    WHERE cluster = {cluster:String} AND bitTest(flags, 2)
                                )
                        ),
                        filed AS
                        (
                            SELECT run_id, input_digest != 0 AS from_files
                            FROM runs FINAL
                            WHERE cluster = {cluster:String}
                        )
                        SELECT
                            grant_id,
                            run_id,
                            sum(held), sum(overhead), sum(ledger_us),
                            max(known), sum(quota_ms), sum(quota_us),
                            bitOr(
                                groupBitOr(l_flags),
                                if(max(run_id IN (SELECT run_id FROM contested)), 4, 0)),
                            groupBitOr(q_flags),
                            max(divided),
                            max(run_id IN (SELECT run_id FROM filed WHERE from_files)),
                            max(going OR run_id IN (SELECT run_id FROM chosen WHERE is_open))
                        FROM
                        (
                            SELECT grant_id, run_id, held_ms AS held, overhead_ms AS overhead,
                                charged_us AS ledger_us, 0 AS known, toInt64(0) AS quota_ms,
                                toInt64(0) AS quota_us, all_flags AS l_flags, toUInt32(0) AS q_flags,
                                parts AS divided, 0 AS going
                            FROM ledger
                            UNION ALL
                            SELECT grant_id, run_id, toInt64(0), toInt64(0), toInt64(0), 1, gpu_ms,
                                charged_gpu_us, toUInt32(0), flags, 0, open
                            FROM quota
                        )
                        GROUP BY grant_id, run_id
                        ORDER BY grant_id, run_id
                        """,
                        Map.of(
                                "cluster",
                                cluster,
                                "from",
                                Long.toString(fromMs),
                                "to",
                                Long.toString(toMs)))) {
            rows.add(
                    new Row(
                            row.get(0),
                            row.get(1),
                            number(row, 2),
                            number(row, 3),
                            number(row, 4),
                            number(row, 5) != 0,
                            number(row, 6),
                            number(row, 7),
                            (int) number(row, 8),
                            (int) number(row, 9),
                            number(row, 10) != 0,
                            number(row, 11) != 0,
                            number(row, 12) != 0));
        }
        return rows;
    }

    private static long number(List<String> row, int column) {
        return Long.parseLong(row.get(column));
    }
}

package io.gpuledger.statements;

import io.gpuledger.core.statement.Period;
import io.gpuledger.core.statement.Reconciled;
import io.gpuledger.core.statement.ReconciliationGate;
import io.gpuledger.core.time.Span;
import io.gpuledger.sql.Warehouse;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What keeps a month from being closed, for people. */
final class OpenItems {
    private final Warehouse warehouse;
    private final Period period;
    private final long knownAtMs;

    OpenItems(Warehouse warehouse, Period period, long knownAtMs) {
        this.warehouse = warehouse;
        this.period = period;
        this.knownAtMs = knownAtMs;
    }

    /** Everything that is open, nothing when the month may be closed. */
    List<String> find(long toleranceMs) {
        List<String> open = new ArrayList<>();
        writers(open);
        backfills(open);
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT cluster, toUnixTimestamp(max(window_start)) + 3600
                        FROM usage_hour_log
                        WHERE window_start >= toDateTime({from:Int64}, 'UTC')
                        GROUP BY cluster
                        HAVING min(window_start) < toDateTime({to:Int64}, 'UTC')
                        ORDER BY cluster
                        """,
                        Map.of("from", seconds(period.span().startMs()), "to", end()))) {
            String cluster = row.get(0);
            long writtenMs = Long.parseLong(row.get(1)) * 1_000;
            if (writtenMs < period.span().endMs()) {
                open.add(
                        "cluster %s: its hours are written until %s only; let the attribution job catch up"
                                .formatted(cluster, Instant.ofEpochMilli(writtenMs)));
            }
            open.addAll(
                    ReconciliationGate.open(
                            cluster, period.span(), reconciled(cluster), toleranceMs));
        }
        return open;
    }

    /** What began before the knowledge time would come in with a time before it. */
    private void writers(List<String> open) {
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT query_id, round(elapsed)
                        FROM system.processes
                        WHERE query_kind = 'Insert' AND current_database = {database:String}
                          AND elapsed > (toUnixTimestamp64Milli(now64(3)) - {known:Int64}) / 1000
                        """,
                        Map.of(
                                "database",
                                warehouse.database(),
                                "known",
                                Long.toString(knownAtMs)))) {
            open.add(
                    "insert %s has been writing for %s s; wait for its end"
                            .formatted(row.get(0), row.get(1)));
        }
    }

    private void backfills(List<String> open) {
        for (List<String> row :
                warehouse.query(
                        """
                        WITH begun AS
                        (
                            SELECT * FROM backfills FINAL
                            WHERE state NOT IN ('DONE', 'REFUSED')
                              AND from_s < {to:Int64} AND to_s > {from:Int64}
                        )
                        SELECT cluster, state, from_s, to_s FROM begun
                        WHERE attempt NOT IN
                        (
                            SELECT b.attempt
                            FROM begun AS b
                            JOIN (SELECT * FROM backfills FINAL WHERE state = 'DONE') AS d
                                ON b.cluster = d.cluster
                            WHERE d.started_at > b.started_at AND d.from_s <= b.from_s AND d.to_s >= b.to_s
                        )
                        ORDER BY cluster, from_s, to_s
                        """,
                        Map.of("from", seconds(period.span().startMs()), "to", end()))) {
            open.add(
                    "cluster %s: a backfill of %s to %s is %s; let it end, or run it again"
                            .formatted(
                                    row.get(0),
                                    instant(row.get(2)),
                                    instant(row.get(3)),
                                    row.get(1)));
        }
    }

    private List<Reconciled> reconciled(String cluster) {
        List<Reconciled> all = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT toUnixTimestamp64Milli(recorded_at), from_ms, to_ms, unexplained_gpu_ms,
                            quota_compared AND NOT quota_explained
                        FROM reconciliations
                        WHERE cluster = {cluster:String} AND from_ms < {to:Int64} AND to_ms > {from:Int64}
                        ORDER BY recorded_at DESC
                        """,
                        Map.of(
                                "cluster",
                                cluster,
                                "from",
                                Long.toString(period.span().startMs()),
                                "to",
                                Long.toString(period.span().endMs())))) {
            all.add(
                    new Reconciled(
                            Long.parseLong(row.get(0)),
                            new Span(Long.parseLong(row.get(1)), Long.parseLong(row.get(2))),
                            Long.parseLong(row.get(3)),
                            row.get(4).equals("1")));
        }
        return all;
    }

    private String end() {
        return seconds(period.span().endMs());
    }

    private static String seconds(long ms) {
        return Long.toString(ms / 1_000);
    }

    private static Instant instant(String seconds) {
        return Instant.ofEpochSecond(Long.parseLong(seconds));
    }
}

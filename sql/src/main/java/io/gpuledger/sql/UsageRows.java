package io.gpuledger.sql;

import java.time.Instant;
import java.time.ZoneId;
import java.time.zone.ZoneOffsetTransition;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;

/**
 * Which rows are read for usage between two instants: those of whole hours, which are their
 * minutes' sum, wherever an hour is surely written; the minutes everywhere else. That is before the
 * first and after the last whole hour, where a cluster's hours end, and where a backfill did not.
 */
final class UsageRows {
    private static final long HOUR_S = 3600;

    /**
     * Before the last hour of a cluster. The hours of all its hosts are written at once, but by
     * several writers, each at its own next checkpoint.
     */
    private static final long UNSURE_S = 3 * HOUR_S;

    private static final long LATE_S = 48 * HOUR_S;

    /** Columns that each holder of a slot has. */
    private static final Set<String> OF_HOLDERS =
            Set.of(
                    "bucket",
                    "run_id",
                    "job_id",
                    "account",
                    "user",
                    "partition",
                    "qos",
                    "grant_id",
                    "gpu_ms",
                    "charged_gpu_us",
                    "covered_ms",
                    "active_gpu_us",
                    "energy_mj",
                    "held_idle_ms");

    private record Stretch(String cluster, long fromS, long toS) {}

    private final long fromS;
    private final long toS;
    private final long firstHourS;
    private final long lastHourS;
    private final List<Stretch> written = new ArrayList<>();
    private final List<Stretch> unfinished = new ArrayList<>();

    /**
     * Asks the warehouse which hours are written.
     *
     * @param cluster only this one, empty for all
     * @param byHours whether hours will do: not where one has parts that are told apart
     */
    UsageRows(Warehouse warehouse, Instant from, Instant to, String cluster, boolean byHours) {
        fromS = from.getEpochSecond();
        toS = to.getEpochSecond();
        firstHourS = -Math.floorDiv(-fromS, HOUR_S) * HOUR_S;
        lastHourS = Math.floorDiv(toS, HOUR_S) * HOUR_S;
        if (byHours && firstHourS < lastHourS) {
            askWritten(warehouse, cluster);
            askUnfinished(warehouse);
        }
    }

    /** Whether every hour of a zone begins with one of UTC, in all of a span. */
    static boolean hasWholeHours(ZoneId zone, Instant from, Instant to) {
        Instant at = from;
        while (at.isBefore(to)) {
            if (zone.getRules().getOffset(at).getTotalSeconds() % HOUR_S != 0) {
                return false;
            }
            ZoneOffsetTransition next = zone.getRules().nextTransition(at);
            at = next == null ? to : next.getInstant();
        }
        return true;
    }

    /** A cluster's last hour is sought in the last days first: the others end somewhere before. */
    private void askWritten(Warehouse warehouse, String cluster) {
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT cluster, toUnixTimestamp(max(window_start)) + 3600
                        FROM usage_hour
                        WHERE window_start >= toDateTime({from:Int64}, 'UTC')
                          AND window_start < toDateTime({to:Int64}, 'UTC')
                          AND (window_start >= toDateTime({late:Int64}, 'UTC')
                            OR cluster NOT IN (
                                SELECT DISTINCT cluster FROM usage_hour
                                WHERE window_start >= toDateTime({late:Int64}, 'UTC')
                                  AND window_start < toDateTime({to:Int64}, 'UTC')))
                          AND ({cluster:String} = '' OR cluster = {cluster:String})
                        GROUP BY cluster ORDER BY cluster
                        """,
                        Map.of(
                                "from",
                                Long.toString(firstHourS),
                                "to",
                                Long.toString(lastHourS + UNSURE_S),
                                "late",
                                Long.toString(Math.max(firstHourS, lastHourS - LATE_S)),
                                "cluster",
                                cluster))) {
            long until = Math.min(lastHourS, Long.parseLong(row.get(1)) - UNSURE_S);
            if (firstHourS < until) {
                written.add(new Stretch(row.get(0), firstHourS, until));
            }
        }
    }

    /** What was begun and neither finished nor done again since has hours that lack minutes. */
    private void askUnfinished(Warehouse warehouse) {
        for (List<String> row :
                warehouse.query(
                        """
                        WITH begun AS
                        (
                            SELECT cluster, attempt, from_s, to_s, started_at
                            FROM backfills FINAL
                            WHERE state NOT IN ('DONE', 'REFUSED')
                              AND from_s < {to:Int64} AND to_s > {from:Int64}
                        )
                        SELECT cluster, from_s, to_s
                        FROM begun
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
                        Map.of(
                                "from",
                                Long.toString(firstHourS),
                                "to",
                                Long.toString(lastHourS)))) {
            unfinished.add(
                    new Stretch(
                            row.get(0), Long.parseLong(row.get(1)), Long.parseLong(row.get(2))));
        }
    }

    /**
     * A subquery of holders' rows. It reads these columns alone: those of a view that nobody asks
     * for are read all the same, because the arrays are joined. What is in PREWHERE is part of what
     * identifies a row, and so the same of all its versions.
     *
     * @param columns as the views call them
     * @param conditions that all must hold, on columns of the tables or columns asked for
     */
    String sql(Collection<String> columns, List<String> conditions) {
        StringBuilder where = new StringBuilder("WHERE 1");
        conditions.forEach(condition -> where.append(" AND (").append(condition).append(')'));
        String minutes =
                """
                %s
                PREWHERE window_start >= toDateTime({from_s:Int64}, 'UTC')
                  AND window_start < toDateTime({to_s:Int64}, 'UTC')
                """
                        .formatted(select(columns, "usage_minute"));
        if (written.isEmpty()) {
            return "(" + minutes + where + ")";
        }
        return """
        (
        %1$s
        PREWHERE window_start >= toDateTime({first_hour_s:Int64}, 'UTC')
          AND window_start < toDateTime({last_hour_s:Int64}, 'UTC')
          AND (%2$s)
        %3$s
        UNION ALL
        %4$s
          AND (window_start < toDateTime({first_hour_s:Int64}, 'UTC')
            OR window_start >= toDateTime({last_hour_s:Int64}, 'UTC')
            OR %5$s)
        %3$s
        )
        """
                .formatted(select(columns, "usage_hour"), byHours(), where, minutes, byMinutes());
    }

    /** A slot that nobody had anything of has no holders, and no row here. */
    private static String select(Collection<String> columns, String table) {
        StringJoiner arrays = new StringJoiner(", ");
        arrays.add("holders.gpu_ms AS gpu_ms");
        for (String column : columns) {
            if (OF_HOLDERS.contains(column) && !column.equals("gpu_ms")) {
                arrays.add("holders.%1$s AS %1$s".formatted(column));
            }
        }
        return "SELECT %s FROM %s FINAL ARRAY JOIN %s"
                .formatted(String.join(", ", columns), table, arrays);
    }

    private String byHours() {
        StringBuilder sql = new StringBuilder();
        for (int i = 0; i < written.size(); i++) {
            sql.append(i == 0 ? "" : " OR ").append(inside("written", i));
        }
        StringBuilder all = new StringBuilder("(").append(sql).append(')');
        for (int i = 0; i < unfinished.size(); i++) {
            all.append(" AND NOT ").append(inside("unfinished", i));
        }
        return all.toString();
    }

    /** Put so that ClickHouse can skip a cluster's minutes by its sort key. */
    private String byMinutes() {
        StringBuilder sql = new StringBuilder("cluster NOT IN (");
        for (int i = 0; i < written.size(); i++) {
            sql.append(i == 0 ? "" : ", ").append("{written_%d:String}".formatted(i));
        }
        sql.append(')');
        for (int i = 0; i < written.size(); i++) {
            sql.append(
                    " OR (cluster = {written_%d:String} AND window_start >= toDateTime({written_to_%d:Int64}, 'UTC'))"
                            .formatted(i, i));
        }
        for (int i = 0; i < unfinished.size(); i++) {
            sql.append(" OR ").append(inside("unfinished", i));
        }
        return sql.toString();
    }

    private static String inside(String list, int i) {
        return "(cluster = {%1$s_%2$d:String} AND window_start >= toDateTime({%1$s_from_%2$d:Int64}, 'UTC') AND window_start < toDateTime({%1$s_to_%2$d:Int64}, 'UTC'))"
                .formatted(list, i);
    }

    /** Those of the subquery and the caller's. */
    Map<String, String> parameters(Map<String, String> callers) {
        Map<String, String> all = new HashMap<>(callers);
        all.put("from_s", Long.toString(fromS));
        all.put("to_s", Long.toString(toS));
        if (!written.isEmpty()) {
            all.put("first_hour_s", Long.toString(firstHourS));
            all.put("last_hour_s", Long.toString(lastHourS));
            put(all, "written", written);
            put(all, "unfinished", unfinished);
        }
        return all;
    }

    private static void put(Map<String, String> all, String list, List<Stretch> stretches) {
        for (int i = 0; i < stretches.size(); i++) {
            all.put(list + "_" + i, stretches.get(i).cluster());
            all.put(list + "_from_" + i, Long.toString(stretches.get(i).fromS()));
            all.put(list + "_to_" + i, Long.toString(stretches.get(i).toS()));
        }
    }
}

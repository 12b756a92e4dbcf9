package io.gpuledger.statements.report;

import io.gpuledger.core.statement.Period;
import io.gpuledger.sql.Warehouse;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What a statement's own month consists of, as known when it was closed. */
final class DetailQuery {
    private static final String KNOWN =
            """
            WITH known AS
            (
                SELECT cluster, host, gpu_index, window_start, %s
                FROM usage_hour_log
                WHERE inserted_at <= fromUnixTimestamp64Milli({known:Int64}, 'UTC')
                  AND window_start >= toDateTime({from:Int64}, 'UTC')
                  AND window_start < toDateTime({to:Int64}, 'UTC')
                ORDER BY cluster, host, gpu_index, unplaced_run, window_start, revision DESC, inserted_at DESC
                LIMIT 1 BY cluster, host, gpu_index, unplaced_run, window_start
            )
            """;

    private final Warehouse warehouse;
    private final Period period;
    private final long knownAtMs;

    DetailQuery(Warehouse warehouse, Period period, long knownAtMs) {
        this.warehouse = warehouse;
        this.period = period;
        this.knownAtMs = knownAtMs;
    }

    private Map<String, String> parameters(String grantId) {
        return Map.of(
                "known",
                Long.toString(knownAtMs),
                "from",
                Long.toString(period.span().startMs() / 1_000),
                "to",
                Long.toString(period.span().endMs() / 1_000),
                "zone",
                period.zone().getId(),
                "grant",
                grantId);
    }

    /**
     * By day, user, account and run.
     *
     * @param grantId only this one's; empty for all, then without users and runs
     */
    List<UsageDetail> usage(String grantId) {
        boolean one = !grantId.isEmpty();
        String arrays =
                """
                holders.bucket AS b, holders.grant_id AS g, holders.user AS u, holders.account AS a,
                holders.run_id AS r, holders.job_id AS j, holders.gpu_ms AS m, holders.charged_gpu_us AS c,
                holders.covered_ms AS v, holders.active_gpu_us AS x, holders.energy_mj AS e,
                holders.held_idle_ms AS i, holders.flags AS f
                """;
        List<UsageDetail> all = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        KNOWN.formatted(arrays)
                                + """
                                SELECT
                                    toString(toDate(window_start, {zone:String})) AS day,
                                    grant_id, cluster, %s,
                                    sumIf(gpu_ms, bucket IN ('ALLOCATED', 'SUSPENDED')) AS held,
                                    sum(charged), sum(covered), sum(active), sum(energy), sum(idle),
                                    sumIf(gpu_ms, bitAnd(flags, 2) != 0 AND bucket IN ('ALLOCATED', 'SUSPENDED'))
                                FROM known
                                ARRAY JOIN b AS bucket, g AS grant_id, u AS user, a AS account, r AS run_id, j AS job_id,
                                    m AS gpu_ms, c AS charged, v AS covered, x AS active, e AS energy, i AS idle, f AS flags
                                WHERE grant_id != '' AND ({grant:String} = '' OR grant_id = {grant:String})
                                GROUP BY day, grant_id, cluster%s
                                ORDER BY day, grant_id, cluster%s
                                """
                                        .formatted(
                                                one
                                                        ? "user, account, run_id, job_id"
                                                        : "'', '', '', ''",
                                                one ? ", user, account, run_id, job_id" : "",
                                                one ? ", user, account, run_id, job_id" : ""),
                        parameters(grantId))) {
            all.add(
                    new UsageDetail(
                            LocalDate.parse(row.get(0)),
                            row.get(1),
                            row.get(2),
                            row.get(3),
                            row.get(4),
                            row.get(5),
                            row.get(6),
                            new Sums(
                                    number(row, 7),
                                    number(row, 8),
                                    number(row, 9),
                                    number(row, 10),
                                    number(row, 11),
                                    number(row, 12),
                                    number(row, 13))));
        }
        return all;
    }

    /** Energy of a grant's own time, empty for that of all grants, by cluster and hour. */
    List<HourEnergy> energy(String grantId) {
        List<HourEnergy> all = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        KNOWN.formatted("holders.grant_id AS g, holders.energy_mj AS e")
                                + """
                                SELECT cluster, toUnixTimestamp(window_start), sum(energy) AS mj
                                FROM known ARRAY JOIN g AS grant_id, e AS energy
                                WHERE grant_id != '' AND ({grant:String} = '' OR grant_id = {grant:String})
                                GROUP BY cluster, window_start HAVING mj != 0
                                ORDER BY cluster, window_start
                                """,
                        parameters(grantId))) {
            all.add(new HourEnergy(row.get(0), number(row, 1) * 1_000, number(row, 2)));
        }
        return all;
    }

    /** What all slots did, by day. */
    List<CapacityDetail> capacity() {
        List<CapacityDetail> all = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        KNOWN.formatted("holders.bucket AS b, holders.gpu_ms AS m")
                                + """
                                SELECT toString(toDate(window_start, {zone:String})) AS day, cluster, bucket,
                                    sum(gpu_ms), uniqExactIf((host, gpu_index), gpu_index >= 0)
                                FROM known ARRAY JOIN b AS bucket, m AS gpu_ms
                                GROUP BY day, cluster, bucket ORDER BY day, cluster, bucket
                                """,
                        parameters(""))) {
            all.add(
                    new CapacityDetail(
                            LocalDate.parse(row.get(0)),
                            row.get(1),
                            row.get(2),
                            number(row, 3),
                            number(row, 4)));
        }
        return all;
    }

    /** Slots that existed at some time of the month, by cluster. */
    Map<String, Long> slots() {
        Map<String, Long> slots = new TreeMap<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT cluster, uniqExact(host, gpu_index) FROM usage_hour_log
                        WHERE inserted_at <= fromUnixTimestamp64Milli({known:Int64}, 'UTC')
                          AND window_start >= toDateTime({from:Int64}, 'UTC')
                          AND window_start < toDateTime({to:Int64}, 'UTC') AND gpu_index >= 0
                        GROUP BY cluster ORDER BY cluster
                        """,
                        parameters(""))) {
            slots.put(row.get(0), number(row, 1));
        }
        return slots;
    }

    /** Records that could not be used, of these clusters, that were recorded in the month. */
    long deadLetters() {
        return Long.parseLong(
                warehouse
                        .query(
                                """
                                SELECT count() FROM dead_letters
                                WHERE recorded_at >= toDateTime({from:Int64}, 'UTC')
                                  AND recorded_at < toDateTime({to:Int64}, 'UTC')
                                  AND recorded_at <= fromUnixTimestamp64Milli({known:Int64}, 'UTC')
                                """,
                                parameters(""))
                        .get(0)
                        .get(0));
    }

    private static long number(List<String> row, int column) {
        return Long.parseLong(row.get(column));
    }
}

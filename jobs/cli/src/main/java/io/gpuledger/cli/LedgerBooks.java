package io.gpuledger.cli;

import io.gpuledger.core.reconcile.AccountingRow;
import io.gpuledger.core.reconcile.Books;
import io.gpuledger.core.reconcile.DisputedStretch;
import io.gpuledger.core.reconcile.HeldStretch;
import io.gpuledger.core.reconcile.LedgerRun;
import io.gpuledger.core.reconcile.Reconciliation;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.time.Span;
import io.gpuledger.sql.Warehouse;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Reads what the ledger has of a cluster and a span. First one number a run; only where that
 * differs from accounting also when the run held what, as stretches of minutes that are alike: a
 * few rows a run, however long it is.
 */
final class LedgerBooks {
    private static final long HOUR_MS = 3_600_000;

    /** Parameters travel in the URL, which ClickHouse bounds. */
    private static final int CHUNK = 500;

    private final Warehouse warehouse;
    private final String cluster;
    private final Span window;

    LedgerBooks(Warehouse warehouse, String cluster, Span window) {
        this.warehouse = warehouse;
        this.cluster = cluster;
        this.window = window;
    }

    /** Both books, with all that is needed to explain where they differ. */
    Books with(List<AccountingRow> rows) {
        refuseUnknownCluster();
        Map<String, LedgerRun> runs = runs(rows);
        Books books = new Books(cluster, window, rows, List.copyOf(runs.values()), recorded());
        List<String> differing = List.copyOf(new TreeSet<>(Reconciliation.differing(books)));
        for (int at = 0; at < differing.size(); at += CHUNK) {
            List<String> chunk = differing.subList(at, Math.min(at + CHUNK, differing.size()));
            Map<String, List<HeldStretch>> held = held(chunk);
            Map<String, List<DisputedStretch>> disputed = disputed(chunk, runs);
            for (String runId : chunk) {
                runs.computeIfPresent(
                        runId,
                        (id, run) ->
                                run.with(
                                        held.getOrDefault(id, List.of()),
                                        disputed.getOrDefault(id, List.of())));
            }
        }
        return books.withRuns(List.copyOf(runs.values()));
    }

    /** A wrong name would make everything look not recorded, and explained. */
    private void refuseUnknownCluster() {
        List<String> known = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        "SELECT cluster FROM runs UNION DISTINCT SELECT cluster FROM hosts ORDER BY cluster",
                        Map.of())) {
            known.add(row.get(0));
        }
        if (!known.contains(cluster)) {
            throw new UsageException(
                    "the ledger knows no cluster %s; it has %s"
                            .formatted(
                                    cluster,
                                    known.isEmpty() ? "none yet" : String.join(", ", known)));
        }
    }

    private Map<String, LedgerRun> runs(List<AccountingRow> rows) {
        Map<String, List<String>> sums = new HashMap<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT run_id, max(job_id), max(account), max(user), sum(gpu_ms) AS held
                        FROM usage_minute_current
                        WHERE cluster = {cluster:String}
                          AND window_start >= toDateTime({from:Int64}, 'UTC')
                          AND window_start < toDateTime({to:Int64}, 'UTC')
                          AND bucket IN ('ALLOCATED', 'SUSPENDED')
                        GROUP BY run_id HAVING held != 0
                        """,
                        parameters())) {
            sums.put(row.get(0), row);
        }
        Map<String, LedgerRun> runs = new LinkedHashMap<>();
        Map<String, String> parameters = parameters();
        parameters.put("fromMs", Long.toString(window.startMs()));
        parameters.put("toMs", Long.toString(window.endMs()));
        add(
                runs,
                sums,
                warehouse.query(
                        RUNS
                                + """
                                  AND start_ms < {toMs:Int64}
                                  AND (isNull(held_end_ms) OR held_end_ms >= {fromMs:Int64}
                                       OR arrayMax(scheduled_end_ms) >= {fromMs:Int64})
                                """,
                        parameters));
        // Accounting may have moved an end into the window after the ledger read it.
        Set<String> other = new TreeSet<>();
        for (AccountingRow row : rows) {
            Long end = row.endMs();
            boolean inside =
                    row.startMs() < window.endMs() && (end == null || end > window.startMs());
            String runId =
                    cluster + "/" + row.rawJobId() + "/" + Math.floorDiv(row.startMs(), 1000L);
            if (inside && !runs.containsKey(runId)) {
                other.add(Long.toString(row.rawJobId()));
            }
        }
        List<String> jobs = List.copyOf(other);
        for (int at = 0; at < jobs.size(); at += CHUNK) {
            Map<String, String> asked = parameters();
            asked.put(
                    "jobs",
                    "["
                            + String.join(",", jobs.subList(at, Math.min(at + CHUNK, jobs.size())))
                            + "]");
            add(
                    runs,
                    sums,
                    warehouse.query(RUNS + " AND raw_job_id IN {jobs:Array(Int64)}", asked));
        }
        // Usage without its run: the row of the run is on its way, or was withdrawn.
        sums.forEach((runId, row) -> runs.computeIfAbsent(runId, id -> bare(id, row)));
        return runs;
    }

    private static final String RUNS =
            """
            SELECT run_id, raw_job_id, job_id, account, user, start_ms, ifNull(toString(held_end_ms), ''), flags,
                   scheduled_start_ms, scheduled_end_ms, scheduled_gpus
            FROM runs FINAL
            WHERE withdrawn = 0 AND cluster = {cluster:String}
            """;

    private static void add(
            Map<String, LedgerRun> runs, Map<String, List<String>> sums, List<List<String>> rows) {
        for (List<String> row : rows) {
            List<Long> starts = numbers(row.get(8));
            List<Long> ends = numbers(row.get(9));
            List<Long> gpus = numbers(row.get(10));
            List<Run.ScheduledSpan> scheduled = new ArrayList<>();
            for (int i = 0; i < starts.size(); i++) {
                scheduled.add(
                        new Run.ScheduledSpan(
                                starts.get(i), ends.get(i), Math.toIntExact(gpus.get(i))));
            }
            List<String> sum = sums.get(row.get(0));
            runs.put(
                    row.get(0),
                    new LedgerRun(
                            row.get(0),
                            Long.parseLong(row.get(1)),
                            row.get(2),
                            row.get(3),
                            row.get(4),
                            Long.parseLong(row.get(5)),
                            row.get(6).isEmpty() ? null : (Long) Long.parseLong(row.get(6)),
                            Integer.parseInt(row.get(7)),
                            scheduled,
                            sum == null ? 0 : Long.parseLong(sum.get(4)),
                            List.of(),
                            List.of()));
        }
    }

    private static LedgerRun bare(String runId, List<String> row) {
        String[] words = runId.split("/", -1);
        return new LedgerRun(
                runId,
                Long.parseLong(words[words.length - 2]),
                row.get(1),
                row.get(2),
                row.get(3),
                Long.parseLong(words[words.length - 1]) * 1000,
                null,
                RunFlag.OPEN.bit(),
                List.of(),
                Long.parseLong(row.get(4)),
                List.of(),
                List.of());
    }

    private static List<Long> numbers(String array) {
        List<Long> numbers = new ArrayList<>();
        for (String word : array.substring(1, array.length() - 1).split(",", -1)) {
            if (!word.isBlank()) {
                numbers.add(Long.parseLong(word.strip()));
            }
        }
        return numbers;
    }

    private Map<String, List<HeldStretch>> held(List<String> runIds) {
        Map<String, String> parameters = parameters();
        parameters.put("runs", Warehouse.array(runIds));
        Map<String, List<HeldStretch>> held = new HashMap<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT run_id, min(minute) AS first, max(minute) + 60, allocated, suspended,
                               on_instances, instances, minute_flags
                        FROM
                        (
                            SELECT *, minute - 60 * row_number() OVER (
                                PARTITION BY run_id, allocated, suspended, on_instances, instances, minute_flags
                                ORDER BY minute) AS island
                            FROM
                            (
                                SELECT
                                    run_id,
                                    toInt64(toUnixTimestamp(window_start)) AS minute,
                                    sumIf(gpu_ms, bucket = 'ALLOCATED') AS allocated,
                                    sumIf(gpu_ms, bucket = 'SUSPENDED') AS suspended,
                                    sumIf(gpu_ms, instance >= 0) AS on_instances,
                                    uniqExactIf((host, gpu_index, instance), instance >= 0) AS instances,
                                    groupBitOr(flags) AS minute_flags
                                FROM usage_minute_current
                                WHERE cluster = {cluster:String}
                                  AND window_start >= toDateTime({from:Int64}, 'UTC')
                                  AND window_start < toDateTime({to:Int64}, 'UTC')
                                  AND bucket IN ('ALLOCATED', 'SUSPENDED')
                                  AND run_id IN {runs:Array(String)}
                                GROUP BY run_id, minute
                                HAVING allocated + suspended != 0
                            )
                        )
                        GROUP BY run_id, allocated, suspended, on_instances, instances, minute_flags, island
                        ORDER BY run_id, first
                        """,
                        parameters)) {
            held.computeIfAbsent(row.get(0), r -> new ArrayList<>())
                    .add(
                            new HeldStretch(
                                    Long.parseLong(row.get(1)) * 1000,
                                    Long.parseLong(row.get(2)) * 1000,
                                    Long.parseLong(row.get(3)),
                                    Long.parseLong(row.get(4)),
                                    Long.parseLong(row.get(5)),
                                    Integer.parseInt(row.get(6)),
                                    Integer.parseInt(row.get(7))));
        }
        return held;
    }

    /**
     * The flag stands on the rows of the run that got the card; the loser is known by its slots.
     */
    private Map<String, List<DisputedStretch>> disputed(
            List<String> runIds, Map<String, LedgerRun> runs) {
        long earliest = window.startMs();
        for (String runId : runIds) {
            LedgerRun run = runs.get(runId);
            earliest = run == null ? earliest : Math.min(earliest, run.startMs());
        }
        Map<String, String> parameters = parameters();
        parameters.put("flag", Integer.toString(RunFlag.DOUBLE_HOLD.bit()));
        parameters.put("runs", Warehouse.array(runIds));
        parameters.put("earliest", Long.toString(Math.floorDiv(earliest, 60_000L) * 60));
        String disputes =
                """
                SELECT count() FROM usage_minute_current
                WHERE cluster = {cluster:String}
                  AND window_start >= toDateTime({from:Int64}, 'UTC')
                  AND window_start < toDateTime({to:Int64}, 'UTC')
                  AND bitAnd(flags, {flag:UInt32}) != 0
                """;
        if (warehouse.query(disputes, parameters).get(0).get(0).equals("0")) {
            return Map.of();
        }
        Map<String, List<DisputedStretch>> disputed = new HashMap<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT loser.run_id AS run, winner.minute AS minute, sum(winner.ms)
                        FROM
                        (
                            SELECT DISTINCT run_id, host, gpu_index
                            FROM usage_minute_current
                            WHERE cluster = {cluster:String}
                              AND window_start >= toDateTime({earliest:Int64}, 'UTC')
                              AND window_start < toDateTime({to:Int64}, 'UTC')
                              AND bucket IN ('ALLOCATED', 'SUSPENDED')
                              AND run_id IN {runs:Array(String)}
                        ) AS loser
                        INNER JOIN
                        (
                            SELECT run_id, host, gpu_index,
                                   toInt64(toUnixTimestamp(window_start)) AS minute, sum(gpu_ms) AS ms
                            FROM usage_minute_current
                            WHERE cluster = {cluster:String}
                              AND window_start >= toDateTime({from:Int64}, 'UTC')
                              AND window_start < toDateTime({to:Int64}, 'UTC')
                              AND bitAnd(flags, {flag:UInt32}) != 0
                            GROUP BY run_id, host, gpu_index, minute
                        ) AS winner
                        ON loser.host = winner.host AND loser.gpu_index = winner.gpu_index
                        WHERE loser.run_id != winner.run_id
                        GROUP BY run, minute
                        ORDER BY run, minute
                        """,
                        parameters)) {
            long minute = Long.parseLong(row.get(1)) * 1000;
            disputed.computeIfAbsent(row.get(0), r -> new ArrayList<>())
                    .add(
                            new DisputedStretch(
                                    minute,
                                    minute + HeldStretch.MINUTE_MS,
                                    Long.parseLong(row.get(2))));
        }
        return disputed;
    }

    /** Whole hours for which there are rows with anything in them, somebody's time or nobody's. */
    private List<Span> recorded() {
        Map<String, String> parameters = parameters();
        List<Span> hours = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT DISTINCT toInt64(toUnixTimestamp(toStartOfHour(window_start)))
                        FROM usage_minute FINAL
                        WHERE cluster = {cluster:String} AND notEmpty(holders.gpu_ms)
                          AND window_start >= toStartOfHour(toDateTime({from:Int64}, 'UTC'))
                          AND window_start < toDateTime({to:Int64}, 'UTC') + INTERVAL 1 HOUR
                        """,
                        parameters)) {
            long from = Long.parseLong(row.get(0)) * 1000;
            hours.add(new Span(from, from + HOUR_MS));
        }
        return Span.union(hours);
    }

    private Map<String, String> parameters() {
        Map<String, String> parameters = new HashMap<>();
        parameters.put("cluster", cluster);
        parameters.put("from", Long.toString(Math.floorDiv(window.startMs(), 1000L)));
        parameters.put("to", Long.toString(Math.floorDiv(window.endMs(), 1000L)));
        return parameters;
    }
}

package io.gpuledger.statements;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.PriceList;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.statement.Cuts;
import io.gpuledger.core.statement.Period;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** What a line of a statement consists of: by weight and by run, as known when it was closed. */
public final class Explanation {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Warehouse warehouse;
    private final AppliedRegistries registries;
    private final StatementBook book;

    /**
     * Usage of a run in a bucket with a weight.
     *
     * @param weightMilli charged for each unit of held time, thousandths; floored where it changes
     *     within an hour
     */
    public record Key(String runId, String jobId, String user, String bucket, long weightMilli)
            implements Comparable<Key> {
        private static final Comparator<Key> ORDER =
                Comparator.comparing(Key::runId)
                        .thenComparing(Key::bucket)
                        .thenComparingLong(Key::weightMilli)
                        .thenComparing(Key::jobId)
                        .thenComparing(Key::user);

        @Override
        public int compareTo(Key other) {
            return ORDER.compare(this, other);
        }
    }

    /**
     * Amounts of a part; of a correction what is known more than before.
     *
     * @param heldMs allocated and suspended
     */
    public record Part(Key key, long heldMs, long chargedGpuUs) {}

    /**
     * A line and its parts.
     *
     * @param line as the statement has it
     * @param previousKnownAtMs what a correction is the difference to, 0 for a line of the month
     * @param parts the largest first
     */
    public record Line(
            JsonNode statement,
            JsonNode line,
            long knownAtMs,
            long previousKnownAtMs,
            long registryVersion,
            List<Part> parts) {
        public Line {
            parts = List.copyOf(parts);
        }

        /** Whether the parts sum to the line. */
        public boolean addsUp() {
            return parts.stream().mapToLong(Part::heldMs).sum() == line.path("gpu_ms").asLong()
                    && parts.stream().mapToLong(Part::chargedGpuUs).sum()
                            == line.path("charged_gpu_us").asLong();
        }
    }

    public Explanation(Warehouse warehouse) {
        this.warehouse = warehouse;
        registries = new AppliedRegistries(warehouse);
        book = new StatementBook(warehouse);
    }

    /**
     * Explains a line.
     *
     * @throws StatementException when there is no such statement or line
     */
    public Line line(String grantId, String month, int number) {
        List<KeptStatement> kept = book.of(grantId, month);
        if (kept.isEmpty()) {
            throw new StatementException(
                    "there is no statement %s/%s; statement list shows those there are"
                            .formatted(grantId, month));
        }
        JsonNode statement = parse(kept.get(0));
        JsonNode line = statement.path("lines").path(number - 1);
        if (number < 1 || line.isMissingNode()) {
            throw new StatementException(
                    "statement %s/%s has lines 1 to %d"
                            .formatted(grantId, month, statement.path("lines").size()));
        }
        Period period =
                new Period(YearMonth.parse(month), ZoneId.of(statement.path("zone").asText()));
        Map<String, Close> closes =
                book.closes().stream().collect(Collectors.toMap(c -> c.period().name(), c -> c));
        Close close =
                Optional.ofNullable(closes.get(month))
                        .orElseThrow(
                                () ->
                                        new StatementException(
                                                "nothing says as of when %s was closed"
                                                        .formatted(month)));
        Close before =
                line.path("kind").asText().equals("correction")
                        ? closes.get(period.previous().name())
                        : null;
        TreeMap<Key, long[]> sums = new TreeMap<>();
        if (line.path("adjustment").asText().isEmpty()) {
            add(sums, grantId, line, close, 1);
            if (before != null) {
                add(sums, grantId, line, before, -1);
            }
        }
        List<Part> parts = new ArrayList<>();
        sums.forEach(
                (key, sum) -> {
                    if (sum[0] != 0 || sum[1] != 0) {
                        parts.add(new Part(key, sum[0], sum[1]));
                    }
                });
        parts.sort(
                Comparator.comparingLong((Part p) -> -Math.abs(p.chargedGpuUs()))
                        .thenComparingLong(p -> -Math.abs(p.heldMs()))
                        .thenComparing(Part::key));
        return new Line(
                statement,
                line,
                close.knownAtMs(),
                before == null ? 0 : before.knownAtMs(),
                close.registryVersion(),
                parts);
    }

    private static JsonNode parse(KeptStatement kept) {
        try {
            return JSON.readTree(kept.body());
        } catch (IOException e) {
            throw new StatementException(
                    "a statement in ClickHouse is no JSON (%s); run gpu-ledger statement verify"
                            .formatted(e.getMessage()));
        }
    }

    /** What of a line was known at a close: hours whose price was the line's. */
    private void add(Map<Key, long[]> sums, String grantId, JsonNode line, Close close, int sign) {
        Period period =
                new Period(YearMonth.parse(line.path("period").asText()), close.period().zone());
        Registry registry = registries.get(close.registryVersion());
        Optional<PriceList> prices =
                registry.grant(grantId).map(Grant::priceList).flatMap(registry::priceList);
        String currency = prices.map(PriceList::currency).orElse("");
        if (!currency.equals(line.path("currency").asText())) {
            return;
        }
        String model = line.path("gpu_model").asText();
        String cuts =
                Cuts.of(registry, period, period).stream()
                        .map(ms -> Long.toString(ms / 1_000))
                        .collect(Collectors.joining(",", "[", "]"));
        for (List<String> row :
                warehouse.query(
                        """
                        WITH known AS
                        (
                            SELECT window_start, gpu_model, holders.bucket AS b, holders.grant_id AS g, holders.run_id AS r,
                                holders.job_id AS j, holders.user AS u, holders.gpu_ms AS m, holders.charged_gpu_us AS c
                            FROM usage_hour_log
                            WHERE inserted_at <= fromUnixTimestamp64Milli({known:Int64}, 'UTC')
                              AND window_start >= toDateTime({from:Int64}, 'UTC')
                              AND window_start < toDateTime({to:Int64}, 'UTC')
                              AND cluster = {cluster:String}
                            ORDER BY cluster, host, gpu_index, unplaced_run, window_start, revision DESC, inserted_at DESC
                            LIMIT 1 BY cluster, host, gpu_index, unplaced_run, window_start
                        )
                        SELECT
                            run_id, job_id, user, bucket,
                            if(gpu_ms = 0, 0, intDiv(charged, gpu_ms)) AS weight,
                            roundDown(toInt64(toUnixTimestamp(window_start)), {cuts:Array(Int64)}) AS from_s,
                            sumIf(gpu_ms, bucket IN ('ALLOCATED', 'SUSPENDED')), sum(charged)
                        FROM known
                        ARRAY JOIN b AS bucket, g AS grant_id, r AS run_id, j AS job_id, u AS user, m AS gpu_ms, c AS charged
                        WHERE grant_id = {grant:String} AND gpu_model = {model:String}
                        GROUP BY run_id, job_id, user, bucket, weight, from_s
                        """,
                        Map.of(
                                "known",
                                Long.toString(close.knownAtMs()),
                                "from",
                                Long.toString(period.span().startMs() / 1_000),
                                "to",
                                Long.toString(period.span().endMs() / 1_000),
                                "cluster",
                                line.path("cluster").asText(),
                                "grant",
                                grantId,
                                "model",
                                model,
                                "cuts",
                                cuts))) {
            long fromMs = Long.parseLong(row.get(5)) * 1_000;
            String price =
                    prices.flatMap(list -> list.at(model, fromMs))
                            .map(p -> p.perGpuHour().toPlainString())
                            .orElse("");
            if (price.equals(line.path("price").asText())) {
                long[] sum =
                        sums.computeIfAbsent(
                                new Key(
                                        row.get(0),
                                        row.get(1),
                                        row.get(2),
                                        row.get(3),
                                        Long.parseLong(row.get(4))),
                                k -> new long[2]);
                sum[0] += sign * Long.parseLong(row.get(6));
                sum[1] += sign * Long.parseLong(row.get(7));
            }
        }
    }

    /**
     * One version of an hour of a slot.
     *
     * @param learnedAt when it came in
     * @param heldMs of the run that is asked for, of all runs when none is
     */
    public record HourVersion(
            String cluster,
            String host,
            int gpuIndex,
            String hour,
            String revision,
            String learnedAt,
            boolean current,
            String holders,
            long heldMs,
            long chargedGpuUs,
            long coveredMs) {}

    /** Hours of a run as now known, by slot and time. */
    public List<HourVersion> run(String runId) {
        return hours(
                """
                (
                    SELECT * FROM usage_hour_log
                    WHERE (cluster, host, gpu_index, unplaced_run, window_start) IN
                    (
                        SELECT cluster, host, gpu_index, unplaced_run, window_start
                        FROM usage_hour_log WHERE has(holders.run_id, {run:String})
                    )
                    ORDER BY cluster, host, gpu_index, unplaced_run, window_start, revision DESC, inserted_at DESC
                    LIMIT 1 BY cluster, host, gpu_index, unplaced_run, window_start
                )
                WHERE has(holders.run_id, {run:String})
                ORDER BY cluster, host, gpu_index, unplaced_run, window_start
                """,
                Map.of("run", runId),
                true);
    }

    /** Every version of the hour of a slot, the last one first. */
    public List<HourVersion> slot(String cluster, String host, int gpuIndex, long atMs) {
        return hours(
                """
                usage_hour_log
                WHERE cluster = {cluster:String} AND host = {host:String} AND gpu_index = {gpu:Int16}
                  AND window_start = toStartOfHour(toDateTime({at:Int64}, 'UTC'))
                ORDER BY revision DESC, inserted_at DESC
                """,
                Map.of(
                        "cluster",
                        cluster,
                        "host",
                        host,
                        "gpu",
                        Integer.toString(gpuIndex),
                        "at",
                        Long.toString(Math.floorDiv(atMs, 1_000)),
                        "run",
                        ""),
                false);
    }

    private List<HourVersion> hours(
            String from, Map<String, String> parameters, boolean onlyCurrent) {
        List<HourVersion> all = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT
                            cluster, host, gpu_index, formatDateTime(window_start, '%%FT%%TZ', 'UTC'), revision,
                            formatDateTime(inserted_at, '%%FT%%TZ', 'UTC'),
                            arrayStringConcat(arrayMap((b, r, g, m) -> concat(b, if(r = '', '', concat(' ', r)), if(g = '', '', concat(' of ', g)), ' ', toString(m), ' ms'),
                                holders.bucket, holders.run_id, holders.grant_id, holders.gpu_ms), '; '),
                            arraySum((m, r, b) -> if((r = {run:String} OR {run:String} = '') AND b IN ('ALLOCATED', 'SUSPENDED'), m, 0), holders.gpu_ms, holders.run_id, holders.bucket),
                            arraySum((c, r) -> if(r = {run:String} OR {run:String} = '', c, 0), holders.charged_gpu_us, holders.run_id),
                            arraySum((c, r) -> if(r = {run:String} OR {run:String} = '', c, 0), holders.covered_ms, holders.run_id)
                        FROM %s
                        """
                                .formatted(from),
                        parameters)) {
            all.add(
                    new HourVersion(
                            row.get(0),
                            row.get(1),
                            Integer.parseInt(row.get(2)),
                            row.get(3),
                            row.get(4),
                            row.get(5),
                            onlyCurrent || all.isEmpty(),
                            row.get(6),
                            Long.parseLong(row.get(7)),
                            Long.parseLong(row.get(8)),
                            Long.parseLong(row.get(9))));
        }
        return all;
    }
}

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

    /** Of a part: held and charged; the same of what was shared, and of what was idle. */
    private static final int AMOUNTS = 6;

    private static final int FIRST_AMOUNT = 6;

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
     * @param shared of it on GPUs that others had a share of, or on an instance
     * @param idle of the rest what was held idle
     */
    public record Part(Key key, long heldMs, long chargedGpuUs, Portion shared, Portion idle) {}

    /** Amounts within a part. */
    public record Portion(long heldMs, long chargedGpuUs) {}

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
                        parts.add(
                                new Part(
                                        key,
                                        sum[0],
                                        sum[1],
                                        new Portion(sum[2], sum[3]),
                                        new Portion(sum[4], sum[5])));
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
                                holders.job_id AS j, holders.user AS u, holders.gpu_ms AS m, holders.charged_gpu_us AS c,
                                holders.held_idle_ms AS h, arrayMap((f, i) -> bitAnd(f, 16) != 0 OR i >= 0, holders.flags, holders.instance) AS s
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
                            sumIf(gpu_ms, bucket IN ('ALLOCATED', 'SUSPENDED')), sum(charged),
                            sumIf(gpu_ms, shared AND bucket IN ('ALLOCATED', 'SUSPENDED')), sumIf(charged, shared),
                            sumIf(idle_ms, NOT shared), sumIf(if(gpu_ms = 0, 0, intDiv(charged * idle_ms, gpu_ms)), NOT shared)
                        FROM known
                        ARRAY JOIN b AS bucket, g AS grant_id, r AS run_id, j AS job_id, u AS user, m AS gpu_ms, c AS charged, h AS idle_ms, s AS shared
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
                                k -> new long[AMOUNTS]);
                for (int i = 0; i < AMOUNTS; i++) {
                    sum[i] += sign * Long.parseLong(row.get(FIRST_AMOUNT + i));
                }
            }
        }
    }
}

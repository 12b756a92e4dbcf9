package io.gpuledger.sql;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/**
 * Consumption between two instants by any keys; any whole minute is a boundary ({@link UsageRows}).
 * Time nobody holds has empty keys: totals close.
 */
public final class UsageQuery {
    /** The numbers of the public contract, in its order. */
    static final List<String> NUMBERS =
            List.of(
                    "allocated_gpu_ms",
                    "suspended_gpu_ms",
                    "overhead_gpu_ms",
                    "reserved_gpu_ms",
                    "idle_gpu_ms",
                    "down_gpu_ms",
                    "unknown_gpu_ms",
                    "charged_gpu_us",
                    "covered_ms",
                    "active_gpu_us",
                    "energy_mj",
                    "held_idle_ms");

    /**
     * The hour as the zone's clocks show it. In the night the clocks go back one hour comes twice:
     * there the offset is added, for the two are not the same hour.
     */
    private static final String HOUR =
            """
            concat(
                formatDateTime(window_start, '%Y-%m-%dT%H:00', {zone:String}),
                if(formatDateTime(window_start, '%d %H', {zone:String}) IN (
                        formatDateTime(window_start + 3600, '%d %H', {zone:String}),
                        formatDateTime(window_start - 3600, '%d %H', {zone:String})),
                    replaceRegexpOne(formatDateTime(window_start, '%z', {zone:String}), '(..)$', ':\\\\1'),
                    ''))
            """;

    private static final String DAY = "toString(toDate(window_start, {zone:String}))";
    private static final String MONTH = "formatDateTime(window_start, '%Y-%m', {zone:String})";

    /**
     * What they are summed by: each zone's hours, days and months begin at a quarter of an hour.
     */
    private static final Map<String, String> TIMES =
            Map.of(
                    HOUR,
                    "toStartOfFifteenMinutes(window_start) AS quarter",
                    DAY,
                    "toDate(window_start, {zone:String}) AS local_day",
                    MONTH,
                    "toStartOfMonth(window_start, {zone:String}) AS local_month");

    private static final List<String> BUCKETS =
            List.of("ALLOCATED", "SUSPENDED", "OVERHEAD", "RESERVED", "IDLE", "DOWN", "UNKNOWN");

    /** Of the two hours of that night the one with the greater offset is the earlier. */
    private static final String HOUR_START = "min(toStartOfHour(window_start, {zone:String}))";

    /** Who pays where no grant does. */
    private static final String UNMAPPED = "unmapped";

    /** What the numbers are made of. */
    private static final List<String> SUMMED =
            List.of(
                    "gpu_ms",
                    "charged_gpu_us",
                    "covered_ms",
                    "active_gpu_us",
                    "energy_mj",
                    "held_idle_ms");

    /** Key of the contract to its output columns and the constant expressions behind them. */
    private static final Map<String, Map<String, String>> KEYS = keys();

    /** Whose time is counted. */
    public enum Basis {
        /** Who really had the card. */
        HELD,
        /** What the scheduler charges: its accounting rows, to the second. */
        SCHEDULED
    }

    private final Basis basis;
    private final List<String> columns = new ArrayList<>();
    private final List<String> expressions = new ArrayList<>();
    private final Instant from;
    private final Instant to;
    private final String cluster;
    private final String grant;
    private final String account;
    private final ZoneId zone;

    /**
     * Checks the keys.
     *
     * @param cluster only this one, empty for all; so grant and account
     * @throws IllegalArgumentException for an unknown key or an empty span
     */
    public UsageQuery(
            List<String> by,
            Instant from,
            Instant to,
            String cluster,
            String grant,
            String account,
            ZoneId zone,
            Basis basis) {
        for (String key : by) {
            Map<String, String> definition = KEYS.get(key);
            if (definition == null) {
                throw new IllegalArgumentException(
                        "--by %s is no key; keys are %s".formatted(key, KEYS.keySet()));
            }
            definition.forEach(
                    (column, expression) -> {
                        if (!columns.contains(column)) {
                            columns.add(column);
                            expressions.add(expression);
                        }
                    });
        }
        if (!from.isBefore(to)) {
            throw new IllegalArgumentException("--from must be before --to");
        }
        this.from = from;
        this.to = to;
        this.cluster = cluster;
        this.grant = grant;
        this.account = account;
        this.zone = zone;
        this.basis = basis;
    }

    private static Map<String, Map<String, String>> keys() {
        Map<String, Map<String, String>> keys = new LinkedHashMap<>();
        keys.put("cluster", Map.of("cluster", "cluster"));
        keys.put("grant", Map.of("grant", "grant_id"));
        keys.put("account", Map.of("account", "account"));
        keys.put("user", Map.of("user", "user"));
        keys.put("run", Map.of("run_id", "run_id"));
        keys.put("job", Map.of("job", "job_id"));
        Map<String, String> slot = new LinkedHashMap<>();
        slot.put("cluster", "cluster");
        slot.put("host", "host");
        slot.put("gpu_index", "gpu_index");
        keys.put("slot", slot);
        keys.put("model", Map.of("model", "gpu_model"));
        keys.put("partition", Map.of("partition", "partition"));
        keys.put("qos", Map.of("qos", "qos"));
        keys.put("bucket", Map.of("bucket", "bucket"));
        keys.put("hour", Map.of("hour", HOUR));
        keys.put("day", Map.of("day", DAY));
        keys.put("month", Map.of("month", MONTH));
        return keys;
    }

    /** Asks the warehouse for held time; rows come sorted by the keys. */
    public Result run(Warehouse warehouse) {
        if (basis != Basis.HELD) {
            throw new IllegalStateException("who pays for scheduled time must be told");
        }
        return held(warehouse);
    }

    /**
     * Asks the warehouse; rows come sorted by the keys.
     *
     * @param rule who pays for what the scheduler charges; held time has that in its rows
     */
    public Result run(Warehouse warehouse, ScheduledRule rule) {
        return basis == Basis.HELD ? held(warehouse) : scheduled(warehouse, rule);
    }

    /**
     * Accounting rows have no position: they are on slot -1 of no host, as the ledger keys a count
     * whose host is unknown. They are cut at quarters of an hour, where every zone's hours, days
     * and months begin, and where the charge may change. Who pays is no matter of SQL: rows come by
     * subject, and are summed by the keys afterwards.
     */
    private Result scheduled(Warehouse warehouse, ScheduledRule rule) {
        StringBuilder sql = new StringBuilder("SELECT ");
        StringBuilder positions = new StringBuilder();
        for (int i = 0; i < expressions.size(); i++) {
            sql.append(expressions.get(i)).append(" AS k").append(i).append(", ");
            positions.append('k').append(i).append(", ");
        }
        sql.append(
                """
                cluster, account, user, partition, qos, end_state, types, since,
                sum((least(span.2, (quarter + 1) * 900000, until) - greatest(span.1, quarter * 900000, since)) * span.3) AS gpu_ms,
                toUnixTimestamp(%s)
                FROM (
                    SELECT cluster, account, user, run_id, job_id, partition, qos,
                        if(state IN ('NODE_FAIL', 'BOOT_FAIL'), state, '') AS end_state,
                        arrayStringConcat(gpu_types, '|') AS types,
                        '' AS host, -1 AS gpu_index, '' AS gpu_model, 'ALLOCATED' AS bucket, '' AS grant_id,
                        span, quarter, era.1 AS since, era.2 AS until, toDateTime(quarter * 900, 'UTC') AS window_start
                    FROM (
                        SELECT *, arrayJoin(arrayMap(
                            (s, e, g) -> (greatest(s, {from:Int64} * 1000), least(e, {to:Int64} * 1000), g),
                            scheduled_start_ms, scheduled_end_ms, scheduled_gpus)) AS span
                        FROM runs FINAL
                        WHERE withdrawn = 0
                          AND ({cluster:String} = '' OR cluster = {cluster:String})
                          AND ({account:String} = '' OR account = {account:String})
                    )
                    ARRAY JOIN arrayMap(q -> toInt64(q), range(
                        toUInt64(intDiv(span.1, 900000)),
                        toUInt64(intDiv(greatest(span.2, span.1) + 899999, 900000)))) AS quarter
                    ARRAY JOIN arrayFilter(
                        e -> e.1 < least(span.2, (quarter + 1) * 900000) AND e.2 > greatest(span.1, quarter * 900000),
                        arrayZip({since:Array(Int64)}, {until:Array(Int64)})) AS era
                    WHERE span.1 < span.2
                )
                """
                        .formatted(HOUR_START));
        sql.append("GROUP BY ")
                .append(positions)
                .append("cluster, account, user, partition, qos, end_state, types, since");
        Map<String, String> parameters = new HashMap<>(parameters());
        List<Long> dates = new ArrayList<>(rule.dates());
        dates.removeIf(d -> d <= from.toEpochMilli() || d >= to.toEpochMilli());
        parameters.put("since", array(from.toEpochMilli(), dates, List.of()));
        parameters.put("until", array(null, dates, List.of(to.toEpochMilli())));
        return summed(warehouse.query(sql.toString(), parameters), rule);
    }

    private static String array(@Nullable Long first, List<Long> middle, List<Long> last) {
        StringJoiner array = new StringJoiner(",", "[", "]");
        if (first != null) {
            array.add(Long.toString(first));
        }
        middle.forEach(d -> array.add(Long.toString(d)));
        last.forEach(d -> array.add(Long.toString(d)));
        return array.toString();
    }

    /** Its sums, and what puts it in order among the others. */
    private static final class Sum {
        private final List<String> order = new ArrayList<>();
        private long gpuMs;
        private long chargedGpuUs;
    }

    private Result summed(List<List<String>> rows, ScheduledRule rule) {
        int keys = columns.size();
        int grantColumn = columns.indexOf("grant");
        Map<List<String>, Sum> sums = new LinkedHashMap<>();
        for (List<String> row : rows) {
            long gpuMs = Long.parseLong(row.get(keys + 8));
            ScheduledRule.Payer payer =
                    rule.payer(
                            new ScheduledRule.Subject(
                                    row.get(keys),
                                    row.get(keys + 1),
                                    row.get(keys + 2),
                                    row.get(keys + 3),
                                    row.get(keys + 4),
                                    row.get(keys + 5),
                                    row.get(keys + 6)),
                            Long.parseLong(row.get(keys + 7)));
            if (!grant.isEmpty() && !grant.equals(payer.grantId())) {
                continue;
            }
            List<String> key = new ArrayList<>(row.subList(0, keys));
            if (grantColumn >= 0) {
                key.set(grantColumn, payer.grantId());
            }
            Sum sum = sums.computeIfAbsent(key, k -> new Sum());
            if (sum.order.isEmpty()) {
                for (int i = 0; i < keys; i++) {
                    // Hours as they come: the offset of a repeated one sorts the wrong way.
                    boolean hour = expressions.get(i).equals(HOUR);
                    sum.order.add(hour ? row.get(keys + 9) : key.get(i));
                }
            }
            sum.gpuMs += gpuMs;
            sum.chargedGpuUs += Math.multiplyExact(gpuMs, (long) payer.weightMilli());
        }
        List<List<String>> result = new ArrayList<>();
        sums.entrySet().stream()
                .filter(e -> e.getValue().gpuMs != 0)
                .sorted(Map.Entry.comparingByValue((a, b) -> compare(a.order, b.order)))
                .forEach(
                        e -> {
                            List<String> line = new ArrayList<>(e.getKey());
                            line.add(Long.toString(e.getValue().gpuMs));
                            line.addAll(Collections.nCopies(6, "0"));
                            line.add(Long.toString(e.getValue().chargedGpuUs));
                            line.addAll(Collections.nCopies(4, "0"));
                            result.add(line);
                        });
        return new Result(columns, result, true);
    }

    /** Cell by cell, as ClickHouse orders text: by its bytes. */
    private static int compare(List<String> a, List<String> b) {
        for (int i = 0; i < a.size(); i++) {
            int order =
                    Arrays.compareUnsigned(
                            a.get(i).getBytes(StandardCharsets.UTF_8),
                            b.get(i).getBytes(StandardCharsets.UTF_8));
            if (order != 0) {
                return order;
            }
        }
        return 0;
    }

    /**
     * By the keys, hours as they come: the offset of a repeated one sorts the wrong way as text.
     */
    private String order() {
        StringJoiner order = new StringJoiner(", ");
        for (int i = 0; i < expressions.size(); i++) {
            order.add(expressions.get(i).equals(HOUR) ? HOUR_START : "k" + i);
        }
        return order.toString();
    }

    private Map<String, String> parameters() {
        return Map.of(
                "from",
                Long.toString(from.getEpochSecond()),
                "to",
                Long.toString(to.getEpochSecond()),
                "cluster",
                cluster,
                "grant",
                grant,
                "account",
                account,
                "zone",
                zone.getId());
    }

    /**
     * An hour row has one model, that of its last minute; and an hour of UTC may lie in two days of
     * a zone.
     */
    private UsageRows rows(Warehouse warehouse) {
        boolean byHours = !columns.contains("model") && UsageRows.hasWholeHours(zone, from, to);
        return new UsageRows(warehouse, from, to, cluster, byHours);
    }

    /**
     * Sums by the plain columns and the bucket first, and makes texts of what is left: rows are
     * many, sums are few.
     */
    private Result held(Warehouse warehouse) {
        UsageRows rows = rows(warehouse);
        Set<String> plain = new LinkedHashSet<>();
        StringBuilder inner = new StringBuilder("SELECT ");
        StringJoiner groups = new StringJoiner(", ");
        for (String expression : expressions) {
            String column = TIMES.getOrDefault(expression, expression);
            plain.add(TIMES.containsKey(expression) ? "window_start" : expression);
            inner.append(column).append(", ");
            groups.add(column.substring(column.lastIndexOf(' ') + 1));
        }
        plain.add("bucket");
        plain.add("grant_id");
        plain.addAll(SUMMED);
        inner.append("bucket");
        groups.add("bucket");
        for (String number : SUMMED) {
            inner.append(", sum(").append(number).append(") AS sum_").append(number);
        }
        inner.append(", sumIf(gpu_ms, grant_id = 'unmapped') AS sum_unmapped_ms");
        inner.append(" FROM ").append(filtered(rows, plain, List.of()));
        inner.append(" GROUP BY ").append(groups);
        StringBuilder sql = new StringBuilder("SELECT ");
        StringJoiner positions = new StringJoiner(", ");
        for (int i = 0; i < expressions.size(); i++) {
            sql.append(ofSums(expressions.get(i))).append(" AS k").append(i).append(", ");
            positions.add("k" + i);
        }
        for (String bucket : BUCKETS) {
            sql.append("sumIf(sum_gpu_ms, bucket = '").append(bucket).append("'), ");
        }
        sql.append(
                """
                sum(sum_charged_gpu_us), sum(sum_covered_ms), sum(sum_active_gpu_us), sum(sum_energy_mj),
                sum(sum_held_idle_ms), sumIf(sum_unmapped_ms, bucket IN ('ALLOCATED', 'SUSPENDED'))
                FROM (%s)
                GROUP BY %s ORDER BY %s
                """
                        .formatted(inner, positions, ofSums(order())));
        List<List<String>> sums = new ArrayList<>();
        boolean hasUnmapped = false;
        for (List<String> row : warehouse.query(sql.toString(), rows.parameters(parameters()))) {
            int last = row.size() - 1;
            hasUnmapped |= !row.get(last).equals("0");
            sums.add(row.subList(0, last));
        }
        return new Result(columns, sums, hasUnmapped);
    }

    /**
     * Rows of what was asked for. A slot is looked at as a whole first: most have nothing of a
     * grant, and then no holders are told apart.
     */
    private String filtered(UsageRows rows, Set<String> columns, List<String> conditions) {
        Set<String> read = new LinkedHashSet<>(columns);
        List<String> all = new ArrayList<>(conditions);
        if (!cluster.isEmpty()) {
            all.add("cluster = {cluster:String}");
        }
        if (!grant.isEmpty()) {
            read.add("grant_id");
            all.add("has(holders.grant_id, {grant:String}) AND grant_id = {grant:String}");
        }
        if (!account.isEmpty()) {
            read.add("account");
            all.add("has(holders.account, {account:String}) AND account = {account:String}");
        }
        return rows.sql(read, all);
    }

    /** An expression over windows as one over what they were summed by. */
    private static String ofSums(String expression) {
        return switch (expression) {
            case DAY -> "toString(local_day)";
            case MONTH -> "formatDateTime(local_month, '%Y-%m')";
            default -> expression.replace("window_start", "quarter");
        };
    }

    /**
     * Usage that no grant pays for, in a site that has grants.
     *
     * @param accounts whose it is, most first
     */
    public record Unmapped(long gpuMs, List<String> accounts) {}

    /**
     * Empty when every grant is known, and where there are no grants at all.
     *
     * @param answer to this query
     */
    public Optional<Unmapped> unmapped(Warehouse warehouse, Result answer) {
        boolean paid = !grant.isEmpty() && !grant.equals(UNMAPPED);
        if (paid || !answer.hasUnmapped()) {
            return Optional.empty();
        }
        UsageRows source = rows(warehouse);
        List<List<String>> rows =
                warehouse.query(
                        """
                        SELECT account, sum(gpu_ms) AS unmapped_ms
                        FROM %s
                        GROUP BY account HAVING unmapped_ms != 0 ORDER BY unmapped_ms DESC, account
                        """
                                .formatted(
                                        filtered(
                                                source,
                                                Set.of("account", "grant_id", "bucket", "gpu_ms"),
                                                List.of(
                                                        "has(holders.grant_id, 'unmapped')",
                                                        "grant_id = 'unmapped'",
                                                        "bucket IN ('ALLOCATED', 'SUSPENDED')"))),
                        source.parameters(parameters()));
        if (rows.isEmpty() || !hasGrants(warehouse, source)) {
            return Optional.empty();
        }
        long sum = 0;
        List<String> accounts = new ArrayList<>();
        for (List<String> row : rows) {
            accounts.add(row.get(0));
            sum += Long.parseLong(row.get(1));
        }
        return Optional.of(new Unmapped(sum, accounts));
    }

    private boolean hasGrants(Warehouse warehouse, UsageRows source) {
        return !warehouse.query("SELECT 1 FROM registry_log LIMIT 1", Map.of()).isEmpty()
                || !warehouse
                        .query(
                                "SELECT 1 FROM %s LIMIT 1"
                                        .formatted(
                                                source.sql(
                                                        List.of("grant_id"),
                                                        List.of(
                                                                "grant_id NOT IN ('', 'unmapped')"))),
                                source.parameters(parameters()))
                        .isEmpty();
    }

    /**
     * The answer: key columns first, then {@link #NUMBERS}.
     *
     * @param hasUnmapped held time that no grant pays for may be in it
     */
    public record Result(List<String> keys, List<List<String>> rows, boolean hasUnmapped) {
        private static final ObjectMapper JSON = new ObjectMapper();

        public String csv() {
            StringBuilder out = new StringBuilder();
            out.append(String.join(",", keys)).append(',').append(String.join(",", NUMBERS));
            out.append('\n');
            for (List<String> row : rows) {
                for (int i = 0; i < row.size(); i++) {
                    out.append(i == 0 ? "" : ",").append(quoted(row.get(i)));
                }
                out.append('\n');
            }
            return out.toString();
        }

        private static String quoted(String cell) {
            boolean plain =
                    cell.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
            return plain ? cell : '"' + cell.replace("\"", "\"\"") + '"';
        }

        public String json() {
            ArrayNode array = JSON.createArrayNode();
            for (List<String> row : rows) {
                ObjectNode object = array.addObject();
                for (int i = 0; i < keys.size(); i++) {
                    object.put(keys.get(i), row.get(i));
                }
                for (int i = 0; i < NUMBERS.size(); i++) {
                    object.put(NUMBERS.get(i), Long.parseLong(row.get(keys.size() + i)));
                }
            }
            return array.toPrettyString();
        }

        /** GPU-hours for people, all buckets so that totals close; utilisation of covered time. */
        public String table() {
            List<List<String>> cells = new ArrayList<>();
            List<String> head = new ArrayList<>(keys);
            head.addAll(
                    List.of(
                            "held h",
                            "charged h",
                            "allocated h",
                            "suspended h",
                            "overhead h",
                            "idle h",
                            "down h",
                            "reserved h",
                            "unknown h",
                            "active %",
                            "energy kWh",
                            "held idle h"));
            cells.add(head);
            for (List<String> row : rows) {
                List<String> line = new ArrayList<>(row.subList(0, keys.size()));
                line.add(hours(number(row, 0) + number(row, 1)));
                line.add(chargedHours(number(row, 7)));
                line.add(hours(number(row, 0)));
                line.add(hours(number(row, 1)));
                line.add(hours(number(row, 2)));
                line.add(hours(number(row, 4)));
                line.add(hours(number(row, 5)));
                line.add(hours(number(row, 3)));
                line.add(hours(number(row, 6)));
                long covered = number(row, 8);
                line.add(
                        covered == 0
                                ? "-"
                                : String.format(
                                        Locale.ROOT, "%.1f", number(row, 9) / 10.0 / covered));
                line.add(String.format(Locale.ROOT, "%.3f", number(row, 10) / 3.6e9));
                line.add(hours(number(row, 11)));
                cells.add(line);
            }
            return aligned(cells);
        }

        private long number(List<String> row, int index) {
            return Long.parseLong(row.get(keys.size() + index));
        }

        /** Of weight 1000: one that is held an hour. */
        private static String chargedHours(long gpuUs) {
            return String.format(Locale.ROOT, "%,.3f", gpuUs / 3_600_000_000.0);
        }

        private static String hours(long gpuMs) {
            return String.format(Locale.ROOT, "%,.3f", gpuMs / 3_600_000.0);
        }

        private String aligned(List<List<String>> cells) {
            StringBuilder out = new StringBuilder();
            int columns = cells.get(0).size();
            int[] width = new int[columns];
            for (List<String> line : cells) {
                for (int i = 0; i < columns; i++) {
                    width[i] = Math.max(width[i], line.get(i).length());
                }
            }
            for (List<String> line : cells) {
                for (int i = 0; i < columns; i++) {
                    String pad = " ".repeat(width[i] - line.get(i).length());
                    boolean text = i < keys.size();
                    out.append(i == 0 ? "" : "  ");
                    out.append(text ? line.get(i) + pad : pad + line.get(i));
                }
                out.append('\n');
            }
            return out.toString();
        }
    }
}

package io.gpuledger.statements.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.core.statement.Money;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.Close;
import io.gpuledger.statements.KeptStatement;
import io.gpuledger.statements.StatementException;
import java.io.IOException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The month of a whole site: what its slots did, and who pays for it. */
public final class OperatorReport {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final double MS_PER_HOUR = 3_600_000;

    /** As a picture stacks them, with the colour of each. */
    private static final Map<String, String> COLORS =
            Map.of(
                    "ALLOCATED", "active",
                    "SUSPENDED", "held",
                    "OVERHEAD", "idle",
                    "RESERVED", "other",
                    "IDLE", "free",
                    "DOWN", "down",
                    "UNKNOWN", "other");

    private static final List<String> BUCKETS =
            List.of("ALLOCATED", "SUSPENDED", "OVERHEAD", "RESERVED", "IDLE", "DOWN", "UNKNOWN");

    private final Close close;
    private final List<KeptStatement> statements;
    private final List<UsageDetail> usage;
    private final List<CapacityDetail> capacity;
    private final Map<String, Long> slots;
    private final long deadLetters;

    /**
     * Reads what a report needs.
     *
     * @param statements of the month
     */
    public OperatorReport(Warehouse warehouse, Close close, List<KeptStatement> statements) {
        this.close = close;
        this.statements = List.copyOf(statements);
        DetailQuery query = new DetailQuery(warehouse, close.period(), close.knownAtMs());
        usage = query.usage("");
        capacity = query.capacity();
        slots = query.slots();
        deadLetters = query.deadLetters();
    }

    /** A page in a language. */
    public String html(Texts.Language language) {
        return new Printer("operator.peb").html(model(new Texts(language), language));
    }

    /** The same page as print. */
    public byte[] pdf(Texts.Language language) throws IOException {
        return new Printer("operator.peb").pdf(html(language));
    }

    private Map<String, Long> ofCluster(String cluster) {
        Map<String, Long> sums = new TreeMap<>();
        for (CapacityDetail c : capacity) {
            if (cluster.isEmpty() || c.cluster().equals(cluster)) {
                sums.merge(c.bucket(), c.gpuMs(), Long::sum);
            }
        }
        return sums;
    }

    private static long sum(Map<String, Long> buckets) {
        return buckets.values().stream().mapToLong(Long::longValue).sum();
    }

    private Map<String, Sums> byGrant() {
        Map<String, Sums> sums = new TreeMap<>();
        usage.forEach(u -> sums.merge(u.grantId(), u.sums(), Sums::plus));
        return sums;
    }

    private Map<String, Object> model(Texts t, Texts.Language language) {
        Map<String, Object> model = new HashMap<>();
        model.put("t", new Words(t));
        model.put("lang", language.tag());
        model.put("month", t.month(close.period().month()));
        List<List<String>> facts = new ArrayList<>();
        facts.add(
                List.of(
                        t.get("fact.period"),
                        t.get(
                                "fact.period.text",
                                t.date(close.period().span().startMs(), close.period().zone()),
                                t.date(close.period().span().endMs() - 1, close.period().zone()),
                                t.number(close.period().hours()),
                                close.period().zone().getId())));
        facts.add(List.of(t.get("fact.known"), t.time(close.knownAtMs(), close.period().zone())));
        facts.add(List.of(t.get("fact.statements"), t.number(statements.size())));
        if (!close.override().isEmpty()) {
            facts.add(List.of(t.get("fact.override"), close.override()));
        }
        model.put("facts", facts);
        model.put("open", close.openItems());
        model.put("tiles", tiles(t));
        model.put("days", chart(t));
        model.put("clusters", clusters(t));
        model.put("grants", grants(t));
        model.put("amounts", amounts(t));
        model.put("deadletters", t.number(deadLetters));
        return model;
    }

    private List<List<String>> tiles(Texts t) {
        Map<String, Long> all = ofCluster("");
        long capacityMs = sum(all);
        long held = held(all);
        Sums sums = usage.stream().map(UsageDetail::sums).reduce(Sums.NONE, Sums::plus);
        return List.of(
                List.of(t.hoursOfMs(capacityMs), t.get("tile.capacity")),
                List.of(
                        t.percent(capacityMs == 0 ? -1 : held * 1_000 / capacityMs),
                        t.get("tile.heldshare")),
                List.of(t.percent(sums.activeMilli()), t.get("tile.active")),
                List.of(t.hoursOfMs(sums.heldIdleMs()), t.get("tile.heldidle")));
    }

    private static long held(Map<String, Long> buckets) {
        return buckets.getOrDefault("ALLOCATED", 0L) + buckets.getOrDefault("SUSPENDED", 0L);
    }

    private String chart(Texts t) {
        Map<LocalDate, Map<String, Long>> days = new TreeMap<>();
        for (CapacityDetail c : capacity) {
            days.computeIfAbsent(c.day(), d -> new TreeMap<>())
                    .merge(c.bucket(), c.gpuMs(), Long::sum);
        }
        List<Chart.Bar> bars = new ArrayList<>();
        for (int day = 1; day <= close.period().month().lengthOfMonth(); day++) {
            Map<String, Long> of = days.getOrDefault(close.period().month().atDay(day), Map.of());
            List<Chart.Part> parts = new ArrayList<>();
            for (String bucket : BUCKETS) {
                parts.add(
                        new Chart.Part(
                                COLORS.getOrDefault(bucket, "other"),
                                of.getOrDefault(bucket, 0L) / MS_PER_HOUR));
            }
            bars.add(new Chart.Bar(Integer.toString(day), parts));
        }
        return Chart.bars(t.get("chart.capacity"), bars, false);
    }

    private List<List<String>> clusters(Texts t) {
        List<List<String>> rows = new ArrayList<>();
        for (Map.Entry<String, Long> cluster : slots.entrySet()) {
            Map<String, Long> buckets = ofCluster(cluster.getKey());
            rows.add(
                    List.of(
                            cluster.getKey(),
                            t.number(cluster.getValue()),
                            t.hoursOfMs(sum(buckets)),
                            t.hoursOfMs(held(buckets)),
                            t.hoursOfMs(buckets.getOrDefault("OVERHEAD", 0L)),
                            t.hoursOfMs(
                                    buckets.getOrDefault("IDLE", 0L)
                                            + buckets.getOrDefault("RESERVED", 0L)),
                            t.hoursOfMs(buckets.getOrDefault("DOWN", 0L)),
                            t.hoursOfMs(buckets.getOrDefault("UNKNOWN", 0L))));
        }
        return rows;
    }

    private static JsonNode body(KeptStatement statement) {
        try {
            return JSON.readTree(statement.body());
        } catch (IOException e) {
            throw new StatementException(
                    "a statement in ClickHouse is no JSON (%s); run gpu-ledger statement verify"
                            .formatted(e.getMessage()));
        }
    }

    private List<List<String>> grants(Texts t) {
        Map<String, Sums> sums = byGrant();
        List<List<String>> rows = new ArrayList<>();
        for (KeptStatement statement : statements) {
            JsonNode body = body(statement);
            Sums own = sums.getOrDefault(statement.grantId(), Sums.NONE);
            JsonNode budget = body.path("budget");
            List<String> amounts = new ArrayList<>();
            for (Map.Entry<String, JsonNode> amount :
                    body.path("total").path("amount_minor").properties()) {
                amounts.add(
                        t.money(
                                amount.getValue().asLong(),
                                amount.getKey(),
                                Money.digits(amount.getKey())));
            }
            rows.add(
                    List.of(
                            statement.grantId(),
                            body.path("title").asText(),
                            t.hoursOfMs(own.heldMs()),
                            t.hoursOfUs(budget.path("used_gpu_us").asLong()),
                            t.hoursOfUs(budget.path("corrected_gpu_us").asLong()),
                            budget.path("limited").asBoolean()
                                    ? t.hoursOfUs(budget.path("closing_gpu_us").asLong())
                                    : "–",
                            t.percent(own.activeMilli()),
                            t.hoursOfMs(own.heldIdleMs()),
                            String.join(", ", amounts)));
        }
        return rows;
    }

    private List<String> amounts(Texts t) {
        Map<String, Long> sums = new TreeMap<>();
        for (KeptStatement statement : statements) {
            for (Map.Entry<String, JsonNode> amount :
                    body(statement).path("total").path("amount_minor").properties()) {
                sums.merge(amount.getKey(), amount.getValue().asLong(), Math::addExact);
            }
        }
        List<String> all = new ArrayList<>();
        sums.forEach(
                (currency, minor) -> all.add(t.money(minor, currency, Money.digits(currency))));
        return all;
    }

    /** A line for each grant. */
    public String csv() {
        Map<String, Sums> sums = byGrant();
        StringBuilder csv =
                new StringBuilder(
                        "period,grant,gpu_ms,used_gpu_us,corrected_gpu_us,credited_gpu_us,limited,closing_gpu_us,covered_ms,active_gpu_us,held_idle_ms,energy_mj,amounts,digest\n");
        for (KeptStatement statement : statements) {
            JsonNode body = body(statement);
            JsonNode budget = body.path("budget");
            Sums own = sums.getOrDefault(statement.grantId(), Sums.NONE);
            List<String> amounts = new ArrayList<>();
            body.path("total")
                    .path("amount_minor")
                    .properties()
                    .forEach(a -> amounts.add(a.getValue().asText() + " " + a.getKey()));
            csv.append(
                    Csv.line(
                            List.of(
                                    statement.period(),
                                    statement.grantId(),
                                    Long.toString(own.heldMs()),
                                    budget.path("used_gpu_us").asText(),
                                    budget.path("corrected_gpu_us").asText(),
                                    budget.path("credited_gpu_us").asText(),
                                    budget.path("limited").asText(),
                                    budget.path("closing_gpu_us").asText(),
                                    Long.toString(own.coveredMs()),
                                    Long.toString(own.activeGpuUs()),
                                    Long.toString(own.heldIdleMs()),
                                    Long.toString(own.energyMj()),
                                    String.join(" ", amounts),
                                    statement.digest())));
        }
        return csv.toString();
    }

    /** Capacity by cluster and bucket, and every grant's totals. */
    public String json() {
        ObjectNode root = JSON.createObjectNode();
        root.put("period", close.period().name())
                .put("zone", close.period().zone().getId())
                .put("hours", close.period().hours())
                .put("known_at_ms", close.knownAtMs())
                .put("override", close.override())
                .put("dead_letters", deadLetters);
        ArrayNode open = root.putArray("open");
        close.openItems().forEach(open::add);
        ArrayNode clusters = root.putArray("clusters");
        for (Map.Entry<String, Long> cluster : slots.entrySet()) {
            Map<String, Long> buckets = ofCluster(cluster.getKey());
            ObjectNode node =
                    clusters.addObject()
                            .put("cluster", cluster.getKey())
                            .put("slots", cluster.getValue())
                            .put("capacity_gpu_ms", sum(buckets));
            ObjectNode by = node.putObject("gpu_ms");
            buckets.forEach(by::put);
        }
        ArrayNode grants = root.putArray("grants");
        for (KeptStatement statement : statements) {
            JsonNode body = body(statement);
            ObjectNode node = grants.addObject().put("grant", statement.grantId());
            node.put("digest", statement.digest());
            node.set("total", body.path("total"));
            node.set("budget", body.path("budget"));
        }
        return root.toPrettyString() + "\n";
    }
}

package io.gpuledger.statements.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.statement.Money;
import io.gpuledger.core.statement.Period;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.Explanation;
import io.gpuledger.statements.KeptStatement;
import io.gpuledger.statements.StatementException;
import java.io.IOException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The monthly report of a grant: its statement, and what that consists of. */
public final class GrantReport {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LARGEST = 10;

    /** Less is 0.0 GPU-hours. */
    private static final long SHOWN_US = 180_000_000;

    private static final double MS_PER_HOUR = 3_600_000;
    private static final double US_PER_HOUR = 3_600_000_000.0;
    private static final long DAY_MS = 86_400_000;

    private final KeptStatement kept;
    private final List<KeptStatement> history;
    private final JsonNode statement;
    private final Period period;
    private final long termEndMs;
    private final List<UsageDetail> usage;
    private final long deadLetters;
    private final Emissions emissions;

    /**
     * Reads what a report needs.
     *
     * @param history the grant's statements up to this one
     * @param registry that the statement was made with
     */
    public GrantReport(
            Warehouse warehouse,
            KeptStatement kept,
            List<KeptStatement> history,
            Registry registry) {
        this.kept = kept;
        this.history = List.copyOf(history);
        termEndMs = registry.grant(kept.grantId()).map(g -> g.term().endMs()).orElse(-1L);
        statement = parse(kept.body());
        period =
                new Period(
                        YearMonth.parse(kept.period()), ZoneId.of(statement.path("zone").asText()));
        DetailQuery query = new DetailQuery(warehouse, period, kept.knownAtMs());
        usage = query.usage(kept.grantId());
        deadLetters = query.deadLetters();
        emissions = Emissions.of(registry, query.energy(kept.grantId()));
    }

    private static JsonNode parse(String body) {
        try {
            return JSON.readTree(body);
        } catch (IOException e) {
            throw new StatementException(
                    "a statement in ClickHouse is no JSON (%s); run gpu-ledger statement verify"
                            .formatted(e.getMessage()));
        }
    }

    private <K> Map<K, Sums> by(Function<UsageDetail, K> key) {
        Map<K, Sums> sums = new LinkedHashMap<>();
        usage.forEach(u -> sums.merge(key.apply(u), u.sums(), Sums::plus));
        return sums;
    }

    private Sums total() {
        return usage.stream().map(UsageDetail::sums).reduce(Sums.NONE, Sums::plus);
    }

    private record Run(String runId, String jobId, String user) {}

    private List<Map.Entry<Run, Sums>> largest() {
        Map<Run, Sums> runs = new HashMap<>();
        for (UsageDetail u : usage) {
            if (!u.runId().isEmpty()) {
                runs.merge(new Run(u.runId(), u.jobId(), u.user()), u.sums(), Sums::plus);
            }
        }
        return runs.entrySet().stream()
                .sorted(
                        Comparator.comparingLong((Map.Entry<Run, Sums> e) -> e.getValue().heldMs())
                                .reversed()
                                .thenComparing(e -> e.getKey().runId()))
                .limit(LARGEST)
                .toList();
    }

    private List<Map.Entry<String, Sums>> users() {
        return by(UsageDetail::user).entrySet().stream()
                .filter(e -> !e.getValue().equals(Sums.NONE))
                .sorted(
                        Comparator.comparingLong(
                                        (Map.Entry<String, Sums> e) -> e.getValue().heldMs())
                                .reversed()
                                .thenComparing(Map.Entry::getKey))
                .toList();
    }

    /** A page in a language. */
    public String html(Texts.Language language) {
        return new Printer("grant.peb").html(model(new Texts(language), language));
    }

    /** The same page as print. */
    public byte[] pdf(Texts.Language language) throws IOException {
        return new Printer("grant.peb").pdf(html(language));
    }

    private Map<String, Object> model(Texts t, Texts.Language language) {
        Map<String, Object> model = new HashMap<>();
        model.put("t", new Words(t));
        model.put("lang", language.tag());
        model.put("id", statement.path("statement").asText());
        model.put("title", statement.path("title").asText());
        model.put("grant", kept.grantId());
        model.put("month", t.month(period.month()));
        List<List<String>> facts = new ArrayList<>();
        fact(facts, t.get("fact.grant"), kept.grantId());
        for (String name : List.of("pi", "institution", "funder")) {
            fact(facts, t.get("fact." + name), statement.path(name).asText());
        }
        fact(
                facts,
                t.get("fact.period"),
                t.get(
                        "fact.period.text",
                        t.date(period.span().startMs(), period.zone()),
                        t.date(period.span().endMs() - 1, period.zone()),
                        t.number(period.hours()),
                        period.zone().getId()));
        fact(facts, t.get("fact.known"), t.time(kept.knownAtMs(), period.zone()));
        fact(facts, t.get("fact.number"), t.number(kept.sequence()));
        fact(facts, t.get("fact.override"), statement.path("override").asText());
        model.put("facts", facts);
        model.put("summary", summary(t));
        model.put("tiles", tiles(t));
        model.put("burndown", burnDown(t));
        model.put("days", dayChart(t));
        model.put("activity", activityChart(t));
        model.put("lines", lines(t));
        model.put("budget", budget(t));
        model.put("users", users(t));
        model.put("runs", runs(t));
        model.put("quality", quality(t));
        model.put("digest", kept.digest());
        model.put("previous", kept.previousDigest());
        return model;
    }

    private static void fact(List<List<String>> facts, String name, String value) {
        if (!value.isEmpty()) {
            facts.add(List.of(name, value));
        }
    }

    private long budgetUs(String part) {
        return statement.path("budget").path(part + "_gpu_us").asLong();
    }

    private boolean isLimited() {
        return statement.path("budget").path("limited").asBoolean();
    }

    private List<String> summary(Texts t) {
        Sums sums = total();
        List<String> all = new ArrayList<>();
        all.add(
                t.get(
                        "summary.used",
                        t.month(period.month()),
                        t.hoursOfMs(sums.heldMs()),
                        t.hoursOfUs(budgetUs("used"))));
        if (Math.abs(budgetUs("corrected")) >= SHOWN_US) {
            all.add(t.get("summary.corrected", t.hoursOfUs(budgetUs("corrected"))));
        }
        if (isLimited()) {
            long closing = budgetUs("closing");
            all.add(
                    closing < 0
                            ? t.get("summary.overrun", t.hoursOfUs(-closing))
                            : t.get("summary.left", t.hoursOfUs(closing)));
            exhausts().ifPresent(day -> all.add(forecast(t, day)));
        }
        for (Map.Entry<String, JsonNode> amount :
                statement.path("total").path("amount_minor").properties()) {
            all.add(t.get("summary.pay", money(t, amount.getValue().asLong(), amount.getKey())));
        }
        if (sums.activeMilli() >= 0) {
            all.add(
                    t.get(
                            "summary.active",
                            t.percent(sums.activeMilli()),
                            t.hoursOfMs(sums.heldIdleMs())));
        } else if (sums.heldMs() > 0) {
            all.add(t.get("summary.uncovered"));
        }
        return all;
    }

    private String forecast(Texts t, LocalDate day) {
        LocalDate end = termEnd();
        return end != null && day.isAfter(end)
                ? t.get("summary.lasts", t.date(end))
                : t.get("summary.exhausts", t.date(day));
    }

    private @Nullable LocalDate termEnd() {
        return termEndMs < 0 || termEndMs == Long.MAX_VALUE
                ? null
                : Instant.ofEpochMilli(termEndMs - 1).atZone(period.zone()).toLocalDate();
    }

    /** If use goes on as in this month; empty when it never is, or was before. */
    private Optional<LocalDate> exhausts() {
        long used = budgetUs("used");
        long closing = budgetUs("closing");
        if (used <= 0 || closing <= 0) {
            return Optional.empty();
        }
        long days = (long) Math.ceil((double) closing / used * period.hours() / 24);
        return days > 36_500
                ? Optional.empty()
                : Optional.of(period.month().plusMonths(1).atDay(1).plusDays(days));
    }

    private static String money(Texts t, long minor, String currency) {
        return t.money(minor, currency, Money.digits(currency));
    }

    private List<List<String>> tiles(Texts t) {
        Sums sums = total();
        List<List<String>> tiles = new ArrayList<>();
        tiles.add(List.of(t.hoursOfMs(sums.heldMs()), t.get("tile.held")));
        tiles.add(
                List.of(
                        t.hoursOfUs(statement.path("total").path("charged_gpu_us").asLong()),
                        t.get("tile.charged")));
        tiles.add(
                isLimited()
                        ? List.of(t.hoursOfUs(budgetUs("closing")), t.get("tile.left"))
                        : List.of(t.number(largestCount()), t.get("tile.runs")));
        tiles.add(List.of(t.percent(sums.activeMilli()), t.get("tile.active")));
        return tiles;
    }

    private long largestCount() {
        return usage.stream().map(UsageDetail::runId).filter(r -> !r.isEmpty()).distinct().count();
    }

    private List<String> labels() {
        List<String> days = new ArrayList<>();
        for (int day = 1; day <= period.month().lengthOfMonth(); day++) {
            days.add(Integer.toString(day));
        }
        return days;
    }

    private String dayChart(Texts t) {
        Map<LocalDate, Sums> days = by(UsageDetail::day);
        List<Chart.Bar> bars = new ArrayList<>();
        for (String label : labels()) {
            Sums s = days.getOrDefault(period.month().atDay(Integer.parseInt(label)), Sums.NONE);
            double idle = s.heldIdleMs() / MS_PER_HOUR;
            bars.add(
                    new Chart.Bar(
                            label,
                            List.of(
                                    new Chart.Part("active", s.heldMs() / MS_PER_HOUR - idle),
                                    new Chart.Part("idle", idle))));
        }
        return Chart.bars(t.get("chart.days"), bars, false);
    }

    private String activityChart(Texts t) {
        Map<LocalDate, Sums> days = by(UsageDetail::day);
        List<Chart.Bar> bars = new ArrayList<>();
        boolean any = false;
        for (String label : labels()) {
            Sums s = days.getOrDefault(period.month().atDay(Integer.parseInt(label)), Sums.NONE);
            any |= s.activeMilli() >= 0;
            bars.add(
                    new Chart.Bar(
                            label,
                            List.of(new Chart.Part("held", Math.max(0, s.activeMilli()) / 10.0))));
        }
        return any ? Chart.bars(t.get("chart.activity"), bars, true) : "";
    }

    private String burnDown(Texts t) {
        if (!isLimited()) {
            return "";
        }
        Map<Double, Double> points = new TreeMap<>();
        List<Chart.Bar> labels = new ArrayList<>();
        for (KeptStatement s : history) {
            JsonNode budget = parse(s.body()).path("budget");
            Period of = new Period(YearMonth.parse(s.period()), period.zone());
            double start = of.span().startMs() / (double) DAY_MS;
            points.putIfAbsent(
                    start,
                    (budget.path("opening_gpu_us").asLong() + budget.path("given_gpu_us").asLong())
                            / US_PER_HOUR);
            points.put(
                    of.span().endMs() / (double) DAY_MS,
                    budget.path("closing_gpu_us").asLong() / US_PER_HOUR);
            if (history.size() <= 12 || of.month().getMonthValue() % 3 == 1) {
                labels.add(
                        new Chart.Bar(of.month().toString(), List.of(new Chart.Part("", start))));
            }
        }
        days(points);
        List<Chart.Point> line = new ArrayList<>();
        points.forEach((x, y) -> line.add(new Chart.Point(x, y)));
        Chart.Point last = line.get(line.size() - 1);
        List<Chart.Point> forecast = new ArrayList<>(List.of(last));
        double end = termEnd() == null ? -1 : termEndMs / (double) DAY_MS;
        double perDay = budgetUs("used") / US_PER_HOUR / (period.hours() / 24.0);
        if (perDay > 0 && last.y() > 0) {
            double empty = last.x() + last.y() / perDay;
            double until = end > last.x() ? Math.min(empty, end) : Math.min(empty, last.x() + 366);
            forecast.add(new Chart.Point(until, last.y() - perDay * (until - last.x())));
        }
        return Chart.burnDown(t.get("chart.burndown"), line, forecast, labels, end);
    }

    /**
     * The days of the month itself. Its last one has what the statement closes with: corrections
     * and credits too.
     */
    private void days(Map<Double, Double> points) {
        Map<LocalDate, Sums> days = by(UsageDetail::day);
        double left = (budgetUs("opening") + budgetUs("given")) / US_PER_HOUR;
        for (int day = 1; day < period.month().lengthOfMonth(); day++) {
            LocalDate date = period.month().atDay(day);
            left -= days.getOrDefault(date, Sums.NONE).chargedGpuUs() / US_PER_HOUR;
            long end = date.plusDays(1).atStartOfDay(period.zone()).toInstant().toEpochMilli();
            points.put(end / (double) DAY_MS, left);
        }
    }

    private List<List<String>> lines(Texts t) {
        List<List<String>> rows = new ArrayList<>();
        for (JsonNode line : statement.path("lines")) {
            String adjustment = line.path("adjustment").asText();
            String currency = line.path("currency").asText();
            String what =
                    adjustment.isEmpty()
                            ? line.path("cluster").asText()
                                    + (line.path("gpu_model").asText().isEmpty()
                                            ? ""
                                            : ", " + line.path("gpu_model").asText())
                            : adjustment + ": " + line.path("note").asText();
            rows.add(
                    List.of(
                            line.path("line").asText(),
                            t.get("kind." + line.path("kind").asText()),
                            line.path("period").asText(),
                            what,
                            t.hoursOfMs(line.path("gpu_ms").asLong()),
                            t.hoursOfUs(line.path("charged_gpu_us").asLong()),
                            line.path("credited_gpu_us").asLong() == 0
                                    ? ""
                                    : t.hoursOfUs(line.path("credited_gpu_us").asLong()),
                            t.price(line.path("price").asText()),
                            currency.isEmpty()
                                    ? ""
                                    : line.path("price").asText().isEmpty() && adjustment.isEmpty()
                                            ? t.get("line.unpriced")
                                            : money(
                                                    t,
                                                    line.path("amount_minor").asLong(),
                                                    currency)));
        }
        return rows;
    }

    private List<List<String>> budget(Texts t) {
        List<List<String>> rows = new ArrayList<>();
        if (isLimited()) {
            for (String part : List.of("opening", "given", "credited")) {
                rows.add(List.of(t.get("budget." + part), t.hoursOfUs(budgetUs(part))));
            }
            for (String part : List.of("used", "corrected")) {
                rows.add(List.of(t.get("budget." + part), t.hoursOfUs(-budgetUs(part))));
            }
            rows.add(List.of(t.get("budget.other"), t.hoursOfUs(budgetUs("other"))));
            rows.add(List.of(t.get("budget.closing"), t.hoursOfUs(budgetUs("closing"))));
        }
        return rows;
    }

    private List<List<String>> users(Texts t) {
        List<List<String>> rows = new ArrayList<>();
        users().forEach(e -> rows.add(row(t, List.of(named(e.getKey())), e.getValue())));
        return rows;
    }

    private List<List<String>> runs(Texts t) {
        List<List<String>> rows = new ArrayList<>();
        for (Map.Entry<Run, Sums> e : largest()) {
            Run run = e.getKey();
            rows.add(
                    row(
                            t,
                            List.of(named(run.jobId()), run.runId(), named(run.user())),
                            e.getValue()));
        }
        return rows;
    }

    private static String named(String name) {
        return name.isEmpty() ? "–" : name;
    }

    private static List<String> row(Texts t, List<String> names, Sums s) {
        List<String> row = new ArrayList<>(names);
        row.add(t.hoursOfMs(s.heldMs()));
        row.add(t.hoursOfUs(s.chargedGpuUs()));
        row.add(t.percent(s.activeMilli()));
        row.add(t.hoursOfMs(s.heldIdleMs()));
        row.add(t.kwh(s.energyMj()));
        return row;
    }

    private List<List<String>> quality(Texts t) {
        Sums sums = total();
        long corrections = 0;
        for (JsonNode line : statement.path("lines")) {
            corrections += line.path("kind").asText().equals("correction") ? 1 : 0;
        }
        return List.of(
                List.of(t.get("quality.coverage"), t.percent(sums.coveredMilli())),
                List.of(t.get("quality.estimated"), t.hoursOfMs(sums.endEstimatedMs())),
                List.of(t.get("quality.corrections"), t.number(corrections)),
                List.of(t.get("quality.energy"), t.kwh(sums.energyMj()) + " kWh"),
                List.of(t.get("quality.emissions"), co2(t)),
                List.of(t.get("quality.deadletters"), t.number(deadLetters)));
    }

    private String co2(Texts t) {
        if (emissions.energyMj() == 0) {
            return "–";
        }
        String kg = t.kg(emissions.grams());
        return emissions.unknownMj() == 0
                ? kg
                : t.get("quality.emissions.part", kg, t.kwh(emissions.unknownMj()));
    }

    /** The lines of the statement. */
    public String csv() {
        StringBuilder csv =
                new StringBuilder(
                        "statement,line,kind,period,cluster,gpu_model,adjustment,price,currency,gpu_ms,charged_gpu_us,credited_gpu_us,amount_minor,note\n");
        for (JsonNode line : statement.path("lines")) {
            List<String> cells = new ArrayList<>(List.of(statement.path("statement").asText()));
            for (String name :
                    List.of(
                            "line",
                            "kind",
                            "period",
                            "cluster",
                            "gpu_model",
                            "adjustment",
                            "price",
                            "currency",
                            "gpu_ms",
                            "charged_gpu_us",
                            "credited_gpu_us",
                            "amount_minor",
                            "note")) {
                cells.add(line.path(name).asText());
            }
            csv.append(Csv.line(cells));
        }
        return csv.toString();
    }

    /**
     * The lines as rows of FOCUS 1.3.
     *
     * @param explanation tells what of a line was shared or idle
     * @param issuer who runs the site
     */
    public String focus(Explanation explanation, String issuer) {
        return new FocusExport(
                        statement,
                        issuer,
                        number -> explanation.line(kept.grantId(), kept.period(), number).parts())
                .csv();
    }

    /** The statement as it was closed, and what its own month consists of. */
    public String json() {
        ObjectNode root = JSON.createObjectNode();
        root.put("digest", kept.digest());
        root.set("statement", statement);
        ArrayNode days = root.putArray("days");
        by(UsageDetail::day)
                .forEach((day, s) -> json(days.addObject().put("day", day.toString()), s));
        ArrayNode users = root.putArray("users");
        users().forEach(e -> json(users.addObject().put("user", e.getKey()), e.getValue()));
        ArrayNode runs = root.putArray("largest_runs");
        for (Map.Entry<Run, Sums> e : largest()) {
            json(
                    runs.addObject()
                            .put("run_id", e.getKey().runId())
                            .put("job_id", e.getKey().jobId())
                            .put("user", e.getKey().user()),
                    e.getValue());
        }
        json(root.putObject("total"), total());
        root.put("dead_letters", deadLetters);
        root.putObject("emissions")
                .put("co2e_g", emissions.grams())
                .put("energy_mj", emissions.energyMj())
                .put("energy_without_factor_mj", emissions.unknownMj());
        return root.toPrettyString() + "\n";
    }

    private static void json(ObjectNode node, Sums s) {
        node.put("gpu_ms", s.heldMs())
                .put("charged_gpu_us", s.chargedGpuUs())
                .put("covered_ms", s.coveredMs())
                .put("active_gpu_us", s.activeGpuUs())
                .put("energy_mj", s.energyMj())
                .put("held_idle_ms", s.heldIdleMs())
                .put("end_estimated_gpu_ms", s.endEstimatedMs());
    }
}

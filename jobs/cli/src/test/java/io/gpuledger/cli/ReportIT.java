package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.core.statement.Period;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.Close;
import io.gpuledger.statements.report.OperatorReport;
import io.gpuledger.testkit.StatedSite;
import java.io.PrintWriter;
import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.pdfbox.Loader;
import org.apache.pdfbox.cos.COSName;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.PDPage;
import org.apache.pdfbox.text.PDFTextStripper;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xml.sax.InputSource;

/** Reports of two closed months of a simulated site. */
class ReportIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ZoneId COPENHAGEN = ZoneId.of("Europe/Copenhagen");

    /** Mandatory columns that allow no null. */
    private static final Set<String> NEVER_NULL =
            Set.of(
                    "BilledCost",
                    "BillingAccountId",
                    "BillingCurrency",
                    "BillingPeriodEnd",
                    "BillingPeriodStart",
                    "ChargeCategory",
                    "ChargeDescription",
                    "ChargePeriodEnd",
                    "ChargePeriodStart",
                    "ContractedCost",
                    "EffectiveCost",
                    "HostProviderName",
                    "InvoiceIssuerName",
                    "ListCost",
                    "ServiceCategory",
                    "ServiceName",
                    "ServiceProviderName",
                    "ServiceSubcategory");

    private static final Pattern RATIO =
            Pattern.compile(
                    "\"\"AllocatedRatio\"\":([-0-9.]+),\"\"UsageUnit\"\":\"\"GPU-Hours\"\",\"\"UsageQuantity\"\":([-0-9.]+)");

    @TempDir static Path directory;
    private static LocalStack stack;
    private static Path out;

    private record Outcome(int exit, String out, String err) {}

    @BeforeAll
    static void start() throws Exception {
        Files.writeString(directory.resolve("ledger.yaml"), "zone: Europe/Copenhagen\n");
        out = directory.resolve("reports");
        stack = LocalStack.open(LocalStack.Options.in(directory.resolve("data")), "ReportIT");
        stack.ensureUp(EnumSet.of(Service.CLICKHOUSE));
        StatedSite site = new StatedSite(3, YearMonth.of(2024, 1), 2, COPENHAGEN, 40);
        Warehouse warehouse = warehouse("reports");
        Migrator.migrate(warehouse);
        new StatedSiteTables(site, warehouse).write();
        for (StatedSite.Closing closing : site.closings()) {
            Outcome closed =
                    run(
                            "statement",
                            "close",
                            "--month=" + closing.month(),
                            "--known-at=" + Instant.ofEpochMilli(closing.knownAtMs()),
                            "--override=Test <of> reports");
            assertThat(closed.exit()).as(closed.err()).isNotEqualTo(ExitCode.WRONG_USAGE);
        }
    }

    @AfterAll
    static void stop() {
        stack.close();
    }

    @Test
    void a_page_needs_nothing_but_itself_and_takes_no_text_for_markup() throws Exception {
        report("--grant=payer", "--format=html");
        String html = Files.readString(out.resolve("payer-2024-02.html"));

        DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(html.replaceFirst("<!DOCTYPE html>", ""))));
        assertThat(html)
                .contains(
                        "Title of &lt;payer&gt; &amp; co", "Test &lt;of&gt; reports", "correction")
                .contains("696 hours, Europe/Copenhagen")
                .doesNotContain("<script", "<link", "url(", "@import", "src=");
        assertThat(html.replace("http://www.w3.org/2000/svg", "")).doesNotContain("http");
    }

    @Test
    void a_budget_burns_down_day_by_day_to_what_the_statement_closes_with() throws Exception {
        report("--grant=voucher", "--format=html");
        Matcher burn =
                Pattern.compile("class=\"burn\" d=\"M([^\"]+)\"")
                        .matcher(Files.readString(out.resolve("voucher-2024-02.html")));
        assertThat(burn.find()).isTrue();
        double before = -1;
        int points = 0;
        for (String point : burn.group(1).split("L", -1)) {
            double x = Double.parseDouble(point.substring(0, point.indexOf(' ')));
            assertThat(x).as("from left to right").isGreaterThan(before);
            before = x;
            points++;
        }
        assertThat(points).as("begin and end of January, 29 days of February").isEqualTo(2 + 29);
    }

    @Test
    void print_has_text_that_can_be_selected_and_fonts_that_it_brings_along() throws Exception {
        report("--grant=voucher", "--format=pdf", "--lang=da");
        try (PDDocument pdf = Loader.loadPDF(out.resolve("voucher-2024-02.pdf").toFile())) {
            String text = new PDFTextStripper().getText(pdf);
            assertThat(text)
                    .contains("Title of <voucher> & co", "Månedsopgørelse", "februar 2024")
                    .contains("Budgettet er overskredet med", "Definitioner og metode");
            for (PDPage page : pdf.getPages()) {
                for (COSName font : page.getResources().getFontNames()) {
                    assertThat(page.getResources().getFont(font).isEmbedded()).isTrue();
                }
            }
        }
    }

    @Test
    void data_are_the_statement_as_it_was_closed() throws Exception {
        report("--grant=payer", "--format=csv,json");
        JsonNode json = JSON.readTree(out.resolve("payer-2024-02.json").toFile());
        String shown = run("statement", "show", "--grant=payer", "--month=2024-02", "--json").out();
        assertThat(json.path("statement")).isEqualTo(JSON.readTree(shown));
        long used = json.path("statement").path("budget").path("used_gpu_us").asLong();
        assertThat(json.path("total").path("charged_gpu_us").asLong())
                .as("what the month consists of is what was stated of it")
                .isEqualTo(used)
                .isPositive();
        long days = 0;
        for (JsonNode day : json.path("days")) {
            days += day.path("charged_gpu_us").asLong();
        }
        assertThat(days).isEqualTo(used);
        List<String> csv = Files.readAllLines(out.resolve("payer-2024-02.csv"));
        assertThat(csv).hasSize(json.path("statement").path("lines").size() + 1);
        assertThat(csv.get(0)).startsWith("statement,line,kind,period,cluster,gpu_model");
    }

    @Test
    void focus_rows_keep_the_rules_of_the_specification() throws Exception {
        report("--grant=payer", "--format=focus,json");
        JsonNode statement =
                JSON.readTree(out.resolve("payer-2024-02.json").toFile()).path("statement");
        List<String> lines = Files.readAllLines(out.resolve("payer-2024-02.focus.csv"));
        List<String> columns = List.of(lines.get(0).split(",", -1));
        assertThat(columns).isSorted().doesNotHaveDuplicates();
        BigDecimal billed = BigDecimal.ZERO;
        int corrections = 0;
        Map<String, BigDecimal> ratios = new HashMap<>();
        Map<String, List<String>> uses = new HashMap<>();
        for (String line : lines.subList(1, lines.size())) {
            Map<String, String> row = new HashMap<>();
            List<String> cells = List.of(line.replaceAll("\"[^\"]*\"", "quoted").split(",", -1));
            assertThat(cells).hasSameSizeAs(columns);
            for (int i = 0; i < cells.size(); i++) {
                row.put(columns.get(i), cells.get(i));
            }
            assertThat(row)
                    .allSatisfy(
                            (column, cell) -> {
                                if (NEVER_NULL.contains(column)) {
                                    assertThat(cell).as(column).isNotEmpty();
                                }
                            })
                    .containsEntry("BillingCurrency", "DKK")
                    .containsEntry("BillingPeriodStart", "2024-01-31T23:00:00Z")
                    .containsEntry("BillingPeriodEnd", "2024-02-29T23:00:00Z");
            boolean earlier = "2023-12-31T23:00:00Z".equals(row.get("ChargePeriodStart"));
            corrections += earlier ? 1 : 0;
            assertThat(row.get("ChargeClass")).isEqualTo(earlier ? "Correction" : "");
            if (!row.getOrDefault("AllocatedMethodId", "").isEmpty()) {
                String origin =
                        row.get("SubAccountId")
                                + row.get("SkuId")
                                + row.get("ChargePeriodStart")
                                + row.get("ContractedUnitPrice");
                Matcher ratio = RATIO.matcher(line);
                assertThat(ratio.find()).as(line).isTrue();
                ratios.merge(origin, new BigDecimal(ratio.group(1)), BigDecimal::add);
                uses.computeIfAbsent(origin, o -> new ArrayList<>())
                        .add(row.get("AllocatedResourceId"));
                assertThat(ratio.group(2)).isEqualTo(row.get("PricingQuantity"));
            } else {
                assertThat(row.get("AllocatedResourceId")).isEmpty();
                assertThat(row.get("AllocatedMethodDetails")).isEmpty();
            }
            BigDecimal cost = new BigDecimal(row.get("BilledCost"));
            billed = billed.add(cost);
            if ("Usage".equals(row.get("ChargeCategory"))) {
                BigDecimal product =
                        new BigDecimal(row.get("ContractedUnitPrice"))
                                .multiply(new BigDecimal(row.get("PricingQuantity")));
                assertThat(new BigDecimal(row.get("ContractedCost"))).isEqualByComparingTo(product);
                assertThat(cost.subtract(product).abs()).isLessThan(new BigDecimal("0.011"));
                assertThat(row.get("SkuPriceId")).isNotEmpty();
            } else {
                assertThat(row.get("ContractedCost")).isEqualTo(row.get("BilledCost"));
            }
        }
        assertThat(corrections).isPositive();
        assertThat(ratios.values())
                .isNotEmpty()
                .allSatisfy(sum -> assertThat(sum).isEqualByComparingTo(BigDecimal.ONE));
        assertThat(uses.values())
                .allSatisfy(of -> assertThat(of).hasSizeGreaterThan(1).doesNotHaveDuplicates());
        assertThat(billed.movePointRight(2))
                .isEqualByComparingTo(
                        statement.path("total").path("amount_minor").path("DKK").asText());
    }

    @Test
    void every_line_is_explained_to_the_unit() throws Exception {
        int explained = 0;
        for (String grant : List.of("payer", "voucher", "yen", "ended", "unmapped")) {
            JsonNode lines =
                    JSON.readTree(
                                    run(
                                                    "statement",
                                                    "show",
                                                    "--grant=" + grant,
                                                    "--month=2024-02",
                                                    "--json")
                                            .out())
                            .path("lines");
            for (JsonNode line : lines) {
                Outcome outcome =
                        run(
                                "explain",
                                "--statement=" + grant + "/2024-02",
                                "--line=" + line.path("line").asInt(),
                                "--json");
                assertThat(outcome.exit()).as(outcome.out() + outcome.err()).isZero();
                JsonNode explanation = JSON.readTree(outcome.out());
                assertThat(explanation.path("line")).isEqualTo(line);
                assertThat(explanation.path("adds_up").asBoolean()).isTrue();
                explained++;
            }
        }
        assertThat(explained).isGreaterThan(10);
        assertThat(run("explain", "--statement=payer/2024-02", "--line=1").out())
                .contains("payer/2024-02 line 1, usage of 2024-02", "rounded half to even")
                .contains("ALLOCATED", "sum of all parts", ": the line");
        Outcome none = run("explain", "--statement=payer/2024-02", "--line=99");
        assertThat(none.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(none.err()).contains("statement payer/2024-02 has lines 1 to");
    }

    @Test
    void a_slots_hour_tells_all_that_was_ever_known_of_it() throws Exception {
        List<String> corrected =
                warehouse("reports")
                        .query(
                                """
                                SELECT cluster, host, gpu_index, formatDateTime(window_start, '%FT%TZ', 'UTC'), count()
                                FROM usage_hour_log GROUP BY ALL HAVING count() = 3 ORDER BY ALL LIMIT 1
                                """,
                                Map.of())
                        .get(0);
        Outcome outcome =
                run(
                        "explain",
                        "--slot=%s/%s/%s"
                                .formatted(corrected.get(0), corrected.get(1), corrected.get(2)),
                        "--at=" + corrected.get(3),
                        "--json");
        JsonNode versions = JSON.readTree(outcome.out()).path("versions");
        assertThat(versions).hasSize(3);
        assertThat(versions.path(0).path("current").asBoolean()).isTrue();
        assertThat(versions.path(1).path("current").asBoolean()).isFalse();
        assertThat(run("explain", "--slot=a/b/c", "--at=2024-02-01").exit())
                .isEqualTo(ExitCode.WRONG_USAGE);
        JsonNode hours =
                JSON.readTree(run("explain", "--run=north/payer", "--json").out()).path("hours");
        long charged = 0;
        for (JsonNode hour : hours) {
            charged += hour.path("charged_gpu_us").asLong();
        }
        assertThat(charged)
                .as("hours that turned out to be another run's are left out")
                .isPositive()
                .isEqualTo(
                        Long.parseLong(
                                warehouse("reports")
                                        .query(
                                                """
                                                SELECT sum(arraySum((c, r) -> if(r = 'north/payer', c, 0), h.1, h.2)) FROM (
                                                    SELECT argMax((holders.charged_gpu_us, holders.run_id), revision) AS h
                                                    FROM usage_hour_log GROUP BY cluster, host, gpu_index, window_start)
                                                """,
                                                Map.of())
                                        .get(0)
                                        .get(0)));
        assertThat(run("explain", "--run=north/1/1").err()).contains("knows no run north/1/1");
    }

    @Test
    void the_site_has_the_hours_of_its_zone() throws Exception {
        Warehouse warehouse = warehouse("hours");
        Migrator.migrate(warehouse);
        warehouse.execute(
                """
                INSERT INTO usage_hour_log (cluster, host, gpu_index, window_start, exists_ms, revision,
                    holders.bucket, holders.run_id, holders.job_id, holders.account, holders.user, holders.partition,
                    holders.qos, holders.grant_id, holders.instance, holders.gpu_ms, holders.charged_gpu_us,
                    holders.covered_ms, holders.active_gpu_us, holders.sm_active_gpu_us, holders.tensor_active_gpu_us,
                    holders.dram_active_gpu_us, holders.memory_mib_ms, holders.energy_mj, holders.held_idle_ms,
                    holders.flags, inserted_at)
                SELECT 'c', 'h', number % 2, toDateTime('2026-01-01 00:00:00', 'UTC') + intDiv(number, 2) * 3600, 3600000, 1,
                    ['IDLE'], [''], [''], [''], [''], [''], [''], [''], [-1], [3600000], [0],
                    [0], [0], [0], [0], [0], [0], [0], [0], [0], toDateTime64('2026-01-02 00:00:00', 3, 'UTC')
                FROM numbers(2 * 24 * 360)
                """,
                Map.of());
        for (Map.Entry<Integer, Long> month : Map.of(3, 743L, 10, 745L).entrySet()) {
            Close close =
                    new Close(
                            new Period(YearMonth.of(2026, month.getKey()), COPENHAGEN),
                            Instant.parse("2026-12-01T00:00:00Z").toEpochMilli(),
                            0,
                            "",
                            List.of(),
                            "ida");
            JsonNode site = JSON.readTree(new OperatorReport(warehouse, close, List.of()).json());
            assertThat(site.path("hours").asLong()).isEqualTo(month.getValue());
            assertThat(site.path("clusters").path(0).path("capacity_gpu_ms").asLong())
                    .isEqualTo(2 * month.getValue() * 3_600_000);
        }
    }

    @Test
    void the_sites_report_has_all_grants() throws Exception {
        report("--operator", "--format=html,pdf,csv,json");
        JsonNode site = JSON.readTree(out.resolve("site-2024-02.json").toFile());
        List<String> grants = new ArrayList<>();
        site.path("grants").forEach(g -> grants.add(g.path("grant").asText()));
        assertThat(grants).containsExactly("ended", "payer", "unmapped", "voucher", "yen");
        assertThat(Files.readAllLines(out.resolve("site-2024-02.csv"))).hasSize(6);
        assertThat(Files.readString(out.resolve("site-2024-02.html")))
                .contains("Open when the month was closed", "is not compared with its accounting");
        assertThat(Files.size(out.resolve("site-2024-02.pdf"))).isPositive();
    }

    @Test
    void a_month_that_is_open_and_a_grant_that_is_unknown_are_refused() {
        Outcome open =
                run("report", "--operator", "--month=2024-03", "--out=" + directory.resolve("no"));
        assertThat(open.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(open.err()).hasLineCount(1).contains("2024-03 is not closed");
        Outcome unknown =
                run(
                        "report",
                        "--grant=nobody",
                        "--month=2024-02",
                        "--out=" + directory.resolve("no"));
        assertThat(unknown.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(unknown.err()).hasLineCount(1).contains("grant nobody has no statement");
        assertThat(directory.resolve("no")).doesNotExist();
    }

    private static void report(String... more) {
        List<String> words = new ArrayList<>(List.of("report", "--month=2024-02", "--out=" + out));
        words.addAll(List.of(more));
        Outcome outcome = run(words.toArray(new String[0]));
        assertThat(outcome.exit()).as(outcome.err()).isZero();
    }

    private static Warehouse warehouse(String database) {
        return new Warehouse(stack.clickHouseUrl(), "default", "", database);
    }

    private static Outcome run(String... words) {
        StringWriter output = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> all = new ArrayList<>();
        all.add("--config=" + directory.resolve("ledger.yaml"));
        all.add("--data=" + directory.resolve("data"));
        all.add("--database=reports");
        all.addAll(List.of(words));
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(output))
                        .setErr(new PrintWriter(err))
                        .execute(all.toArray(new String[0]));
        return new Outcome(exit, output.toString(), err.toString());
    }
}

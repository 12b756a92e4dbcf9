package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import io.gpuledger.core.statement.Statement;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.testkit.StatedSite;
import io.gpuledger.testkit.StatementOracle;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A year of a simulated site, its months closed one after the other, each when it was known. */
class StatementIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ZoneId COPENHAGEN = ZoneId.of("Europe/Copenhagen");

    private static final int KILLS = 8;
    private static final String BODIES =
            "SELECT grant_id, period, sequence, digest, body FROM statements_current ORDER BY ALL";
    private static final String LINES = "SELECT * FROM statement_lines_current ORDER BY ALL";

    @TempDir static Path directory;
    private static LocalStack stack;

    private record Outcome(int exit, String out, String err) {}

    @BeforeAll
    static void start() throws Exception {
        Files.writeString(directory.resolve("ledger.yaml"), "zone: Europe/Copenhagen\n");
        stack = LocalStack.open(LocalStack.Options.in(directory.resolve("data")), "StatementIT");
        stack.ensureUp(EnumSet.of(Service.CLICKHOUSE));
    }

    @AfterAll
    static void stop() {
        stack.close();
    }

    @Test
    void all_statements_of_a_year_together_say_what_the_ledger_says_and_stay_what_they_are()
            throws Exception {
        StatedSite site = new StatedSite(7, YearMonth.of(2023, 11), 12, COPENHAGEN, 30);
        StatementOracle oracle = new StatementOracle(site);
        Warehouse warehouse = warehouse("year");
        Migrator.migrate(warehouse);
        StatedSiteTables tables = new StatedSiteTables(site, warehouse);
        tables.write();
        List<StatedSite.Closing> closings = site.closings();
        for (StatedSite.Closing closing : closings) {
            int number = closings.indexOf(closing);
            tables.reconciled("north", closing, 0);
            if (number != 4) {
                tables.reconciled("south", closing, 0);
            }
            if (number == 4) {
                tables.reconciled("south", closing, 90_000);
                Outcome refused = close(closing);
                assertThat(refused.exit()).isEqualTo(ExitCode.FINDINGS);
                assertThat(refused.err())
                        .contains("cluster south: 90 GPU-seconds of", "2024-03 is not closed")
                        .doesNotContain("north");
                assertThat(count(warehouse, "statement_closes")).isEqualTo(4);
            }
            if (number == 6) {
                beginAndDie(warehouse, closing);
            }
            if (number == 8) {
                Outcome one = close(closing, "--grant=payer");
                assertThat(one.exit()).as(one.err()).isZero();
                assertThat(one.out()).contains("1 statement closed", "other grants are still open");
                assertThat(run("year", "statement", "close", "--month=2024-08").err())
                        .contains("2024-07 is not closed for all grants yet; close it first");
            }
            Outcome closed =
                    number == 4 || number == 11
                            ? close(closing, "--override=The dispute of job 17 goes on")
                            : close(closing);
            assertThat(closed.exit()).as(closed.err()).isIn(ExitCode.DONE, ExitCode.FINDINGS);
            assertThat(closed.err()).doesNotContain("gpu-ledger:");
            SortedMap<String, StatementOracle.Sum> ledger = oracle.ledger(closing.knownAtMs());
            String month = closing.month().toString();
            ledger.keySet().removeIf(k -> k.substring(k.indexOf('/') + 1).compareTo(month) > 0);
            assertThat(stated(warehouse)).as("after %s", month).isEqualTo(ledger);
        }
        assertThat(corrections(warehouse)).isGreaterThan(100);

        Outcome verified = run("year", "statement", "verify");
        assertThat(verified.out()).endsWith("of 12 months: all as they were closed\n");
        assertThat(verified.exit()).isZero();

        long before = count(warehouse, "statements") + count(warehouse, "statement_months");
        Outcome again = close(closings.get(3));
        assertThat(again.out()).contains("was closed before");
        assertThat(count(warehouse, "statements") + count(warehouse, "statement_months"))
                .isEqualTo(before);

        String shown =
                run("year", "statement", "show", "--grant=payer", "--month=2024-03", "--json")
                        .out();
        JsonNode statement = JSON.readTree(shown);
        assertThat(statement.path("hours").asLong()).isEqualTo(743);
        assertThat(statement.path("override").asText()).isEqualTo("The dispute of job 17 goes on");
        JsonNode listed =
                JSON.readTree(
                        run(
                                        "year",
                                        "statement",
                                        "list",
                                        "--grant=payer",
                                        "--month=2024-03",
                                        "--json")
                                .out());
        assertThat(Statement.digest(shown)).isEqualTo(listed.path(0).path("digest").asText());
        assertThat(run("year", "statement", "show", "--grant=voucher", "--month=2024-10").out())
                .contains("745 h", "correction  2024-0", "budget: opening", "closing -");

        JsonSchema schema =
                JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V7)
                        .getSchema(run("year", "statement", "schema").out());
        for (List<String> row : warehouse.query("SELECT body FROM statements", Map.of())) {
            assertThat(schema.validate(JSON.readTree(row.get(0)))).as(row.get(0)).isEmpty();
        }

        tamper(warehouse);
    }

    /** The knowledge time is written down, and lines whose statements never came. */
    private static void beginAndDie(Warehouse warehouse, StatedSite.Closing closing) {
        warehouse.execute(
                "INSERT INTO statement_closes (period, zone, known_at_ms, registry_version, closed_by)"
                        + " SELECT {period:String}, 'Europe/Copenhagen', {known:Int64}, max(version), 'ida'"
                        + " FROM registry_log WHERE toUnixTimestamp64Milli(recorded_at) <= {known:Int64}",
                Map.of(
                        "period",
                        closing.month().toString(),
                        "known",
                        Long.toString(closing.knownAtMs())));
        warehouse.execute(
                "INSERT INTO statement_lines (grant_id, period, digest, line, gpu_ms)"
                        + " VALUES ('payer', {period:String}, 'abc', 1, 5)",
                Map.of("period", closing.month().toString()));
        assertThat(
                        warehouse.query(
                                "SELECT count() FROM statement_lines_current WHERE period = {period:String}",
                                Map.of("period", closing.month().toString())))
                .as("nothing half-closed is visible")
                .isEqualTo(List.of(List.of("0")));
        assertThat(
                        run(
                                        "year",
                                        "statement",
                                        "close",
                                        "--month=" + closing.month(),
                                        "--known-at="
                                                + Instant.ofEpochMilli(closing.knownAtMs() + 1))
                                .err())
                .contains("was begun as known at");
        Outcome resumed = run("year", "statement", "close", "--month=" + closing.month(), "--json");
        assertThat(resumed.out())
                .as("it goes on as of when it was begun")
                .contains(Instant.ofEpochMilli(closing.knownAtMs()).toString());
    }

    private static void tamper(Warehouse warehouse) {
        alter(
                warehouse,
                "statement_lines UPDATE amount_minor = amount_minor - 1 WHERE grant_id = 'payer' AND period = '2024-02' AND line = 1");
        assertThat(found())
                .containsExactly(
                        "payer/2024-02: its lines in statement_lines are not those of the statement");
        alter(
                warehouse,
                "statement_lines UPDATE amount_minor = amount_minor + 1 WHERE grant_id = 'payer' AND period = '2024-02' AND line = 1");
        assertThat(found()).isEmpty();

        alter(
                warehouse,
                "statements UPDATE body = replaceOne(body, '\"kind\":\"commercial\"', '\"kind\":\"voucher\"') WHERE grant_id = 'payer' AND period = '2024-05'");
        assertThat(found())
                .hasSize(2)
                .anyMatch(f -> f.equals("payer/2024-05: its text was changed after it was closed"))
                .anyMatch(
                        f ->
                                f.startsWith(
                                        "payer/2024-05: the ledger as known then says otherwise"));
        alter(
                warehouse,
                "statements UPDATE body = replaceOne(body, '\"kind\":\"voucher\"', '\"kind\":\"commercial\"') WHERE grant_id = 'payer' AND period = '2024-05'");
        assertThat(found()).isEmpty();

        alter(warehouse, "statements DELETE WHERE grant_id = 'yen' AND period = '2024-01'");
        assertThat(found())
                .anyMatch(f -> f.startsWith("yen/2024-02: the chain is broken"))
                .anyMatch(f -> f.equals("yen/2024-01 is missing"))
                .anyMatch(f -> f.startsWith("2024-01: its"));

        warehouse.execute("CREATE TABLE missing AS usage_hour_log", Map.of());
        warehouse.execute(
                "INSERT INTO missing SELECT * FROM usage_hour_log WHERE cluster = 'south' AND has(holders.grant_id, 'payer')"
                        + " ORDER BY window_start DESC LIMIT 1 OFFSET 400",
                Map.of());
        alter(
                warehouse,
                "usage_hour_log DELETE WHERE (host, gpu_index, window_start, revision) IN (SELECT host, gpu_index, window_start, revision FROM missing)");
        assertThat(found())
                .as("a revision is gone")
                .anyMatch(f -> f.contains("the ledger as known then says otherwise"));
    }

    private static List<String> found() {
        Outcome outcome = run("year", "statement", "verify");
        List<String> lines = new ArrayList<>(outcome.out().lines().toList());
        lines.remove(lines.size() - 1);
        assertThat(outcome.exit()).isEqualTo(lines.isEmpty() ? ExitCode.DONE : ExitCode.FINDINGS);
        return lines;
    }

    private static void alter(Warehouse warehouse, String what) {
        warehouse.execute("ALTER TABLE %s SETTINGS mutations_sync = 1".formatted(what), Map.of());
    }

    @Test
    void what_cannot_be_closed_is_refused_in_one_line_and_nothing_is_written() throws Exception {
        Warehouse warehouse = warehouse("refusals");
        assertThat(run("refusals", "statement", "close", "--month=2026-13"))
                .isEqualTo(
                        new Outcome(
                                ExitCode.WRONG_USAGE,
                                "",
                                "gpu-ledger: --month 2026-13 is no month; give one like 2026-10\n"));
        YearMonth now = YearMonth.now(COPENHAGEN);
        Outcome open = run("refusals", "statement", "close", "--month=" + now);
        assertThat(open.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(open.err()).hasLineCount(1).contains(now + " is not over: it ends");
        Outcome unknown =
                run("refusals", "statement", "close", "--month=2024-01", "--grant=nobody");
        assertThat(unknown.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(unknown.err()).hasLineCount(1).contains("grant nobody is not in the registry");
        Outcome none = run("refusals", "statement", "show", "--grant=nobody", "--month=2024-01");
        assertThat(none.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(none.err()).hasLineCount(1).contains("grant nobody has no statement");
        assertThat(count(warehouse, "statement_closes")).isZero();
        Outcome unreachable =
                run(
                        "refusals",
                        "--clickhouse=http://127.0.0.1:9",
                        "statement",
                        "close",
                        "--month=2024-01");
        assertThat(unreachable.exit()).isEqualTo(ExitCode.UNREACHABLE);
        assertThat(unreachable.err()).hasLineCount(1).contains("does not answer");
    }

    /**
     * Killed wherever it may be, and repeated: the bytes are those of a close that went through.
     */
    @Test
    void a_killed_close_leaves_nothing_half_closed_and_is_repeated_to_the_byte() throws Exception {
        StatedSite site = new StatedSite(11, YearMonth.of(2024, 1), KILLS, COPENHAGEN, 30);
        for (String database : List.of("killed", "whole")) {
            Migrator.migrate(warehouse(database));
            new StatedSiteTables(site, warehouse(database)).write();
        }
        Random random = new Random(11);
        int halfWay = 0;
        int killed = 0;
        for (StatedSite.Closing closing : site.closings()) {
            String[] words = {
                "statement",
                "close",
                "--month=" + closing.month(),
                "--known-at=" + Instant.ofEpochMilli(closing.knownAtMs()),
                "--override=Killed"
            };
            String begun =
                    "statement_closes WHERE period = '%s'".formatted(closing.month().toString());
            long took = System.nanoTime();
            assertThat(run("whole", words).err()).doesNotContain("gpu-ledger:");
            took = (System.nanoTime() - took) / 1_000_000;

            Process process = process("killed", words);
            Patience.until(
                    "begun, or over",
                    Duration.ofMinutes(1),
                    () -> count(warehouse("killed"), begun) > 0 || !process.isAlive());
            if (!process.waitFor(random.nextLong(1 + took / 2), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly().onExit().get();
                killed++;
            }
            Warehouse warehouse = warehouse("killed");
            long stated = statements(warehouse, closing);
            assertThat(stated)
                    .as("all or nothing")
                    .isIn(0L, statements(warehouse("whole"), closing));
            boolean open =
                    count(warehouse, "statement_closes") > count(warehouse, "statement_months");
            halfWay += open ? 1 : 0;
            assertThat(run("killed", words).err()).doesNotContain("gpu-ledger:");
        }
        assertThat(halfWay).as("half-way of %d that were killed", killed).isPositive();
        for (String what : List.of(BODIES, LINES)) {
            assertThat(warehouse("killed").query(what, Map.of()))
                    .isNotEmpty()
                    .isEqualTo(warehouse("whole").query(what, Map.of()));
        }
        assertThat(run("killed", "statement", "verify").exit()).isZero();
    }

    /** Either of them may win, but there is one month in the end, and it verifies. */
    @Test
    void two_that_close_a_month_at_once_close_it_once() throws Exception {
        StatedSite site = new StatedSite(5, YearMonth.of(2024, 1), 4, COPENHAGEN, 20);
        Warehouse warehouse = warehouse("twice");
        Migrator.migrate(warehouse);
        new StatedSiteTables(site, warehouse).write();
        for (StatedSite.Closing closing : site.closings()) {
            String[] words = {
                "statement", "close", "--month=" + closing.month(), "--override=Twice"
            };
            CompletableFuture<Outcome> other =
                    CompletableFuture.supplyAsync(() -> run("twice", words));
            List<Outcome> both = List.of(run("twice", words), other.get());
            assertThat(both)
                    .allSatisfy(
                            o ->
                                    assertThat(o.exit() == ExitCode.WRONG_USAGE)
                                            .as(o.err())
                                            .isEqualTo(o.err().contains("run this again")));
            assertThat(run("twice", words).err()).doesNotContain("gpu-ledger:");
        }
        assertThat(run("twice", "statement", "verify").out())
                .endsWith("of 4 months: all as they were closed\n");
        assertThat(
                        warehouse.query(
                                "SELECT grant_id, period FROM statements FINAL GROUP BY ALL HAVING count() > 1",
                                Map.of()))
                .isEmpty();
    }

    private static long statements(Warehouse warehouse, StatedSite.Closing closing) {
        return Long.parseLong(
                warehouse
                        .query(
                                "SELECT count() FROM statements_current WHERE period = {period:String}",
                                Map.of("period", closing.month().toString()))
                        .get(0)
                        .get(0));
    }

    private static Process process(String database, String... words) throws IOException {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-cp",
                                System.getProperty("java.class.path"),
                                "io.gpuledger.cli.GpuLedger"));
        command.addAll(arguments(database, words));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("killed.log").toFile())
                .start();
    }

    private static Outcome close(StatedSite.Closing closing, String... more) {
        List<String> words =
                new ArrayList<>(
                        List.of(
                                "statement",
                                "close",
                                "--month=" + closing.month(),
                                "--known-at=" + Instant.ofEpochMilli(closing.knownAtMs())));
        words.addAll(List.of(more));
        return run("year", words.toArray(new String[0]));
    }

    private static SortedMap<String, StatementOracle.Sum> stated(Warehouse warehouse) {
        SortedMap<String, StatementOracle.Sum> stated = new TreeMap<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT grant_id || '/' || of_period, sum(gpu_ms), sum(charged_gpu_us),
                            sum(credited_gpu_us), sum(amount_minor)
                        FROM statement_lines_current GROUP BY grant_id, of_period
                        """,
                        Map.of())) {
            StatementOracle.Sum sum =
                    new StatementOracle.Sum(
                            Long.parseLong(row.get(1)),
                            Long.parseLong(row.get(2)),
                            Long.parseLong(row.get(3)),
                            Long.parseLong(row.get(4)));
            if (!sum.equals(StatementOracle.Sum.NONE)) {
                stated.put(row.get(0), sum);
            }
        }
        return stated;
    }

    private static long corrections(Warehouse warehouse) {
        return Long.parseLong(
                warehouse
                        .query(
                                "SELECT count() FROM statement_lines_current WHERE kind = 'correction'",
                                Map.of())
                        .get(0)
                        .get(0));
    }

    private static long count(Warehouse warehouse, String table) {
        return Long.parseLong(
                warehouse.query("SELECT count() FROM " + table, Map.of()).get(0).get(0));
    }

    private static Warehouse warehouse(String database) {
        return new Warehouse(stack.clickHouseUrl(), "default", "", database);
    }

    private static Outcome run(String database, String... words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(arguments(database, words).toArray(new String[0]));
        return new Outcome(exit, out.toString(), err.toString());
    }

    private static List<String> arguments(String database, String... words) {
        List<String> all = new ArrayList<>();
        all.add("--config=" + directory.resolve("ledger.yaml"));
        all.add("--data=" + directory.resolve("data"));
        all.add("--database=" + database);
        all.addAll(List.of(words));
        return all;
    }
}

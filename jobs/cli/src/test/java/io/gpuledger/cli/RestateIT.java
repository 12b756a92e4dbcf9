package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Usage of our recording, charged anew in ClickHouse by a registry that came later. */
class RestateIT {
    private static final String BEFORE = "src/test/resources/registry/before";
    private static final String AFTER = "src/test/resources/registry/after";
    private static final String FROM = "--from=2026-11-23T11:00";
    private static final String TO = "--to=2026-11-23T13:00";
    private static final ObjectMapper JSON = new ObjectMapper();

    /** All of a row but who wrote it and when. */
    private static final String CONTENT = "* EXCEPT (revision, input_digest)";

    @TempDir static Path directory;
    private static LocalStack stack;
    private static Path recording;

    private record Outcome(int exit, String out, String err) {}

    @BeforeAll
    static void start() throws IOException {
        stack = LocalStack.open(LocalStack.Options.in(directory.resolve("data")), "RestateIT");
        stack.ensureUp(EnumSet.of(Service.CLICKHOUSE, Service.KAFKA));
        recording = Files.createDirectories(directory.resolve("recording"));
        for (DemoRecording.Item item : DemoRecording.load().items()) {
            Files.writeString(recording.resolve(item.fileName()), item.text());
        }
        Files.writeString(recording.resolve("1795435436.nodes.txt"), DemoRecording.load().nodes());
        // What a run is charged by the scheduler is known from accounting alone.
        Files.writeString(recording.resolve("sacct.psv"), DemoRecording.load().accounting());
    }

    @AfterAll
    static void stop() {
        stack.close();
    }

    @Test
    void restated_rows_are_those_that_a_backfill_with_that_registry_writes() throws Exception {
        backfill("expected", AFTER);
        backfill("ledger", BEFORE);
        assertThat(run("--database=ledger", "restate", "--cluster=fakehpc", FROM, TO).exit())
                .as("no registry is in force")
                .isEqualTo(ExitCode.WRONG_USAGE);

        Outcome applied = run("--database=ledger", "registry", "apply", AFTER, "--json");
        String command = JSON.readTree(applied.out()).path("restate_with").path(0).asText();
        assertThat(command).startsWith("gpu-ledger restate --cluster fakehpc --from 2026-11-01T");

        List<List<String>> before = rows("ledger", "usage_minute", "*");
        JsonNode dry = JSON.readTree(restate("--dry-run", "--json").out());
        assertThat(rows("ledger", "usage_minute", "*")).as("a dry run").isEqualTo(before);
        assertThat(rows("ledger", "usage_hour", CONTENT))
                .isNotEqualTo(rows("expected", "usage_hour", CONTENT));

        List<String> words = new ArrayList<>(List.of(command.split(" ")));
        words.set(0, "--database=ledger");
        words.add("--json");
        Outcome restated = run(words.toArray(new String[0]));
        assertThat(restated.exit()).as(restated.err()).isZero();
        JsonNode told = JSON.readTree(restated.out());
        assertThat(told.path("minute_rows")).isEqualTo(dry.path("minute_rows"));
        assertThat(told.path("hour_rows")).isEqualTo(dry.path("hour_rows"));
        assertThat(told.path("usage")).isEqualTo(dry.path("usage"));
        assertThat(told.path("minute_rows").asLong()).isPositive();
        assertThat(rows("ledger", "usage_minute", CONTENT))
                .isEqualTo(rows("expected", "usage_minute", CONTENT));
        assertThat(rows("ledger", "usage_hour", CONTENT))
                .isEqualTo(rows("expected", "usage_hour", CONTENT));

        List<List<String>> once = rows("ledger", "usage_minute", "*");
        Outcome again = restate();
        assertThat(again.out()).startsWith("nothing to change");
        assertThat(again.exit()).isZero();
        assertThat(rows("ledger", "usage_minute", "*")).as("the second run").isEqualTo(once);
        assertThat(rows("ledger", "usage_hour_log", "count()"))
                .as("every version of an hour stays")
                .isEqualTo(
                        List.of(
                                List.of(
                                        Long.toString(
                                                rows("ledger", "usage_hour", "1").size()
                                                        + told.path("hour_rows").asLong()))));
        assertThat(
                        run(
                                        "--database=ledger",
                                        "backfill",
                                        "--cluster=fakehpc",
                                        "--registry=" + BEFORE,
                                        "--slurm=" + recording)
                                .err())
                .as("the files were read before")
                .contains("nothing to change");
    }

    @Test
    void what_the_scheduler_charges_is_the_grants_that_the_registry_in_force_names()
            throws Exception {
        backfill("scheduled", BEFORE);
        assertThat(run("--database=scheduled", "registry", "apply", AFTER).exit()).isZero();
        long whole = 0;
        for (JsonNode line : scheduled("account", "11:00", "13:00")) {
            whole += line.path("allocated_gpu_ms").asLong();
        }
        assertThat(whole).isEqualTo(9_595_000); // sreport's total of the recording
        long byGrant = 0;
        for (JsonNode line : scheduled("grant", "11:00", "13:00")) {
            byGrant += line.path("allocated_gpu_ms").asLong();
        }
        assertThat(byGrant).isEqualTo(whole);
        // g1 moves from alpha to beta at 11:56; from 11:57 on a GPU-hour weighs 1.25.
        assertThat(grantsOf("g1", scheduled("grant,account", "11:00", "11:56")))
                .containsExactly("alpha");
        assertThat(grantsOf("g1", scheduled("grant,account", "11:56", "13:00")))
                .containsExactly("beta");
        assertThat(grantsOf("g1", scheduled("grant,account", "11:00", "13:00")))
                .containsExactly("alpha", "beta");
        for (JsonNode line : scheduled("grant,account", "11:00", "11:57")) {
            assertThat(line.path("charged_gpu_us").asLong())
                    .isEqualTo(line.path("allocated_gpu_ms").asLong() * 1_000);
        }
        assertThat(scheduled("account", "11:57", "13:00"))
                .anyMatch(
                        line ->
                                line.path("charged_gpu_us").asLong()
                                        == line.path("allocated_gpu_ms").asLong() * 1_250);
        assertThat(
                        run(
                                        "--database=scheduled",
                                        "usage",
                                        "--by=grant",
                                        "--basis=scheduled",
                                        "--grant=beta",
                                        FROM,
                                        TO,
                                        "--format=csv")
                                .out()
                                .lines()
                                .skip(1))
                .allMatch(l -> l.startsWith("beta,"))
                .isNotEmpty();
    }

    private static List<String> grantsOf(String account, JsonNode lines) {
        List<String> grants = new ArrayList<>();
        for (JsonNode line : lines) {
            if (line.path("account").asText().equals(account)) {
                grants.add(line.path("grant").asText());
            }
        }
        return grants;
    }

    private static JsonNode scheduled(String by, String from, String to) throws IOException {
        Outcome usage =
                run(
                        "--database=scheduled",
                        "usage",
                        "--basis=scheduled",
                        "--by=" + by,
                        "--from=2026-11-23T" + from,
                        "--to=2026-11-23T" + to,
                        "--format=json");
        assertThat(usage.exit()).as(usage.err()).isZero();
        return JSON.readTree(usage.out());
    }

    @Test
    void what_was_learned_meanwhile_stands_and_a_part_of_an_hour_keeps_the_sum() throws Exception {
        backfill("meanwhile", BEFORE);
        assertThat(run("--database=meanwhile", "registry", "apply", AFTER).exit()).isZero();
        Warehouse warehouse = warehouse("meanwhile");
        // A version of the live job that was computed just before, and is on its way.
        String learned = Long.toString(System.currentTimeMillis() * 1000);
        Outcome part =
                run(
                        "--database=meanwhile",
                        "restate",
                        "--cluster=fakehpc",
                        "--from=2026-11-23T11:56",
                        "--to=2026-11-23T11:58");
        assertThat(part.exit()).as(part.err()).isZero();
        assertThat(hoursThatAreNotTheirMinutes(warehouse)).isEqualTo("0");
        warehouse.execute(
                """
                INSERT INTO usage_minute (cluster, host, gpu_index, unplaced_run, window_start, exists_ms, revision)
                SELECT cluster, host, gpu_index, unplaced_run, window_start, 0, {learned:UInt64}
                FROM usage_minute FINAL WHERE window_start = toDateTime('2026-11-23 11:57:00', 'UTC')
                """,
                Map.of("learned", learned));
        assertThat(
                        warehouse.query(
                                "SELECT count() FROM usage_minute_current"
                                        + " WHERE window_start = toDateTime('2026-11-23 11:57:00', 'UTC')",
                                Map.of()))
                .as("the later knowledge")
                .isEqualTo(List.of(List.of("0")));
    }

    @Test
    void hours_whose_minutes_are_gone_are_charged_unless_the_charge_changes_within_them()
            throws Exception {
        backfill("expected-hours", AFTER);
        backfill("hours", BEFORE);
        assertThat(run("--database=hours", "registry", "apply", AFTER).exit()).isZero();
        Warehouse warehouse = warehouse("hours");
        warehouse.execute("TRUNCATE TABLE usage_minute", Map.of());
        Outcome restated =
                run("--database=hours", "restate", "--cluster=fakehpc", FROM, TO, "--json");
        assertThat(restated.exit()).as(restated.err()).isEqualTo(ExitCode.FINDINGS);
        JsonNode told = JSON.readTree(restated.out());
        assertThat(told.path("undecided_hour_rows").asLong()).isPositive();
        // From 12:00 on one policy is in force.
        assertThat(
                        rows(
                                "hours",
                                "usage_hour",
                                CONTENT,
                                "window_start >= toDateTime('2026-11-23 12:00:00', 'UTC')"))
                .isEqualTo(
                        rows(
                                "expected-hours",
                                "usage_hour",
                                CONTENT,
                                "window_start >= toDateTime('2026-11-23 12:00:00', 'UTC')"));
    }

    private static String hoursThatAreNotTheirMinutes(Warehouse warehouse) {
        return warehouse
                .query(
                        """
                        SELECT count() FROM (
                            SELECT host, gpu_index, unplaced_run, hour, run_id, bucket, grant_id,
                                sum(minutes) AS a, sum(hours) AS b
                            FROM (
                                SELECT host, gpu_index, unplaced_run, toStartOfHour(window_start) AS hour,
                                    run_id, bucket, grant_id, charged_gpu_us AS minutes, 0 AS hours
                                FROM usage_minute_current
                                UNION ALL
                                SELECT host, gpu_index, unplaced_run, window_start, run_id, bucket, grant_id,
                                    0, charged_gpu_us
                                FROM usage_hour_current)
                            GROUP BY ALL HAVING a != b)
                        """,
                        Map.of())
                .get(0)
                .get(0);
    }

    private static Warehouse warehouse(String database) {
        return new Warehouse(stack.clickHouseUrl(), "default", "", database);
    }

    private static List<List<String>> rows(String database, String table, String columns) {
        return rows(database, table, columns, "1");
    }

    private static List<List<String>> rows(
            String database, String table, String columns, String where) {
        boolean log = table.equals("usage_hour_log");
        return warehouse(database)
                .query(
                        "SELECT %s FROM %s %s WHERE %s %s"
                                .formatted(
                                        columns,
                                        table,
                                        log ? "" : "FINAL",
                                        where,
                                        log
                                                ? ""
                                                : "ORDER BY host, gpu_index, unplaced_run, window_start"),
                        Map.of());
    }

    private static Outcome restate(String... more) {
        List<String> words =
                new ArrayList<>(
                        List.of("--database=ledger", "restate", "--cluster=fakehpc", FROM, TO));
        words.addAll(List.of(more));
        return run(words.toArray(new String[0]));
    }

    private static void backfill(String database, String registry) {
        Outcome outcome =
                run(
                        "--database=" + database,
                        "backfill",
                        "--cluster=fakehpc",
                        "--registry=" + registry,
                        "--slurm=" + recording);
        assertThat(outcome.exit()).as(outcome.err()).isZero();
    }

    private static Outcome run(String... words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> all = new ArrayList<>();
        all.add("--data=" + directory.resolve("data"));
        all.addAll(List.of(words));
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(all.toArray(new String[0]));
        return new Outcome(exit, out.toString(), err.toString());
    }
}

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
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The registry commands on our recording of a real Slurm, with real ClickHouse and Kafka. */
class RegistryIT {
    private static final String BEFORE = "src/test/resources/registry/before";
    private static final String AFTER = "src/test/resources/registry/after";
    private static final String MISTAKES = "../registry/src/test/resources/mistakes";
    private static final String FROM = "--from=2026-11-23T11:00";
    private static final String TO = "--to=2026-11-23T13:00";
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir static Path directory;
    private static LocalStack stack;
    private static Path recording;

    private record Outcome(int exit, String out, String err) {}

    @BeforeAll
    static void start() throws IOException {
        stack = LocalStack.open(LocalStack.Options.in(directory.resolve("data")), "RegistryIT");
        stack.ensureUp(EnumSet.of(Service.CLICKHOUSE, Service.KAFKA));
        recording = Files.createDirectories(directory.resolve("recording"));
        for (DemoRecording.Item item : DemoRecording.load().items()) {
            Files.writeString(recording.resolve(item.fileName()), item.text());
        }
        Files.writeString(recording.resolve("1795435436.nodes.txt"), DemoRecording.load().nodes());
    }

    @AfterAll
    static void stop() {
        stack.close();
    }

    @Test
    void what_if_tells_to_the_unit_what_a_backfill_with_that_registry_writes() throws IOException {
        backfill("--database=none");
        backfill("--database=before", "--registry=" + BEFORE);
        backfill("--database=after", "--registry=" + AFTER);

        Map<String, String> raw = charged("none", "grant");
        assertThat(raw.keySet()).containsExactly("", "unmapped");
        for (String database : List.of("none", "before", "after")) {
            for (String registry : List.of("before", "after")) {
                JsonNode usage =
                        JSON.readTree(
                                        run(
                                                        "--database=" + database,
                                                        "registry",
                                                        "what-if",
                                                        "--registry=src/test/resources/registry/"
                                                                + registry,
                                                        FROM,
                                                        TO,
                                                        "--json")
                                                .out())
                                .path("usage");
                assertThat(sums(usage, "now"))
                        .as("%s, %s", database, registry)
                        .isEqualTo(held(database));
                assertThat(sums(usage, "then"))
                        .as("%s, %s", database, registry)
                        .isEqualTo(held(registry));
            }
        }
        // All the same time, charged otherwise.
        for (String account : List.of("account", "account,bucket", "run")) {
            assertThat(times("after", account)).isEqualTo(times("none", account));
        }
        assertThat(charged("before", "grant").keySet())
                .containsExactly("", "alpha", "beta", "unmapped");
        // Suspended time at a third, and what a node took to come free.
        String hours = "--database=after";
        assertThat(table(hours, "grant")).contains("charged h").contains("unmapped");
        assertThat(run(hours, "usage", "--by=grant", FROM, TO).err())
                .contains("no grant pays")
                .contains("g4");
    }

    @Test
    void the_same_files_with_another_registry_replace_only_when_told() throws IOException {
        backfill("--database=again", "--registry=" + BEFORE);
        Outcome same = backfill("--database=again", "--registry=" + BEFORE);
        assertThat(same.err()).contains("nothing to change");
        List<String> words = words("--database=again", "--registry=" + AFTER);
        assertThat(run(words.toArray(new String[0])).exit()).isEqualTo(ExitCode.WRONG_USAGE);
        words.add("--replace");
        assertThat(run(words.toArray(new String[0])).exit()).isZero();
        backfill("--database=once", "--registry=" + AFTER);
        assertThat(charged("again", "grant,hour,slot,bucket"))
                .isEqualTo(charged("once", "grant,hour,slot,bucket"));
        List<String> wrong = words("--database=again", "--registry=" + MISTAKES);
        assertThat(run(wrong.toArray(new String[0])).exit()).isEqualTo(ExitCode.WRONG_USAGE);
    }

    @Test
    void a_registry_is_checked_compared_applied_and_shown() throws IOException {
        String database = "--database=applied";
        backfill(database);
        Outcome wrong = run(database, "registry", "apply", MISTAKES);
        assertThat(wrong.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(wrong.err().lines().count()).isGreaterThanOrEqualTo(40);
        assertThat(wrong.err().lines())
                .allMatch(l -> l.matches("gpu-ledger: .*\\.yaml:\\d+: .*; .*"));
        JsonNode checked = JSON.readTree(run("registry", "check", MISTAKES, "--json").out());
        assertThat(checked.path("problems").size()).isEqualTo((int) wrong.err().lines().count());
        assertThat(run(database, "registry", "show").out()).contains("no registry was applied");

        Outcome diff = run(database, "registry", "diff", BEFORE);
        assertThat(diff.exit()).isEqualTo(ExitCode.FINDINGS);
        assertThat(diff.out())
                .contains("+ grant alpha", "+ account fakehpc/g1", "2026-11", "unmapped");

        JsonNode first =
                JSON.readTree(
                        run(database, "registry", "apply", BEFORE, "--by=anna", "--json").out());
        assertThat(first.path("version").asLong()).isEqualTo(1);
        assertThat(first.path("applied").asBoolean()).isTrue();
        Outcome again = run(database, "registry", "apply", BEFORE, "--by=bo");
        assertThat(again.exit()).isZero();
        assertThat(again.out()).contains("in force already, as version 1");

        Outcome change = run(database, "registry", "diff", AFTER);
        assertThat(change.exit()).isEqualTo(ExitCode.FINDINGS);
        assertThat(change.out())
                .contains("against version 1:")
                .contains("~ grant beta", "budget top-up 2026-11-01T00:00Z: none -> 12.5 GPU-hours")
                .contains("~ account fakehpc/g1")
                .contains("grant: alpha -> alpha until 2026-11-23T11:56Z, then beta from")
                .doesNotContain("grant alpha\n");
        assertThat(run(database, "registry", "apply", AFTER, "--by=bo").out())
                .contains("applied as version 2");
        assertThat(run(database, "registry", "diff", AFTER).out())
                .contains("the files say the same as version 2");

        JsonNode shown = JSON.readTree(run(database, "registry", "show", "--json").out());
        assertThat(shown.path("recorded_by").asText()).isEqualTo("bo");
        Path file = directory.resolve("shown.yaml");
        Files.writeString(file, shown.path("registry").toString());
        assertThat(run(database, "registry", "apply", file.toString()).out())
                .contains("in force already, as version 2");
        JsonNode history =
                JSON.readTree(run(database, "registry", "show", "--history", "--json").out());
        assertThat(history).hasSize(2);
        Instant second = Instant.parse(history.path(0).path("recorded_at").asText());
        assertThat(second).isAfter(Instant.parse(history.path(1).path("recorded_at").asText()));
        String minuteAfter = second.truncatedTo(ChronoUnit.MINUTES).plusSeconds(60).toString();
        assertThat(asOf(database, minuteAfter)).isEqualTo(2);
        assertThat(asOf(database, "2026-01-01T00:00:00Z")).isZero();
        Warehouse warehouse = new Warehouse(stack.clickHouseUrl(), "default", "", "applied");
        // As if it had died between Kafka and ClickHouse.
        warehouse.execute("TRUNCATE TABLE registry_log", Map.of());
        assertThat(run(database, "registry", "apply", AFTER).out()).contains("in force already");
        assertThat(JSON.readTree(run(database, "registry", "show", "--history", "--json").out()))
                .isEqualTo(history);
        assertThat(backfillOutcome(database, "--replace").err())
                .contains("registry version 2 is in force but does not charge this backfill");
    }

    private static long asOf(String database, String time) throws IOException {
        return JSON.readTree(run(database, "registry", "show", "--as-of=" + time, "--json").out())
                .path("version")
                .asLong();
    }

    private static Map<String, List<Long>> sums(JsonNode usage, String when) {
        Map<String, List<Long>> sums = new TreeMap<>();
        for (JsonNode line : usage) {
            List<Long> sum =
                    List.of(
                            line.path("gpu_ms_" + when).asLong(),
                            line.path("charged_gpu_us_" + when).asLong());
            if (sum.get(0) != 0) {
                sums.put(line.path("grant").asText(), sum);
            }
        }
        return sums;
    }

    /** Held time and charge by grant, as usage has them. */
    private static Map<String, List<Long>> held(String database) {
        Map<String, List<Long>> held = new TreeMap<>();
        csv(database, "grant")
                .forEach(
                        (grant, c) -> {
                            if (!grant.isEmpty()) {
                                long ms = 0;
                                for (int i = 0; i < 3; i++) {
                                    ms += Long.parseLong(c.get(i));
                                }
                                held.put(grant, List.of(ms, Long.parseLong(c.get(7))));
                            }
                        });
        return held;
    }

    private static Map<String, String> charged(String database, String by) {
        Map<String, String> charged = new TreeMap<>();
        csv(database, by).forEach((key, cells) -> charged.put(key, cells.get(7)));
        return charged;
    }

    private static Map<String, List<String>> times(String database, String by) {
        Map<String, List<String>> times = new TreeMap<>();
        csv(database, by).forEach((key, cells) -> times.put(key, cells.subList(0, 7)));
        return times;
    }

    /** The numbers of each line, by its keys. */
    private static Map<String, List<String>> csv(String database, String by) {
        Outcome usage =
                run("--database=" + database, "usage", "--by=" + by, FROM, TO, "--format=csv");
        assertThat(usage.exit()).as(usage.err()).isZero();
        Map<String, List<String>> lines = new TreeMap<>();
        usage.out()
                .lines()
                .skip(1)
                .forEach(
                        line -> {
                            List<String> cells = List.of(line.split(",", -1));
                            int numbers = cells.size() - 12;
                            lines.put(
                                    String.join(",", cells.subList(0, numbers)),
                                    cells.subList(numbers, cells.size()));
                        });
        return lines;
    }

    private static String table(String database, String by) {
        return run(database, "usage", "--by=" + by, FROM, TO).out();
    }

    private static List<String> words(String database, String... more) {
        List<String> words = new ArrayList<>(List.of(database, "backfill", "--cluster=fakehpc"));
        words.addAll(List.of(more));
        words.add("--slurm=" + recording);
        return words;
    }

    private static Outcome backfillOutcome(String database, String... more) {
        return run(words(database, more).toArray(new String[0]));
    }

    private static Outcome backfill(String database, String... more) {
        Outcome outcome = backfillOutcome(database, more);
        assertThat(outcome.exit()).as(outcome.err()).isZero();
        return outcome;
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

package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The whole product, live: exporters, Kafka, the streaming job, ClickHouse. */
class DemoIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String FROM = "--from=2026-11-23T11:00";
    private static final String TO = "--to=2026-11-23T13:00";

    /** Below target: the demo's services write until this process ends. */
    private static Path directory;

    private static Path config;

    @BeforeAll
    static void directory() throws IOException {
        directory = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "demo");
        config = Files.createTempFile(directory.getParent(), "demo", ".yaml");
        Files.writeString(
                config,
                "clickhouse:\n  database: demo\nattribution:\n  held_idle_activity: 100%\n");
    }

    @Test
    void the_live_path_ends_with_what_was_really_held() throws Exception {
        Outcome demo = run("demo", "--once", "--speed=40");
        assertThat(demo.exit()).as(demo.err()).isZero();
        assertThat(demo.out()).contains("Rows that break the closed balance: 0", "g3a");

        Outcome usage = run("usage", "--by=run", FROM, TO, "--format=csv");
        assertThat(usage.exit()).as(usage.err()).isZero();
        Map<String, String> held = HeldTruth.ofUsage(usage.out());
        assertThat(held.remove(HeldTruth.LOST_RUN)).isEqualTo("11.000");
        assertThat(held).isEqualTo(HeldTruth.expected());

        explained(held.keySet());

        // What the file says is idle: all of it, and the stack's own job must have read that.
        String[] allocated =
                run("usage", "--by=bucket", FROM, TO, "--format=csv")
                        .out()
                        .lines()
                        .filter(line -> line.startsWith("ALLOCATED,"))
                        .findFirst()
                        .orElseThrow()
                        .split(",", -1);
        String covered = allocated[9];
        assertThat(allocated[12]).isEqualTo(covered).isNotEqualTo("0");

        // Law 8 on a real Slurm: what the quota job has of each run, from the scheduler alone.
        Outcome threeWay =
                run(
                        "reconcile",
                        "--three-way",
                        "--cluster=fakehpc",
                        "--sacct=src/main/resources/demo/sacct.psv.gz",
                        FROM,
                        TO);
        assertThat(threeWay.exit()).as(threeWay.out() + threeWay.err()).isZero();
        assertThat(threeWay.out())
                .contains("114 runs of 1 grants; ledger and balance agree to the unit.");
    }

    /** Each run down to what the sources said, which alone makes what the ledger has. */
    private static void explained(Set<String> runs) throws IOException {
        Map<String, Integer> verdicts = new TreeMap<>();
        for (String run : runs) {
            Outcome outcome = run("explain", "--run=" + run, "--json");
            assertThat(outcome.exit()).as(outcome.out() + outcome.err()).isZero();
            JsonNode explained = JSON.readTree(outcome.out());
            assertThat(explained.path("hours_add_up").asBoolean()).as(run).isTrue();
            verdicts.merge(explained.path("snapshots_say").asText(), 1, Integer::sum);
            for (JsonNode said : explained.path("snapshots")) {
                assertThat(said.path("read_from").asText()).isEqualTo("job-snapshots");
                assertThat(said.path("partition").asInt()).isBetween(0, 3);
                assertThat(said.path("position").asLong()).isNotNegative();
                assertThat(said.path("origin").asText()).isNotEmpty();
            }
        }
        assertThat(verdicts.keySet()).isSubsetOf("ADDS_UP", "SHARED");
        assertThat(verdicts.get("ADDS_UP")).isGreaterThan(runs.size() * 8 / 10);
    }

    private record Outcome(int exit, String out, String err) {}

    private static Outcome run(String... words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        String[] all = new String[words.length + 2];
        all[0] = "--data=" + directory;
        all[1] = "--config=" + config;
        System.arraycopy(words, 0, all, 2, words.length);
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(all);
        return new Outcome(exit, out.toString(), err.toString());
    }
}

package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.benchmarks.Variant;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The benchmark in short. It checks its ledger itself after every run, held time to the
 * millisecond; of speed nothing is asked here.
 */
class BenchIT {
    @TempDir Path directory;

    @Test
    void every_variant_runs_on_the_same_records_and_the_ledger_is_what_was_generated()
            throws IOException {
        JsonNode report =
                bench(
                        "pipeline",
                        "--hosts=3",
                        "--span=10",
                        "--scrape-interval=5",
                        "--repeat=1",
                        "--warm-up=0",
                        "--variants="
                                + Arrays.stream(Variant.values())
                                        .map(Variant::label)
                                        .collect(Collectors.joining(",")));
        assertThat(report.at("/input/samples").asLong()).isEqualTo(3 * 8 * 120);
        assertThat(report.at("/input/held_gpu_ms").asLong()).isPositive();
        assertThat(report.at("/machine/cores").asInt()).isPositive();
        for (Variant variant : Variant.values()) {
            JsonNode figures = report.path("variants").path(variant.label());
            assertThat(figures.at("/samples_per_second/median").asDouble())
                    .as(variant.label())
                    .isPositive();
            assertThat(figures.at("/cpu_s_per_million_samples/median").isNumber()).isTrue();
            assertThat(figures.at("/peak_rss_mib/job").asLong()).isPositive();
            assertThat(figures.at("/ratio_to_decode").isNumber()).isTrue();
            assertThat(figures.at("/ratio_to_clickhouse").isNumber()).isTrue();
        }
        // Ten minutes of 24 GPUs; the last poll begins one more.
        assertThat(report.at("/variants/attribution-heap/minute_rows").asLong())
                .isGreaterThanOrEqualTo(240);
    }

    @Test
    void every_question_is_answered_of_a_generated_year() throws IOException {
        JsonNode report =
                bench(
                        "queries",
                        "--gpus=64",
                        "--days=40",
                        "--minute-days=1",
                        "--grants=5",
                        "--repeat=1");

        assertThat(report.path("queries")).hasSize(9);
        for (JsonNode query : report.path("queries")) {
            assertThat(query.path("rows").asInt()).as(query.toString()).isPositive();
            assertThat(query.path("read_rows").asLong()).as(query.toString()).isPositive();
        }
        assertThat(report.at("/tables/usage_minute/rows").asLong()).isEqualTo(64 * 1440);
        assertThat(report.at("/tables/usage_hour/rows").asLong())
                .isGreaterThanOrEqualTo(64 * 40 * 24);
        assertThat(
                        report.at("/tables/usage_hour/columns/holders.energy_mj/compressed_bytes")
                                .asLong())
                .isPositive();
    }

    @Test
    void the_pieces_run_one_by_one() throws IOException {
        JsonNode report = bench("core", "--smoke");

        assertThat(report.findValuesAsText("name"))
                .contains(
                        "attributeWindow",
                        "attributeWindowAfterDays",
                        "mergeSnapshots",
                        "decodeScrape",
                        "encodeRow");
        for (JsonNode benchmark : report.path("benchmarks")) {
            assertThat(benchmark.path("ns").asDouble()).as(benchmark.toString()).isPositive();
        }
    }

    @Test
    void growth_is_measured_on_ledgers_that_are_right() throws IOException {
        JsonNode report =
                bench(
                        "growth",
                        "--hosts=2",
                        "--span=60",
                        "--state-hosts=3",
                        "--state-span=60",
                        "--repeat=1",
                        "--warm-up=0");

        long base = report.at("/cases/0/samples").asLong();
        assertThat(base).isEqualTo(2 * 8 * 120);
        assertThat(report.at("/cases/1/samples").asLong()).isEqualTo(2 * base);
        assertThat(report.at("/cases/2/runs").asLong())
                .isGreaterThan(report.at("/cases/0/runs").asLong());
        assertThat(report.at("/cases/3/hosts").asInt()).isEqualTo(4);
        for (JsonNode one : report.path("cases")) {
            assertThat(one.at("/ratio_to_base/median").asDouble()).as(one.toString()).isPositive();
        }
        assertThat(report.at("/state/samples").asLong()).isEqualTo(3 * 8 * 120);
    }

    @Test
    void rows_arrive_at_the_pace_of_the_clock() throws IOException {
        JsonNode report = bench("latency", "--smoke", "--hosts=2", "--scrape-interval=1");

        assertThat(report.at("/cases/0/rows").asInt()).isEqualTo(2 * 8);
        assertThat(report.at("/cases/0/p99_ms").asLong()).isPositive();
    }

    private JsonNode bench(String... arguments) throws IOException {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> all = new ArrayList<>(List.of("--data=" + directory, "bench"));
        all.addAll(List.of(arguments));
        all.add("--json");
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(all.toArray(String[]::new));
        assertThat(exit).as(err.toString()).isZero();
        return new ObjectMapper().readTree(out.toString());
    }
}

package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.benchmarks.Variant;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Arrays;
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
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(
                                "--data=" + directory,
                                "bench",
                                "pipeline",
                                "--hosts=3",
                                "--span=10",
                                "--scrape-interval=5",
                                "--repeat=1",
                                "--warm-up=0",
                                "--variants="
                                        + Arrays.stream(Variant.values())
                                                .map(Variant::label)
                                                .collect(Collectors.joining(",")),
                                "--json");

        assertThat(exit).as(err.toString()).isZero();
        JsonNode report = new ObjectMapper().readTree(out.toString());
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
}

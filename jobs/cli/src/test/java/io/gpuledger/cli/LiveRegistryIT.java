package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A registry in force before the live job begins, and another one applied while it runs. */
class LiveRegistryIT {
    private static final String FROM = "--from=2026-11-23T11:00";
    private static final String TO = "--to=2026-11-23T13:00";
    private static final String BEFORE = "src/test/resources/registry/before";
    private static final String AFTER = "src/test/resources/registry/after";
    private static final ObjectMapper JSON = new ObjectMapper();

    /** One after the other, for about half of the demo. */
    private static final int APPLIED = 8;

    /** Below target: the demo's services write until this process ends. */
    private Path directory;

    private record Outcome(int exit, String out, String err) {}

    @BeforeEach
    void directory() throws IOException {
        directory = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "live-registry");
    }

    @Test
    void usage_is_charged_by_the_registry_in_force_and_anew_by_one_applied_later()
            throws Exception {
        assertThat(run("registry", "apply", BEFORE).exit()).isZero();
        CompletableFuture<Outcome> demo =
                CompletableFuture.supplyAsync(() -> run("demo", "--once", "--speed=20"));
        String usage = "";
        while (!usage.contains("alpha,") && !demo.isDone()) {
            usage = run("usage", "--by=grant", FROM, TO, "--format=csv").out();
        }
        assertThat(usage).as("the first registry charges").contains("alpha,");
        assertThat(demo).as("the second one is applied while the job runs").isNotDone();
        Outcome applied = run("registry", "apply", AFTER);
        assertThat(applied.out()).as(applied.err()).contains("applied as version 2");

        assertThat(demo.get().exit()).as(demo.get().err()).isZero();
        JsonNode lines =
                JSON.readTree(
                                run(
                                                "registry",
                                                "what-if",
                                                "--registry=" + AFTER,
                                                FROM,
                                                TO,
                                                "--json")
                                        .out())
                        .path("usage");
        List<String> grants = new ArrayList<>();
        for (JsonNode line : lines) {
            grants.add(line.path("grant").asText());
            assertThat(line.path("gpu_ms_now")).as("%s", line).isEqualTo(line.path("gpu_ms_then"));
            assertThat(line.path("charged_gpu_us_now"))
                    .as("%s", line)
                    .isEqualTo(line.path("charged_gpu_us_then"));
        }
        assertThat(grants).containsExactly("alpha", "beta", "unmapped");
        assertThat(run("usage", "--by=grant,account", FROM, TO, "--format=csv").out())
                .contains("alpha,g1,", "beta,g1,", "unmapped,g4,");
    }

    /**
     * Restate does not stop for the live job, nor for another registry: what the job learns of a
     * row stands, and all is charged by the registry that was applied last.
     */
    @Test
    void restate_beside_the_live_job_loses_nothing_of_what_that_learns() throws Exception {
        assertThat(run("registry", "apply", BEFORE).exit()).isZero();
        CompletableFuture<Outcome> demo =
                CompletableFuture.supplyAsync(() -> run("demo", "--once", "--speed=20"));
        String usage = "";
        while (!usage.contains("alpha,") && !demo.isDone()) {
            usage = run("usage", "--by=grant", FROM, TO, "--format=csv").out();
        }
        AtomicLong restated = new AtomicLong();
        AtomicBoolean last = new AtomicBoolean();
        CompletableFuture<Void> restating =
                CompletableFuture.runAsync(
                        () -> {
                            while (!last.get()) {
                                restated.addAndGet(restate());
                            }
                        });
        // An end of it: the demo is over when for a while no row came.
        for (int applied = 0; applied < APPLIED && !demo.isDone(); applied++) {
            assertThat(run("registry", "apply", applied % 2 == 0 ? AFTER : BEFORE).exit()).isZero();
        }
        assertThat(run("registry", "apply", AFTER).exit()).isZero();
        last.set(true);
        restating.get();
        assertThat(demo.get().exit()).as(demo.get().err()).isZero();
        restate(); // the last registry may have come when the job was gone
        assertThat(restated).hasPositiveValue();

        Map<String, String> held =
                HeldTruth.ofUsage(run("usage", "--by=run", FROM, TO, "--format=csv").out());
        assertThat(held.remove(HeldTruth.LOST_RUN)).isNotNull();
        assertThat(held).isEqualTo(HeldTruth.expected());
        Outcome whatIf = run("registry", "what-if", "--registry=" + AFTER, FROM, TO, "--json");
        JsonNode lines = JSON.readTree(whatIf.out()).path("usage");
        assertThat(lines).isNotEmpty();
        for (JsonNode line : lines) {
            assertThat(line.path("charged_gpu_us_now"))
                    .as("%s", line)
                    .isEqualTo(line.path("charged_gpu_us_then"));
        }
    }

    private long restate() {
        Outcome outcome = run("restate", "--cluster=fakehpc", FROM, TO, "--json");
        if (outcome.exit() > ExitCode.FINDINGS) {
            throw new AssertionError(outcome.err());
        }
        try {
            return JSON.readTree(outcome.out()).path("minute_rows").asLong();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Outcome run(String... words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> all = new ArrayList<>(List.of("--data=" + directory));
        all.addAll(List.of(words));
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(all.toArray(new String[0]));
        return new Outcome(exit, out.toString(), err.toString());
    }
}

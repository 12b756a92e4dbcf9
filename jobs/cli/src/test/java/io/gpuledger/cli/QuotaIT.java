package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.QuotaAction;
import io.gpuledger.schemas.QuotaState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A voucher is used up, live, with the job killed on the way, given back, and topped up. */
class QuotaIT {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final long IN_TIME_MS = 5_000;
    private static final int GPUS = 8;

    /** Used up by eight GPUs in 300 s. */
    private static final long BUDGET_GPU_US = 300L * GPUS * 1_000_000;

    @Test
    void decisions_come_in_time_once_each_and_are_taken_back() throws Exception {
        Path directory =
                Files.createTempDirectory(Path.of("target").toAbsolutePath(), "live-quota");
        try (QuotaStack stack = new QuotaStack(directory)) {
            stack.apply("first", registry(""));
            stack.startJob();
            // The balance of a grant that nobody uses is there too.
            stack.until("balances", PATIENCE, () -> stack.run("quota").contains("idle"));
            assertThat(stack.heard).isEmpty();

            long start = System.currentTimeMillis() / 1_000 * 1_000 - 230_000;
            JobSnapshotRecord job = stack.running(1, "a", start, GPUS);
            stack.send(job);
            stack.until("80 %", PATIENCE, () -> stack.heard.size() == 1);
            // What it has just published is in no checkpoint yet.
            stack.killJob();
            stack.startJob();
            stack.until("95 and 100 %", PATIENCE, () -> stack.heard.size() == 3);
            crossed(stack.heard.get(0), QuotaState.WARNING, QuotaAction.WARN, start + 240_000);
            crossed(stack.heard.get(1), QuotaState.CRITICAL, QuotaAction.HOLD, start + 285_000);
            crossed(stack.heard.get(2), QuotaState.EXHAUSTED, QuotaAction.REFUSE, start + 300_000);
            assertThat(stack.heard)
                    .extracting(h -> h.decision().getSequence())
                    .containsExactly(1L, 2L, 3L);

            // It had ended just after it was last seen: less is used than the warning is at.
            long end = job.getObservedAtMs();
            stack.send(stack.ended(job, end));
            stack.until("the end takes it back", PATIENCE, () -> stack.heard.size() == 4);
            taken(stack.heard.get(3));
            assertThat(stack.heard.get(3).decision().getSettledGpuUs())
                    .isEqualTo((end - start) * GPUS * 1_000);

            stack.send(stack.running(2, "a", start + 60_000, GPUS));
            stack.until("used up again", PATIENCE, () -> stack.heard.size() == 5);
            assertThat(stack.heard.get(4).decision().getState()).isEqualTo(QuotaState.EXHAUSTED);
            stack.apply(
                    "second",
                    registry(
                            "      - {kind: top-up, at: 2026-02-01T00:00Z, gpu_hours: 100, note: more}\n"));
            stack.until("the top-up restores it", PATIENCE, () -> stack.heard.size() == 6);
            taken(stack.heard.get(5));

            // The commands show what was published.
            stack.until(
                    "rows",
                    PATIENCE,
                    () -> stack.run("quota", "--grant=v", "--json").contains("\"sequence\" : 6"));
            JsonNode shown = new ObjectMapper().readTree(stack.run("quota", "--grant=v", "--json"));
            assertThat(shown.path("decisions")).hasSize(6);
            assertThat(shown.path("grants").path(0).path("state").asText()).isEqualTo("OK");
            assertThat(stack.run("quota")).contains("v ", "idle", "OK", "....");
            assertThat(stack.run("quota", "--grant=v")).contains("more", "EXHAUSTED");
            System.out.println(
                    "from crossing to published: "
                            + stack.heard.stream()
                                    .map(
                                            h ->
                                                    h.decision().getState()
                                                            + " "
                                                            + (h.publishedAtMs()
                                                                    - h.decision()
                                                                            .getEffectiveAtMs())
                                                            + " ms")
                                    .toList());
        }
    }

    private static void crossed(
            QuotaStack.Heard heard, QuotaState state, QuotaAction action, long atMs) {
        assertThat(heard.decision().getState()).isEqualTo(state);
        assertThat(heard.decision().getAction()).isEqualTo(action);
        assertThat(heard.decision().getEffectiveAtMs()).isEqualTo(atMs);
        assertThat(heard.publishedAtMs() - atMs).as("%s", heard).isBetween(0L, IN_TIME_MS);
    }

    private static void taken(QuotaStack.Heard heard) {
        assertThat(heard.decision().getState()).isEqualTo(QuotaState.OK);
        assertThat(heard.decision().getAction()).isEqualTo(QuotaAction.ALLOW);
    }

    private static String registry(String more) {
        return String.join(
                "\n",
                List.of(
                        "clusters: [c]",
                        "grants:",
                        "  - id: v",
                        "    title: Used up",
                        "    pi: Anna Holm",
                        "    kind: voucher",
                        "    term: {from: 2026-01-01T00:00Z, to: 2036-01-01T00:00Z}",
                        "    enforcement: {critical: hold}",
                        "    budget:",
                        "      - {kind: initial, at: 2026-01-01T00:00Z, gpu_us: "
                                + BUDGET_GPU_US
                                + "}",
                        more + "  - id: idle",
                        "    title: Not used",
                        "    pi: Bo Lund",
                        "    kind: voucher",
                        "    term: {from: 2026-01-01T00:00Z, to: 2036-01-01T00:00Z}",
                        "    budget:",
                        "      - {kind: initial, at: 2026-01-01T00:00Z, gpu_hours: 500}",
                        "accounts:",
                        "  - {cluster: c, account: a, grant: v}",
                        "  - {cluster: c, account: b, grant: idle}",
                        ""));
    }
}

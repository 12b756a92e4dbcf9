package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.schemas.JobSnapshotRecord;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * The quota job under load. Small in the build; for the figures of the product {@code
 * -Dgpuledger.quota.runs=100000 -Dgpuledger.quota.grants=1000 -Dgpuledger.quota.changes=1000
 * -Dgpuledger.quota.seconds=60}.
 */
class QuotaLoadIT {
    private static final int RUNS = Integer.getInteger("gpuledger.quota.runs", 2_000);
    private static final int GRANTS = Integer.getInteger("gpuledger.quota.grants", 50);
    private static final int CHANGES_PER_S = Integer.getInteger("gpuledger.quota.changes", 100);
    private static final int SECONDS = Integer.getInteger("gpuledger.quota.seconds", 10);
    private static final Duration PATIENCE = Duration.ofMinutes(3);
    private static final long BOOTSTRAP_MS = 60_000;
    private static final long LATENCY_MS = 1_000;
    private static final int GPUS = 4;
    private static final long RUN_MS = 600_000;

    @Test
    void history_is_read_in_a_minute_and_changes_are_decided_in_a_second() throws Exception {
        Path directory =
                Files.createTempDirectory(Path.of("target").toAbsolutePath(), "load-quota");
        try (QuotaStack stack = new QuotaStack(directory)) {
            stack.apply("first", registry());
            long hour = System.currentTimeMillis() / 1_000 * 1_000 - 7_200_000;
            for (int run = 0; run < RUNS; run++) {
                JobSnapshotRecord job =
                        stack.running(
                                run + 1, "a" + run % GRANTS, hour + run % 3_600 * 1_000L, GPUS);
                stack.send(stack.ended(job, job.getStartMs() + RUN_MS));
            }
            stack.flush();
            long before = System.currentTimeMillis();
            stack.startJob();
            long expected = (long) RUNS * GPUS * RUN_MS * 1_000;
            stack.until("all of history is balanced", PATIENCE, () -> settled(stack) == expected);
            long bootstrap = System.currentTimeMillis() - before;

            // Grant after grant is used up by one snapshot; the others come and go beside it.
            long changes = steady(stack);
            stack.until("a decision each second", PATIENCE, () -> stack.heard.size() >= SECONDS);
            List<Long> latencies = new ArrayList<>();
            for (QuotaStack.Heard heard : stack.heard) {
                latencies.add(
                        heard.publishedAtMs()
                                - Long.parseLong(
                                        sentAt.getOrDefault(heard.decision().getGrantId(), "0")));
            }
            Collections.sort(latencies);
            System.out.printf(
                    "%,d runs over %,d grants: bootstrap %,d ms from the start of the JVM; %,d changes/s: decision after %s ms (median %d)%n",
                    RUNS,
                    GRANTS,
                    bootstrap,
                    changes,
                    latencies,
                    latencies.get(latencies.size() / 2));
            assertThat(bootstrap).isLessThan(BOOTSTRAP_MS);
            assertThat(latencies).allMatch(ms -> ms < LATENCY_MS);
        }
    }

    private final Map<String, String> sentAt = new java.util.HashMap<>();

    /** Sends for some seconds; how many changes a second that were. */
    private long steady(QuotaStack stack) throws Exception {
        long begin = System.currentTimeMillis();
        long sent = 0;
        long jobId = RUNS;
        for (int second = 0; second < SECONDS; second++) {
            long until = begin + (second + 1) * 1_000L;
            String grant = "g" + second % GRANTS;
            JobSnapshotRecord last =
                    stack.running(
                            ++jobId, "a" + second % GRANTS, (begin / 1_000 - 3_600) * 1_000, 1_000);
            sentAt.put(grant, Long.toString(System.currentTimeMillis()));
            stack.send(last);
            int inSecond = 0;
            while (System.currentTimeMillis() < until) {
                if (inSecond < CHANGES_PER_S) {
                    JobSnapshotRecord job =
                            stack.running(
                                    ++jobId,
                                    "a" + (SECONDS + jobId) % GRANTS,
                                    System.currentTimeMillis() / 1_000 * 1_000,
                                    1);
                    stack.send(job);
                    inSecond++;
                    sent++;
                } else {
                    stack.until(
                            "the second is over",
                            PATIENCE,
                            () -> System.currentTimeMillis() >= until);
                }
            }
        }
        stack.flush();
        return sent * 1_000 / (System.currentTimeMillis() - begin);
    }

    private static long settled(QuotaStack stack) {
        return Long.parseLong(
                stack.warehouse()
                        .query("SELECT sum(settled_gpu_us) FROM quota_state_current", Map.of())
                        .get(0)
                        .get(0));
    }

    /** Each is used up by a thousand GPUs in an hour, with what it had used before. */
    private static String registry() {
        StringBuilder yaml = new StringBuilder("clusters: [c]\ngrants:\n");
        for (int grant = 0; grant < GRANTS; grant++) {
            yaml.append(
                    """
                      - id: g%d
                        title: One of many
                        pi: Anna Holm
                        kind: voucher
                        term: {from: 2026-01-01T00:00Z, to: 2036-01-01T00:00Z}
                        thresholds: {warning: 100, critical: 100}
                        budget:
                          - {kind: initial, at: 2026-01-01T00:00Z, gpu_hours: 900}
                    """
                            .formatted(grant));
        }
        yaml.append("accounts:\n");
        for (int grant = 0; grant < GRANTS; grant++) {
            yaml.append("  - {cluster: c, account: a%d, grant: g%d}\n".formatted(grant, grant));
        }
        return yaml.toString();
    }
}

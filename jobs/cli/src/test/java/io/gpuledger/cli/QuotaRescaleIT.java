package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.flink.KafkaWireSource;
import io.gpuledger.flink.StrictEnvironment;
import io.gpuledger.quota.PublishedDecisions;
import io.gpuledger.quota.QuotaGraph;
import io.gpuledger.quota.QuotaJob;
import io.gpuledger.quota.QuotaSettings;
import io.gpuledger.registry.RegistryTopic;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.QuotaDecisionRecord;
import io.gpuledger.schemas.QuotaState;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.SavepointRestoreSettings;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * The quota job on RocksDB with several subtasks, rescaled by savepoints, its task managers lost
 * around the crossings, beside the same job with one subtask on the heap that nothing happens to:
 * both read the same topics and come to the same.
 */
class QuotaRescaleIT {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final Duration IDLE = Duration.ofSeconds(5);
    private static final String BASELINE = "baseline";
    private static final int GRANTS = 12;
    private static final int HISTORY_RUNS = 240;
    private static final int GPUS = 8;

    /** Used up by eight GPUs in 400 s: warned of at 320 s, critical at 360 s. */
    private static final long BUDGET_GPU_US = 400L * GPUS * 1_000_000;

    private static final long WARNING_MS = 320_000;
    private static final long CRITICAL_MS = 360_000;
    private static final long EXHAUSTED_MS = 400_000;

    /** One grant crosses this long after the other. */
    private static final long APART_MS = 500;

    /** The job under test on a Flink of its own. */
    private static final class Rescaled implements AutoCloseable {
        private final MiniCluster flink;
        private final QuotaStack stack;
        private final Path directory;
        private final RegistryTopic.Version registry;
        private int taskManager;
        private @Nullable JobID job;
        private @Nullable String savepoint;

        Rescaled(QuotaStack stack, Path directory, RegistryTopic.Version registry)
                throws Exception {
            this.stack = stack;
            this.directory = directory;
            this.registry = registry;
            flink = cluster(4);
        }

        void start(int parallelism) throws Exception {
            Configuration c = new Configuration();
            c.set(StateBackendOptions.STATE_BACKEND, "rocksdb");
            c.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
            c.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
            c.set(
                    CheckpointingOptions.CHECKPOINTS_DIRECTORY,
                    directory.resolve("rocksdb-checkpoints").toUri().toString());
            c.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
            c.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, 1_000);
            c.set(
                    RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY,
                    Duration.ofMillis(200));
            JobGraph graph =
                    QuotaJob.build(
                                    c,
                                    stack.brokers(),
                                    GpuLedger.sinkInto(stack.warehouse()),
                                    registry.body(),
                                    QuotaSettings.standard(registry.version()),
                                    parallelism,
                                    IDLE)
                            .getStreamGraph()
                            .getJobGraph();
            if (savepoint != null) {
                graph.setSavepointRestoreSettings(SavepointRestoreSettings.forPath(savepoint));
            }
            job = graph.getJobID();
            flink.submitJob(graph).get();
        }

        /** From a savepoint of what runs now. */
        void rescale(int parallelism) throws Exception {
            JobID stopped = java.util.Objects.requireNonNull(job, "started");
            savepoint =
                    flink.stopWithSavepoint(
                                    stopped,
                                    directory.resolve("savepoints").toUri().toString(),
                                    false,
                                    SavepointFormatType.CANONICAL)
                            .get();
            stack.until("it stopped", PATIENCE, () -> status(stopped) == JobStatus.FINISHED);
            start(parallelism);
        }

        /** What ended runs took, as the job wrote it; one that is gone will never write it. */
        long settled(String database) {
            JobID running = java.util.Objects.requireNonNull(job, "started");
            if (status(running) == JobStatus.FAILED) {
                throw new AssertionError("the job failed: " + failure(running));
            }
            return QuotaRescaleIT.settled(stack, database);
        }

        String failure(JobID of) {
            try {
                var info = flink.getExecutionGraph(of).get().getFailureInfo();
                return info == null ? "nothing" : info.getExceptionAsString();
            } catch (Exception e) { // declared by the future
                throw new IllegalStateException(e);
            }
        }

        private JobStatus status(JobID of) {
            try {
                return flink.getJobStatus(of).get();
            } catch (Exception e) { // declared by the future
                throw new IllegalStateException(e);
            }
        }

        /** All that ran on it fails; another one comes up. */
        void loseTaskManager() throws Exception {
            flink.terminateTaskManager(taskManager++).get();
            flink.startTaskManager();
        }

        @Override
        public void close() {
            flink.closeAsync().join();
        }
    }

    /** The Flink of the job that nothing happens to. */
    private record Undisturbed(MiniCluster flink) implements AutoCloseable {
        @Override
        public void close() {
            flink.closeAsync().join();
        }
    }

    /** What was decided before: nothing, for nothing happens to it. */
    private static final class Nothing implements PublishedDecisions {
        private static final long serialVersionUID = 1L;

        @Override
        public Map<String, QuotaDecisionRecord> latest() {
            return Map.of();
        }
    }

    @Test
    void whatever_happens_to_many_subtasks_they_come_to_what_one_comes_to() throws Exception {
        Path directory =
                Files.createTempDirectory(Path.of("target").toAbsolutePath(), "rescale-quota");
        try (QuotaStack stack = new QuotaStack(directory);
                Undisturbed one = new Undisturbed(cluster(1))) {
            Migrator.migrate(stack.warehouse(BASELINE));
            stack.apply("first", registry());
            RegistryTopic.Version version = new RegistryTopic(stack.brokers()).after(0).get(0);
            long history = history(stack);
            one.flink().submitJob(baseline(stack, version)).get();
            try (Rescaled many = new Rescaled(stack, directory, version)) {
                many.start(4);
                stack.until("history", PATIENCE, () -> many.settled("gpu_ledger") == history);
                stack.until("history", PATIENCE, () -> settled(stack, BASELINE) == history);

                List<JobSnapshotRecord> jobs = new ArrayList<>();
                long first = System.currentTimeMillis() / 1_000 * 1_000 - WARNING_MS + 10_000;
                for (int grant = 0; grant < GRANTS; grant++) {
                    JobSnapshotRecord job =
                            stack.running(
                                    10_000 + grant, "a" + grant, first + grant * APART_MS, GPUS);
                    jobs.add(job);
                    stack.send(job);
                }
                heard(stack, 3);
                many.loseTaskManager();
                heard(stack, GRANTS);
                many.rescale(2);
                heard(stack, GRANTS + 3);
                many.loseTaskManager();
                heard(stack, 2 * GRANTS);
                many.rescale(3);
                heard(stack, 2 * GRANTS + 3);
                many.loseTaskManager();
                heard(stack, 3 * GRANTS);
                many.rescale(2);

                // Half of them had ended just after they were seen, the others when all was used.
                long over = 0;
                for (int grant = 0; grant < GRANTS; grant++) {
                    long start = first + grant * APART_MS;
                    long lasted =
                            grant % 2 == 0
                                    ? jobs.get(grant).getObservedAtMs() - start
                                    : EXHAUSTED_MS;
                    stack.send(stack.ended(jobs.get(grant), start + lasted));
                    over += lasted * GPUS * 1_000;
                }
                long all = history + over;
                heard(stack, 3 * GRANTS + GRANTS / 2);
                stack.until("the ends", PATIENCE, () -> settled(stack, "gpu_ledger") == all);
                stack.until("the ends", PATIENCE, () -> settled(stack, BASELINE) == all);
            }

            assertThat(stack.heard)
                    .as("once each")
                    .extracting(h -> h.decision().getGrantId(), h -> h.decision().getSequence())
                    .doesNotHaveDuplicates()
                    .hasSize(3 * GRANTS + GRANTS / 2);
            for (String rows : List.of(DECISIONS, STATES, RUNS)) {
                List<List<String>> expected = stack.warehouse(BASELINE).query(rows, Map.of());
                assertThat(expected).hasSizeGreaterThan(GRANTS);
                assertThat(stack.warehouse().query(rows, Map.of())).isEqualTo(expected);
            }
            crossingsAreExact(stack);
        }
    }

    /** When something is given back is when it is learned, and that differs. */
    private static final String DECISIONS =
            """
            SELECT grant_id, sequence, action, state, if(action = 'ALLOW', 0, effective_at_ms),
                budget_gpu_us, if(action = 'ALLOW', settled_gpu_us, 0), dry_run
            FROM quota_decisions FINAL ORDER BY grant_id, sequence
            """;

    private static final String STATES =
            """
            SELECT grant_id, state, action, dry_run, sequence, limited, term_start_ms, term_end_ms,
                budget_gpu_us, used_gpu_us, settled_gpu_us, running_gpu_us, committed_gpu_us,
                lapsed_gpu_us, running_gpu_milli, open_runs, registry_version, lines.given_gpu_us,
                lines.burnt_gpu_us
            FROM quota_state_current ORDER BY grant_id
            """;

    private static final String RUNS =
            """
            SELECT grant_id, cluster, run_id, open, gpu_ms, charged_gpu_us, flags
            FROM quota_runs FINAL ORDER BY ALL
            """;

    /** The equality above would also hold if both were wrong. */
    private static void crossingsAreExact(QuotaStack stack) {
        Map<QuotaState, Long> after =
                Map.of(
                        QuotaState.WARNING,
                        WARNING_MS,
                        QuotaState.CRITICAL,
                        CRITICAL_MS,
                        QuotaState.EXHAUSTED,
                        EXHAUSTED_MS);
        long start =
                stack.heard.stream()
                                .filter(h -> h.decision().getGrantId().equals("g0"))
                                .findFirst()
                                .orElseThrow()
                                .decision()
                                .getEffectiveAtMs()
                        - WARNING_MS;
        for (QuotaStack.Heard heard : stack.heard) {
            QuotaDecisionRecord decision = heard.decision();
            Long at = after.get(decision.getState());
            if (at != null) {
                int grant = Integer.parseInt(decision.getGrantId().substring(1));
                assertThat(decision.getEffectiveAtMs())
                        .as("%s", decision)
                        .isEqualTo(start + grant * APART_MS + at);
            }
        }
    }

    private static void heard(QuotaStack stack, int decisions) {
        stack.until(decisions + " decisions", PATIENCE, () -> stack.heard.size() >= decisions);
    }

    private static MiniCluster cluster(int slots) throws Exception {
        Configuration c = new Configuration();
        c.set(RestOptions.BIND_ADDRESS, "127.0.0.1");
        c.set(RestOptions.ADDRESS, "127.0.0.1");
        c.set(RestOptions.PORT, 0);
        c.set(RestOptions.BIND_PORT, "0");
        c.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(64));
        MiniCluster cluster =
                new MiniCluster(
                        new MiniClusterConfiguration.Builder()
                                .setConfiguration(c)
                                .setNumTaskManagers(1)
                                .setNumSlotsPerTaskManager(slots)
                                .build());
        cluster.start();
        return cluster;
    }

    private static JobGraph baseline(QuotaStack stack, RegistryTopic.Version registry) {
        StreamExecutionEnvironment env = StrictEnvironment.create(new Configuration());
        env.setParallelism(1);
        env.enableCheckpointing(1_000); // rows are written with them
        QuotaSettings settings = QuotaSettings.standard(registry.version());
        QuotaGraph.assemble(
                KafkaWireSource.read(
                        env,
                        "scheduler-source",
                        stack.brokers(),
                        BASELINE,
                        List.of("job-snapshots", "host-snapshots"),
                        settings.futureMs(),
                        Duration.ofSeconds(30),
                        IDLE),
                KafkaWireSource.readTimeless(
                        env,
                        "registry-source",
                        stack.brokers(),
                        BASELINE,
                        List.of(RegistryTopic.NAME)),
                registry.body(),
                settings,
                new Nothing(),
                GpuLedger.sinkInto(stack.warehouse(BASELINE)),
                new DiscardingSink<>());
        return env.getStreamGraph().getJobGraph();
    }

    /** Runs of long ago for grants that nothing else happens to; what they used. */
    private static long history(QuotaStack stack) throws Exception {
        long hour = System.currentTimeMillis() / 1_000 * 1_000 - 7_200_000;
        long used = 0;
        for (int run = 0; run < HISTORY_RUNS; run++) {
            JobSnapshotRecord job =
                    stack.running(run + 1, "old" + run % GRANTS, hour + run * 1_000L, 1 + run % 8);
            long lasted = 60_000 + run * 1_000L;
            stack.send(stack.ended(job, job.getStartMs() + lasted));
            used += lasted * (1 + run % 8) * 1_000;
        }
        stack.flush();
        return used;
    }

    private static long settled(QuotaStack stack, String database) {
        Warehouse warehouse = stack.warehouse(database);
        return Long.parseLong(
                warehouse
                        .query("SELECT sum(settled_gpu_us) FROM quota_state_current", Map.of())
                        .get(0)
                        .get(0));
    }

    private static String registry() {
        StringBuilder yaml = new StringBuilder("clusters: [c]\ngrants:\n");
        StringBuilder accounts = new StringBuilder("accounts:\n");
        for (int grant = 0; grant < GRANTS; grant++) {
            grant(yaml, "g" + grant, BUDGET_GPU_US);
            grant(yaml, "h" + grant, 1_000 * BUDGET_GPU_US);
            accounts.append("  - {cluster: c, account: a%d, grant: g%d}\n".formatted(grant, grant));
            accounts.append(
                    "  - {cluster: c, account: old%d, grant: h%d}\n".formatted(grant, grant));
        }
        return yaml.append(accounts).toString();
    }

    private static void grant(StringBuilder yaml, String id, long budgetGpuUs) {
        yaml.append(
                """
                  - id: %s
                    title: One of some
                    pi: Anna Holm
                    kind: voucher
                    term: {from: 2026-01-01T00:00Z, to: 2036-01-01T00:00Z}
                    thresholds: {warning: 80, critical: 90}
                    enforcement: {critical: hold}
                    budget:
                      - {kind: initial, at: 2026-01-01T00:00Z, gpu_us: %d}
                """
                        .formatted(id, budgetGpuUs));
    }
}

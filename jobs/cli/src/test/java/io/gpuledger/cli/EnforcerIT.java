package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.core.enforcement.Association;
import io.gpuledger.core.enforcement.Limits;
import io.gpuledger.enforcement.EnforcementLog;
import io.gpuledger.enforcement.Scheduler;
import io.gpuledger.enforcement.SchedulerException;
import io.gpuledger.enforcement.SlurmEnforcer;
import io.gpuledger.enforcement.SlurmScheduler;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.sql.WarehouseUnreachableException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The enforcer against a real ledger. The scheduler is a map: how the commands of a real one behave
 * is {@link LiveSlurmIT}'s.
 */
class EnforcerIT {
    private static final String CLUSTER = "c";
    private static final Association A = Association.of("a");
    private static final Association B = Association.of("b");
    private static final Association OTHERS = Association.of("others");
    private static final Limits SHUT = new Limits(0, 0);
    private static final long T = 1_795_000_000_000L;
    private static final Duration STALE = Duration.ofMinutes(5);

    private static QuotaStack stack;
    private static Path directory;

    private final Associations slurm = new Associations();
    private long nowMs = T;
    private static long revision;

    /** What a scheduler remembers, and what it was told to do. */
    private static final class Associations implements Scheduler {
        private final Map<Association, Limits> limits = new TreeMap<>();
        private final List<List<String>> ran = new ArrayList<>();
        private final SlurmScheduler commands =
                new SlurmScheduler(CLUSTER, "", directory.resolve("scratch"));
        private final Map<String, Runnable> effects = new TreeMap<>();
        private List<String> jobs = List.of();
        private boolean refuses;

        @Override
        public Map<Association, Limits> limits() {
            return new TreeMap<>(limits);
        }

        @Override
        public List<String> commandFor(Association association, Limits before, Limits after) {
            List<String> command = commands.commandFor(association, before, after);
            effects.put(String.join(" ", command), () -> limits.put(association, after));
            return command;
        }

        @Override
        public List<String> gpuJobs(Association association) {
            return jobs;
        }

        @Override
        public List<String> cancelCommand(List<String> jobIds) {
            List<String> command = commands.cancelCommand(jobIds);
            effects.put(String.join(" ", command), () -> jobs = List.of());
            return command;
        }

        @Override
        public void run(List<String> command) throws SchedulerException, InterruptedException {
            if (refuses) {
                commands.run(List.of("false"));
            }
            ran.add(command);
            effects.getOrDefault(String.join(" ", command), () -> {}).run();
        }
    }

    @BeforeAll
    static void up() throws Exception {
        directory = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "enforcer");
        Files.createDirectories(directory.resolve("scratch"));
        stack = new QuotaStack(directory.resolve("d"));
    }

    @AfterAll
    static void down() {
        if (stack != null) {
            stack.close();
        }
    }

    @BeforeEach
    void empty() {
        Migrator.migrate(stack.warehouse());
        stack.warehouse().execute("TRUNCATE TABLE enforcement_log", Map.of());
        stack.warehouse().execute("TRUNCATE TABLE quota_state", Map.of());
        slurm.limits.put(A, new Limits(Limits.NONE, 500));
        slurm.limits.put(B, Limits.UNLIMITED);
        slurm.limits.put(OTHERS, Limits.UNLIMITED);
        slurm.limits.put(new Association("a", "anna"), Limits.UNLIMITED);
    }

    private void registry() throws Exception {
        StringBuilder yaml = new StringBuilder("clusters: [c]\ngrants:\n");
        for (String grant : List.of("ga", "gb")) {
            yaml.append(
                    "  - id: %s%n    title: T%n    pi: Anna Holm%n    kind: voucher%n    term: {from: 2026-01-01T00:00Z, to: 2036-01-01T00:00Z}%n    budget:%n      - {kind: initial, at: 2026-01-01T00:00Z, gpu_hours: 100}%n"
                            .formatted(grant));
        }
        yaml.append(
                "accounts:\n  - {cluster: c, account: a, grant: ga}\n  - {cluster: c, account: b, grant: gb}\n");
        stack.apply("enforcer", yaml.toString());
    }

    private void standing(String grant, String action, long asOfMs, int sequence, int dryRun) {
        stack.warehouse()
                .execute(
                        "INSERT INTO quota_state (grant_id, as_of_ms, state, action, dry_run, sequence, revision) FORMAT JSONEachRow\n{\"grant_id\":\"%s\",\"as_of_ms\":%d,\"state\":\"EXHAUSTED\",\"action\":\"%s\",\"dry_run\":%d,\"sequence\":%d,\"revision\":%d}"
                                .formatted(grant, asOfMs, action, dryRun, sequence, ++revision),
                        Map.of());
    }

    private SlurmEnforcer enforcer(Warehouse warehouse, boolean dryRun) {
        return new SlurmEnforcer(
                new SlurmEnforcer.Settings(CLUSTER, STALE, dryRun, "test@here"),
                slurm,
                warehouse,
                Clock.fixed(Instant.ofEpochMilli(nowMs), ZoneOffset.UTC));
    }

    private SlurmEnforcer.Step step() throws Exception {
        nowMs += 1_000;
        return enforcer(stack.warehouse(), false).step();
    }

    /** Outcome, account, measure, limits before and after, command. */
    private List<String> log() {
        return stack
                .warehouse()
                .query(
                        "SELECT outcome, account, measure, before_gpus, before_submitted, after_gpus, after_submitted, command, actor FROM enforcement_log ORDER BY recorded_at",
                        Map.of())
                .stream()
                .map(row -> String.join(" ", row))
                .toList();
    }

    @Test
    void what_is_used_up_is_shut_once_and_opened_as_it_was() throws Exception {
        registry();
        standing("ga", "REFUSE", T, 3, 0);
        standing("gb", "ALLOW", T, 1, 0);

        SlurmEnforcer.Step shut = step();

        String command =
                "sacctmgr --immediate modify account a where cluster=c set GrpTRES=gres/gpu=0 GrpSubmitJobs=0";
        assertThat(slurm.limits).containsEntry(A, SHUT).containsEntry(B, Limits.UNLIMITED);
        assertThat(slurm.ran).containsExactly(List.of(command.split(" ", -1)));
        assertThat(shut.done()).hasSize(1);
        assertThat(log())
                .containsExactly(
                        "BEGUN a REFUSE -1 500 0 0 " + command + " test@here",
                        "DONE a REFUSE -1 500 0 0 " + command + " test@here");
        assertThat(step().done()).isEmpty();
        assertThat(log()).hasSize(2);

        standing("ga", "ALLOW", nowMs, 4, 0);
        step();
        assertThat(slurm.limits).containsEntry(A, new Limits(Limits.NONE, 500));
        assertThat(step().done()).isEmpty();
        assertThat(slurm.ran).hasSize(2);
    }

    @Test
    void on_an_old_balance_it_does_nothing_and_says_so() throws Exception {
        registry();
        standing("ga", "REFUSE", T, 3, 0);
        standing("gb", "ALLOW", T, 1, 0);
        step();
        nowMs = T + STALE.toMillis() + 1;
        // What somebody changes meanwhile stays, too: it is not known what would be right.
        slurm.limits.put(A, Limits.UNLIMITED);
        standing("gb", "REFUSE", T, 2, 0);

        SlurmEnforcer.Step stale = step();

        assertThat(stale.done()).isEmpty();
        assertThat(stale.notes())
                .anySatisfy(
                        n ->
                                assertThat(n)
                                        .contains("ga has a balance of", "left as it is")
                                        .contains("until the quota job goes on"))
                .anySatisfy(n -> assertThat(n).contains("gb has a balance of"));
        assertThat(slurm.ran).hasSize(1);
        assertThat(slurm.limits)
                .containsEntry(A, Limits.UNLIMITED)
                .containsEntry(B, Limits.UNLIMITED);
        // A grant that never had one is no reason to open what another shut.
        stack.warehouse().execute("TRUNCATE TABLE quota_state", Map.of());
        assertThat(step().notes()).anyMatch(n -> n.contains("ga has no balance yet"));
        assertThat(slurm.ran).hasSize(1);
        // Fresh again: what was changed is set again, and said to be.
        standing("ga", "REFUSE", nowMs, 3, 0);
        SlurmEnforcer.Step fresh = step();
        assertThat(fresh.done())
                .extracting(EnforcementLog.Entry::detail)
                .anyMatch(d -> d.contains("somebody"));
        assertThat(slurm.limits).containsEntry(A, SHUT);
    }

    @Test
    void without_a_ledger_it_does_nothing_and_says_so() throws Exception {
        Warehouse away = new Warehouse("http://127.0.0.1:1", "default", "", "gpu_ledger");
        assertThatThrownBy(() -> enforcer(away, false).step())
                .isInstanceOf(WarehouseUnreachableException.class);
        assertThat(slurm.ran).isEmpty();

        StringWriter err = new StringWriter();
        int exit =
                GpuLedger.commandLine()
                        .setErr(new PrintWriter(err))
                        .execute(
                                "--clickhouse=http://127.0.0.1:1",
                                "enforce",
                                "slurm",
                                "--cluster=c",
                                "--once");
        assertThat(exit).as(err.toString()).isEqualTo(ExitCode.UNREACHABLE);
        assertThat(err.toString()).contains("127.0.0.1:1");
    }

    @Test
    void a_dry_run_says_everything_and_does_nothing() throws Exception {
        registry();
        standing("ga", "REFUSE", T, 3, 0);
        standing("gb", "HOLD", T, 2, 1);

        SlurmEnforcer.Step step = enforcer(stack.warehouse(), true).step();

        assertThat(step.done())
                .extracting(EnforcementLog.Entry::outcome)
                .containsExactly(EnforcementLog.Outcome.DRY_RUN);
        assertThat(step.done().get(0).command())
                .startsWith("sacctmgr --immediate modify account a");
        assertThat(slurm.ran).isEmpty();
        assertThat(log()).isEmpty();
        // And a grant that says so itself is not touched by a real one.
        step();
        assertThat(slurm.limits).containsEntry(B, Limits.UNLIMITED).containsEntry(A, SHUT);
    }

    @Test
    void what_fails_is_logged_and_done_by_a_later_round() throws Exception {
        registry();
        standing("ga", "HOLD", T, 3, 0);
        standing("gb", "ALLOW", T, 1, 0);
        slurm.refuses = true;
        SlurmEnforcer.Step failed = step();
        assertThat(failed.done()).isEmpty();
        assertThat(failed.failed()).hasSize(1);
        assertThat(log()).hasSize(2).anyMatch(row -> row.startsWith("FAILED a HOLD -1 500 0 500 "));
        slurm.refuses = false;
        assertThat(step().done()).hasSize(1);
        assertThat(slurm.limits).containsEntry(A, new Limits(0, 500));
        standing("ga", "ALLOW", nowMs, 4, 0);
        step();
        assertThat(slurm.limits).containsEntry(A, new Limits(Limits.NONE, 500));
    }

    @Test
    void a_drain_cancels_what_holds_cards_and_nobody_elses() throws Exception {
        registry();
        standing("ga", "DRAIN", T, 3, 0);
        standing("gb", "ALLOW", T, 1, 0);
        slurm.jobs = List.of("17", "18_2");
        step();
        assertThat(slurm.ran).contains(List.of("scancel", "17", "18_2"));
        assertThat(log())
                .anyMatch(row -> row.startsWith("DONE a DRAIN") && row.contains("scancel"));
        int before = slurm.ran.size();
        step();
        assertThat(slurm.ran).hasSize(before);
    }
}

package io.gpuledger.core.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.gpuledger.core.time.Span;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * The numbered observations of a real Slurm, one example each; seconds count from an arbitrary
 * zero.
 */
class RunAssemblyTest {
    private static final String CLUSTER = "c";

    @Test
    void a_finished_job_holds_from_start_to_end_on_its_explicit_cards() {
        Run run =
                only(
                        List.of(
                                poll(10, "RUNNING", 8, null, List.of("n1"), card("n1", 1, 2)),
                                row(60, "COMPLETED", 8, 8, 50L, List.of("n1"), 2, 0)));

        assertThat(run.heldEndMs()).isEqualTo(50_000);
        assertThat(run.holdings())
                .containsExactly(
                        new Holding("n1", 1, "h100", 0, 1, 8_000, 50_000),
                        new Holding("n1", 2, "h100", 0, 1, 8_000, 50_000));
        assertThat(run.flags()).isZero();
    }

    /** Slurm cuts the end to a whole second; a live poll knows its milliseconds. */
    @Test
    void a_poll_within_the_second_of_the_end_does_not_contradict_it() {
        JobSnapshot row = row(60, "COMPLETED", 8, 8, 50L, List.of("n1"), 1, 0);
        JobSnapshot epilog = hook(JobSource.EPILOG, 51_200, "n1");

        Run run = only(List.of(runningAt(50_400), row, epilog));
        assertThat(run.heldEndMs()).isEqualTo(50_000);
        assertThat(run.flags()).isZero();

        assertThat(only(List.of(runningAt(51_000), row, epilog)).heldEndMs()).isEqualTo(51_000);
    }

    /** Accounting ends a run that is cancelled while suspended at its suspension. */
    @Test
    void a_poll_within_the_second_of_a_suspension_contradicts_an_end_there() {
        JobSnapshot row = row(90, "CANCELLED", 8, 8, 50L, List.of("n1"), 1, 0);
        JobSnapshot epilog = hook(JobSource.EPILOG, 79_200, "n1");

        Run run = only(List.of(seen("SUSPENDED", 50_400), row, epilog));

        assertThat(run.heldEndMs()).isEqualTo(79_000);
    }

    private static JobSnapshot runningAt(long atMs) {
        return seen("RUNNING", atMs);
    }

    private static JobSnapshot seen(String state, long atMs) {
        return snapshot(
                JobSource.CONTROLLER,
                atMs,
                state,
                null,
                8_000L,
                null,
                List.of("n1"),
                1,
                List.of(card("n1", 1)),
                null,
                null,
                null);
    }

    @Test
    void a_requeue_of_a_finished_job_does_not_move_its_end() {
        Run run =
                only(
                        List.of(
                                poll(10, "RUNNING", 8, null, List.of("n1"), card("n1", 1)),
                                poll(52, "COMPLETED", 8, 50L, List.of("n1")),
                                row(90, "REQUEUED", 8, 8, 80L, List.of("n1"), 1, 0)));

        assertThat(run.heldEndMs()).isEqualTo(50_000);
        assertThat(run.scheduled()).containsExactly(new Run.ScheduledSpan(8_000, 80_000, 1));
    }

    @Test
    void a_cancel_while_suspended_holds_until_the_controller_epilog() {
        Run run =
                only(
                        List.of(
                                poll(10, "RUNNING", 8, null, List.of("n1"), card("n1", 6)),
                                suspended(31, 8, 28, 20, card("n1", 6)),
                                row(90, "CANCELLED", 8, 8, 28L, List.of("n1"), 1, 0),
                                hook(JobSource.EPILOG_SLURMCTLD, 42_300, "n1")));

        assertThat(run.heldEndMs()).isEqualTo(42_000);
        assertThat(run.suspensions()).containsExactly(new Span(28_000, 42_000));
    }

    @Test
    void a_launch_that_accounting_overwrote_is_held_but_not_charged_by_the_scheduler() {
        JobSnapshot lost = poll(12, "RUNNING", 8, null, List.of("n4"), card("n4", 3));
        JobSnapshot rowThen = row(15, "RUNNING", 8, 8, null, List.of("n4"), 1, 0);
        JobSnapshot rowNow = row(300, "COMPLETED", 8, 130, 200L, List.of("n1"), 1, 0);

        List<Run> runs =
                RunAssembly.assemble(
                        CLUSTER, 1, List.of(lost, rowThen, rowNow), polls(12_000, 19_000));

        assertThat(runs).extracting(Run::heldEndMs).containsExactly(19_000L, 200_000L);
        assertThat(runs.get(0).scheduled()).isEmpty();
        assertThat(runs.get(1).scheduled())
                .containsExactly(new Run.ScheduledSpan(130_000, 200_000, 1));
    }

    /** Job 64 of the recording, between its node's failure and its next start. */
    @Test
    void a_row_without_length_that_accounting_overwrote_is_no_run() {
        JobSnapshot failed = row(9, "NODE_FAIL", 8, 8, 19L, List.of("n4"), 1, 0);
        JobSnapshot nothing = row(20, "NODE_FAIL", 8, 19, 19L, List.of("n4"), 1, 0);
        JobSnapshot again = row(300, "COMPLETED", 8, 30, 80L, List.of("n2"), 1, 0);

        assertThat(RunAssembly.assemble(CLUSTER, 1, List.of(failed, nothing, again), polls(12_000)))
                .extracting(Run::startMs)
                .containsExactly(8_000L, 30_000L);
        // Until it is overwritten it is what accounting holds.
        assertThat(RunAssembly.assemble(CLUSTER, 1, List.of(failed, nothing), polls(12_000)))
                .extracting(Run::startMs)
                .containsExactly(8_000L, 19_000L);
    }

    @Test
    void a_requeued_job_that_is_still_leaving_its_node_has_not_started_again() {
        JobSnapshot lost = restarted(0, poll(12, "RUNNING", 8, null, List.of("n4"), card("n4", 3)));
        JobSnapshot leaving =
                restarted(1, poll(19, "COMPLETING", 19, 199L, List.of("n4"), card("n4", 3)));
        JobSnapshot again = restarted(1, poll(31, "RUNNING", 30, null, List.of("n2")));
        JobSnapshot ended = row(300, "COMPLETED", 8, 30, 80L, List.of("n2"), 1, 0);

        assertThat(RunAssembly.assemble(CLUSTER, 1, List.of(lost, leaving), polls(12_000, 19_000)))
                .extracting(Run::startMs, Run::heldEndMs)
                .containsExactly(tuple(8_000L, 19_000L));
        List<Run> runs =
                RunAssembly.assemble(
                        CLUSTER, 1, List.of(lost, leaving, again, ended), polls(12_000, 19_000));
        assertThat(runs).extracting(Run::startMs).containsExactly(8_000L, 30_000L);
        assertThat(runs.get(1).holdings())
                .containsExactly(new Holding("n2", -1, "h100", 0, 1, 30_000, 80_000));
    }

    @Test
    void the_submit_of_the_next_incarnation_is_the_end_of_a_requeued_run() {
        JobSnapshot running = restarted(0, poll(12, "RUNNING", 8, null, List.of("n4")));
        JobSnapshot pending =
                restarted(1, submitted(17, poll(21, "PENDING", null, null, List.of())));

        Run requeued =
                RunAssembly.assemble(CLUSTER, 1, List.of(running, pending), polls(12_000, 21_000))
                        .get(0);
        Run missed =
                RunAssembly.assemble(
                                CLUSTER,
                                1,
                                List.of(running, pending),
                                polls(12_000, 15_000, 21_000))
                        .get(0);

        assertThat(requeued.heldEndMs()).isEqualTo(17_000);
        assertThat(requeued.flags()).isZero();
        // It was gone before it was requeued.
        assertThat(missed.heldEndMs()).isEqualTo(15_000);
        assertThat(missed.flags()).isEqualTo(RunFlag.END_ESTIMATED.bit());
    }

    @Test
    void a_start_that_another_source_knows_tells_which_passing_of_an_hour_is_meant() {
        long hour = 3_600;
        JobSnapshot row = inDoubt(row(9_000, "COMPLETED", 8, 8, 50L, List.of("n1"), 1, 0), true);
        JobSnapshot poll = poll(hour + 10, "RUNNING", hour + 8, null, List.of("n1"), card("n1", 1));
        JobSnapshot early = poll(10, "RUNNING", 8, null, List.of("n1"), card("n1", 1));

        Run second = only(List.of(row, poll));
        Run hooked = only(List.of(row, prolog((hour + 8) * 1000 + 400, card("n1", 1))));
        Run first = only(List.of(row, early));
        Run unknown = only(List.of(row));

        for (Run run : List.of(second, hooked)) {
            assertThat(run.startMs()).isEqualTo((hour + 8) * 1000);
            assertThat(run.heldEndMs()).isEqualTo((hour + 50) * 1000);
            assertThat(run.scheduled())
                    .containsExactly(
                            new Run.ScheduledSpan((hour + 8) * 1000, (hour + 50) * 1000, 1));
            assertThat(run.flags()).isZero();
        }
        assertThat(first.startMs()).isEqualTo(8_000);
        assertThat(first.flags()).isZero();
        assertThat(unknown.startMs()).isEqualTo(8_000);
        assertThat(unknown.flags()).isEqualTo(RunFlag.TIME_AMBIGUOUS.bit());
    }

    private static JobSnapshot inDoubt(JobSnapshot s, boolean end) {
        return s.timed(
                s.submitMs(), s.startMs(), s.endMs(), new JobSnapshot.ClockDoubt(true, true, end));
    }

    @Test
    void while_the_scheduler_is_heard_an_open_run_holds_on_provisionally() {
        List<JobSnapshot> seen =
                List.of(poll(10, "RUNNING", 8, null, List.of("n1"), card("n1", 1)));
        SchedulerView heard =
                SchedulerView.until(new long[0], 0, List.of(new Span(5_000, 90_000)), 60_000);

        Run run = RunAssembly.assemble(CLUSTER, 1, seen, heard).get(0);

        assertThat(run.heldEndMs()).isEqualTo(60_000);
        assertThat(run.uncertainFromMs()).isEqualTo(10_000);
        assertThat(run.isOpen()).isTrue();
    }

    @Test
    void a_poll_beyond_the_watermark_ends_no_run() {
        List<JobSnapshot> seen =
                List.of(poll(10, "RUNNING", 8, null, List.of("n1"), card("n1", 1)));
        SchedulerView view = SchedulerView.until(new long[] {10_000, 20_000}, 2, List.of(), 19_999);

        assertThat(RunAssembly.assemble(CLUSTER, 1, seen, view).get(0).isOpen()).isTrue();
    }

    @Test
    void a_resized_run_is_one_run_with_a_span_for_each_layout() {
        Run run =
                only(
                        List.of(
                                poll(
                                        10,
                                        "RUNNING",
                                        8,
                                        null,
                                        List.of("n2", "n3"),
                                        card("n2", 1, 2),
                                        card("n3", 0, 1)),
                                poll(45, "RUNNING", 8, null, List.of("n2"), card("n2", 1, 2)),
                                row(90, "RESIZING", 8, 8, 42L, List.of("n2", "n3"), 4, 0),
                                row(90, "COMPLETED", 42, 8, 68L, List.of("n2"), 2, 0)));

        assertThat(gpuMs(run)).isEqualTo(4 * 34_000 + 2 * 26_000);
        assertThat(run.runId()).isEqualTo("c/1/8");
    }

    @Test
    void the_last_row_of_a_resized_job_tells_the_resize_and_polls_what_was_before() {
        JobSnapshot last = row(90, "COMPLETED", 42, 8, 68L, List.of("n2"), 2, 0);
        List<JobSnapshot> polled =
                List.of(
                        poll(
                                10,
                                "RUNNING",
                                8,
                                null,
                                List.of("n2", "n3"),
                                card("n2", 1, 2),
                                card("n3", 0, 1)),
                        poll(45, "RUNNING", 8, null, List.of("n2"), card("n2", 1, 2)),
                        last);

        assertThat(gpuMs(only(polled))).isEqualTo(4 * 34_000 + 2 * 26_000);
        assertThat(gpuMs(only(List.of(last)))).isEqualTo(2 * 60_000);
        List<JobSnapshot> hooked = new ArrayList<>(hooksOfResized());
        hooked.add(last);
        assertThat(only(hooked).holdings())
                .containsExactlyInAnyOrder(
                        new Holding("n2", 1, "", 0, 1, 8_000, 42_000),
                        new Holding("n2", 2, "", 0, 1, 8_000, 42_000),
                        new Holding("n3", 0, "", 0, 1, 8_000, 42_000),
                        new Holding("n3", 1, "", 0, 1, 8_000, 42_000),
                        new Holding("n2", 1, "h100", 0, 1, 42_000, 68_000),
                        new Holding("n2", 2, "h100", 0, 1, 42_000, 68_000));
    }

    @Test
    void job_completion_starts_at_the_resize_and_belongs_to_the_run_that_was_resized() {
        List<JobSnapshot> seen = new ArrayList<>(hooksOfResized());
        seen.add(completion(43, "RESIZING", 42, 42, List.of("n2", "n3"), 4));
        seen.add(completion(69, "COMPLETED", 42, 68, List.of("n2"), 2));
        List<JobSnapshot> polled =
                List.of(
                        poll(
                                10,
                                "RUNNING",
                                8,
                                null,
                                List.of("n2", "n3"),
                                card("n2", 1, 2),
                                card("n3", 0, 1)),
                        seen.get(seen.size() - 2),
                        seen.get(seen.size() - 1));

        assertThat(gpuMs(only(seen))).isEqualTo(4 * 34_000 + 2 * 26_000);
        assertThat(gpuMs(only(polled))).isEqualTo(4 * 34_000 + 2 * 26_000);
    }

    @Test
    void of_a_run_that_only_hooks_saw_a_node_is_freed_by_its_epilog() {
        assertThat(gpuMs(only(hooksOfResized()))).isEqualTo(4 * 34_000 + 2 * 26_000);
    }

    private static List<JobSnapshot> hooksOfResized() {
        return List.of(
                prolog(8_480, card("n3", 0, 1)),
                prolog(8_510, card("n2", 1, 2)),
                hook(JobSource.EPILOG, 42_710, "n3"),
                hook(JobSource.EPILOG_SLURMCTLD, 68_620, "n2"),
                hook(JobSource.EPILOG, 68_630, "n2"));
    }

    private static JobSnapshot prolog(long atMs, NodeDevices devices) {
        return snapshot(
                JobSource.PROLOG,
                atMs,
                "",
                null,
                null,
                null,
                List.of(devices.host()),
                null,
                List.of(devices),
                null,
                null,
                null);
    }

    private static JobSnapshot completion(
            long atS, String state, long startS, long endS, List<String> nodes, int gpus) {
        return snapshot(
                JobSource.JOBCOMP,
                atS * 1000,
                state,
                7_000L,
                startS * 1000,
                endS * 1000,
                nodes,
                gpus,
                List.of(),
                null,
                null,
                null);
    }

    @Test
    void suspended_time_is_known_from_polls_before_accounting_has_it() {
        JobSnapshot resumed =
                snapshot(
                        JobSource.CONTROLLER,
                        60_000,
                        "RUNNING",
                        null,
                        8_000L,
                        null,
                        List.of("n1"),
                        1,
                        List.of(card("n1", 1)),
                        null,
                        55_000L,
                        27_000L);

        Run run = only(List.of(suspended(36, 8, 35, 27, card("n1", 1)), resumed));

        assertThat(run.suspensions()).containsExactly(new Span(35_000, 55_000));
        assertThat(run.isOpen()).isTrue();
    }

    @Test
    void a_run_absent_from_a_complete_poll_ends_there_as_an_estimate() {
        List<Run> runs =
                RunAssembly.assemble(
                        CLUSTER,
                        1,
                        List.of(poll(10, "RUNNING", 8, null, List.of("n1"), card("n1", 1))),
                        polls(10_000, 13_000, 16_000));

        assertThat(runs).hasSize(1);
        assertThat(runs.get(0).heldEndMs()).isEqualTo(13_000);
        assertThat(runs.get(0).flags()).isEqualTo(RunFlag.END_ESTIMATED.bit());
    }

    @Test
    void a_pending_job_is_no_run() {
        assertThat(
                        RunAssembly.assemble(
                                CLUSTER,
                                1,
                                List.of(poll(10, "PENDING", null, null, List.of())),
                                SchedulerView.NONE))
                .isEmpty();
    }

    @Test
    void counts_split_evenly_over_hosts_or_stay_without_a_host() {
        Run even = only(List.of(row(90, "COMPLETED", 8, 8, 10L, List.of("a", "b"), 4, 0)));
        Run odd = only(List.of(row(90, "COMPLETED", 8, 8, 10L, List.of("a", "b"), 3, 0)));

        assertThat(even.holdings()).extracting(Holding::count).containsExactly(2, 2);
        assertThat(even.flags()).isEqualTo(RunFlag.SPLIT_ASSUMED.bit());
        assertThat(odd.holdings()).extracting(Holding::host).containsExactly("");
    }

    @Test
    void the_order_and_repetition_of_snapshots_never_matter() {
        for (long seed = 0; seed < 2_000; seed++) {
            Random random = new Random(seed);
            List<JobSnapshot> snapshots = new ArrayList<>();
            int n = 2 + random.nextInt(8);
            for (int i = 0; i < n; i++) {
                snapshots.add(randomSnapshot(random));
            }
            List<Run> expected = RunAssembly.assemble(CLUSTER, 1, snapshots, polls(99_000));
            List<JobSnapshot> shuffled = new ArrayList<>(snapshots);
            Collections.shuffle(shuffled, random);

            assertThat(RunAssembly.assemble(CLUSTER, 1, shuffled, polls(99_000)))
                    .as("seed %d", seed)
                    .isEqualTo(expected);
        }
    }

    /** Polls may have come, or may come late, at any instants. */
    @Test
    void runs_whose_ends_are_stated_are_the_same_whatever_is_heard() {
        int stated = 0;
        int requeued = 0;
        int moved = 0;
        for (long seed = 0; seed < 20_000; seed++) {
            Random random = new Random(seed);
            List<JobSnapshot> snapshots = new ArrayList<>();
            int n = 1 + random.nextInt(4);
            for (int i = 0; i < n; i++) {
                snapshots.add(randomSnapshot(random));
            }
            if (random.nextInt(3) == 0) {
                long at = 9L + random.nextInt(60);
                snapshots.add(
                        restarted(
                                1, submitted(at, poll(at + 4, "PENDING", null, null, List.of()))));
                requeued++;
            }
            boolean isStated = RunAssembly.areEndsStated(CLUSTER, 1, snapshots);
            List<Run> expected = RunAssembly.assemble(CLUSTER, 1, snapshots, SchedulerView.NONE);
            for (int i = 0; i < 10; i++) {
                long[] instants = random.longs(5, 7_000, 100_000).sorted().toArray();
                List<Run> heard = RunAssembly.assemble(CLUSTER, 1, snapshots, polls(instants));
                if (isStated) {
                    assertThat(heard).as("seed %d", seed).isEqualTo(expected);
                } else if (!heard.equals(expected)) {
                    moved++;
                }
            }
            stated += isStated ? 1 : 0;
        }
        assertThat(List.of(stated, requeued, moved)).allMatch(count -> count > 1_000);
    }

    private static JobSnapshot randomSnapshot(Random random) {
        long start = 8 + 40L * random.nextInt(2);
        return switch (random.nextInt(5)) {
            case 0 ->
                    poll(
                            start + random.nextInt(30),
                            random.nextBoolean() ? "RUNNING" : "SUSPENDED",
                            start,
                            null,
                            List.of("n1"),
                            card("n1", random.nextInt(3)));
            case 1 ->
                    row(
                            95,
                            "COMPLETED",
                            start,
                            start,
                            start + random.nextInt(40),
                            List.of("n1"),
                            1 + random.nextInt(2),
                            random.nextInt(5));
            case 2 -> hook(JobSource.EPILOG, (start + random.nextInt(40)) * 1000 + 77, "n1");
            case 3 -> hook(JobSource.PROLOG, (start + random.nextInt(2)) * 1000 + 77, "n1");
            default -> poll(start + 30, "COMPLETED", start, start + 20, List.of("n1"));
        };
    }

    /** Names that count how often they are looked at. */
    private static final class CountedNames extends AbstractList<String> {
        private final List<String> names;
        private final long[] looks;

        CountedNames(List<String> names, long[] looks) {
            this.names = names;
            this.looks = looks;
        }

        @Override
        public String get(int index) {
            looks[0]++;
            return names.get(index);
        }

        @Override
        public int size() {
            return names.size();
        }
    }

    /** A job of a whole large cluster, whose nodes only their prologs tell. */
    @Test
    void the_work_grows_as_the_nodes_do() {
        int nodes = 16_000;
        long[] looks = new long[1];
        List<String> names = new ArrayList<>();
        List<JobSnapshot> seen = new ArrayList<>();
        for (int i = 0; i < nodes; i++) {
            names.add("n" + i);
            seen.add(named(prolog(8_000, card("n" + i, 0, 1)), List.of("n" + i), looks));
        }
        JobSnapshot row = row(60, "COMPLETED", 8, 8, 50L, List.of("n0"), 2 * nodes, 0);
        seen.add(named(row, names, looks));

        Run run = only(seen);

        assertThat(run.holdings()).hasSize(2 * nodes).allMatch(h -> h.gpuIndex() >= 0);
        assertThat(looks[0]).isLessThan(30L * nodes);
    }

    private static JobSnapshot named(JobSnapshot s, List<String> nodes, long[] looks) {
        return new JobSnapshot(
                s.source(),
                s.firstObservedMs(),
                s.lastObservedMs(),
                s.jobId(),
                s.state(),
                s.submitMs(),
                s.startMs(),
                s.endMs(),
                s.restartCount(),
                s.account(),
                s.user(),
                s.partition(),
                s.qos(),
                s.name(),
                new CountedNames(nodes, looks),
                s.gpuCount(),
                s.gpuTypes(),
                s.shardCount(),
                s.devices(),
                s.suspendedTotalMs(),
                s.suspendAtMs(),
                s.runningBeforeSuspendMs(),
                s.resizedAtMs(),
                s.timeLimitMs(),
                s.doubt(),
                s.contentKey() + nodes.size());
    }

    private static Run only(List<JobSnapshot> snapshots) {
        List<Run> runs = RunAssembly.assemble(CLUSTER, 1, snapshots, SchedulerView.NONE);
        assertThat(runs).hasSize(1);
        return runs.get(0);
    }

    private static long gpuMs(Run run) {
        return run.holdings().stream().mapToLong(h -> h.count() * (h.endMs() - h.startMs())).sum();
    }

    private static NodeDevices card(String host, Integer... indices) {
        return new NodeDevices(
                host, NodeDevices.GPU, "h100", indices.length, List.of(indices), List.of());
    }

    private static JobSnapshot poll(
            long atS,
            String state,
            @Nullable Number startS,
            @Nullable Long endS,
            List<String> nodes,
            NodeDevices... devices) {
        int count = 0;
        for (NodeDevices d : devices) {
            count += d.count();
        }
        return snapshot(
                JobSource.CONTROLLER,
                atS * 1000,
                state,
                null,
                startS == null ? null : startS.longValue() * 1000,
                endS == null ? null : endS * 1000,
                nodes,
                devices.length == 0 ? null : count,
                List.of(devices),
                null,
                null,
                null);
    }

    private static JobSnapshot suspended(
            long atS, long startS, long suspendS, long ranS, NodeDevices devices) {
        return snapshot(
                JobSource.CONTROLLER,
                atS * 1000,
                "SUSPENDED",
                null,
                startS * 1000,
                null,
                List.of(devices.host()),
                devices.count(),
                List.of(devices),
                null,
                suspendS * 1000,
                ranS * 1000);
    }

    private static JobSnapshot row(
            long atS,
            String state,
            long submitS,
            long startS,
            @Nullable Long endS,
            List<String> nodes,
            int gpus,
            long suspendedS) {
        return snapshot(
                JobSource.ACCOUNTING,
                atS * 1000,
                state,
                submitS * 1000,
                startS * 1000,
                endS == null ? null : endS * 1000,
                nodes,
                gpus,
                List.of(),
                suspendedS * 1000,
                null,
                null);
    }

    private static JobSnapshot hook(JobSource source, long atMs, String node) {
        return snapshot(
                source,
                atMs,
                "",
                null,
                null,
                null,
                List.of(node),
                null,
                List.of(),
                null,
                null,
                null);
    }

    private static JobSnapshot snapshot(
            JobSource source,
            long atMs,
            String state,
            @Nullable Long submitMs,
            @Nullable Long startMs,
            @Nullable Long endMs,
            List<String> nodes,
            @Nullable Integer gpus,
            List<NodeDevices> devices,
            @Nullable Long suspendedTotalMs,
            @Nullable Long suspendAtMs,
            @Nullable Long ranMs) {
        String content =
                source
                        + state
                        + submitMs
                        + startMs
                        + endMs
                        + nodes
                        + gpus
                        + devices
                        + suspendedTotalMs
                        + suspendAtMs
                        + ranMs
                        + (source.name().contains("LOG") ? atMs : "");
        return new JobSnapshot(
                source,
                atMs,
                atMs,
                "1",
                state,
                submitMs,
                startMs,
                endMs,
                null,
                "g1",
                "alice",
                "batch",
                "normal",
                "name",
                nodes,
                gpus,
                List.of("h100"),
                null,
                devices,
                suspendedTotalMs,
                suspendAtMs,
                ranMs,
                null,
                null,
                null,
                content);
    }

    private static JobSnapshot restarted(int count, JobSnapshot s) {
        return new JobSnapshot(
                s.source(),
                s.firstObservedMs(),
                s.lastObservedMs(),
                s.jobId(),
                s.state(),
                s.submitMs(),
                s.startMs(),
                s.endMs(),
                count,
                s.account(),
                s.user(),
                s.partition(),
                s.qos(),
                s.name(),
                s.nodes(),
                s.gpuCount(),
                s.gpuTypes(),
                s.shardCount(),
                s.devices(),
                s.suspendedTotalMs(),
                s.suspendAtMs(),
                s.runningBeforeSuspendMs(),
                s.resizedAtMs(),
                s.timeLimitMs(),
                s.doubt(),
                s.contentKey() + count);
    }

    private static JobSnapshot submitted(long submitS, JobSnapshot s) {
        return s.timed(submitS * 1000, s.startMs(), s.endMs(), s.doubt());
    }

    private static SchedulerView polls(long... instants) {
        return SchedulerView.until(instants, instants.length, List.of(), Long.MAX_VALUE);
    }
}

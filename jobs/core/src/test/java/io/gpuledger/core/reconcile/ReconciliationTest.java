package io.gpuledger.core.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.time.Span;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** One example for each rule; seconds count from an arbitrary zero. */
class ReconciliationTest {
    private static final Span HOUR = new Span(0, 3_600_000);

    @Test
    void equal_books_have_nothing_to_explain() {
        Report report =
                report(
                        List.of(row(1, 0, 10, 130L, "COMPLETED", 2)),
                        ledger(1, 10, 130L).holds(10, 130, 2));

        assertThat(report.findings()).hasSize(1);
        assertThat(report.findings().get(0).differs()).isFalse();
        assertThat(report.total().schedulerMs()).isEqualTo(240_000);
        assertThat(report.total().byReason()).isEmpty();
    }

    @Test
    void suspended_time_counts_on_both_sides() {
        Report report =
                report(
                        List.of(row(1, 0, 10, 130L, "COMPLETED", 1)),
                        ledger(1, 10, 130L).holds(10, 40, 1).suspended(40, 130, 1));

        assertThat(report.findings().get(0).differs()).isFalse();
    }

    @Test
    void a_row_after_a_resize_counts_from_the_first_start() {
        Report report =
                report(
                        List.of(
                                row(63, 8, 8, 42L, "RESIZING", 4),
                                row(63, 42, 8, 68L, "COMPLETED", 2)),
                        ledger(63, 8, 68L).holds(8, 42, 4).holds(42, 68, 2));

        assertThat(reasons(report)).isEqualTo(Map.of(Reason.RESIZE, 68_000L));
        assertThat(report.findings().get(0).parts().get(0).where())
                .isEqualTo(new Span(8_000, 42_000));
    }

    @Test
    void a_job_requeued_after_its_end_has_its_end_moved() {
        Report report =
                report(
                        List.of(row(1, 0, 100, 171L, "REQUEUED", 2)),
                        ledger(1, 100, 140L).holds(100, 140, 2));

        assertThat(reasons(report)).isEqualTo(Map.of(Reason.REQUEUE_REWRITE, 62_000L));
        assertThat(report.unexplainedMs()).isZero();
    }

    @Test
    void an_earlier_end_in_the_ledger_without_a_requeue_is_not_explained() {
        Report report =
                report(
                        List.of(row(1, 0, 100, 171L, "COMPLETED", 2)),
                        ledger(1, 100, 140L).holds(100, 140, 2));

        assertThat(reasons(report)).isEqualTo(Map.of(Reason.UNEXPLAINED, 62_000L));
    }

    @Test
    void a_resized_job_may_be_requeued_after_its_end_too() {
        Report report =
                report(
                        List.of(
                                row(1, 8, 8, 42L, "RESIZING", 4),
                                row(1, 42, 8, 98L, "REQUEUED", 2)),
                        ledger(1, 8, 68L).holds(8, 42, 4).holds(42, 68, 2));

        assertThat(reasons(report))
                .isEqualTo(Map.of(Reason.RESIZE, 68_000L, Reason.REQUEUE_REWRITE, 60_000L));
    }

    @Test
    void a_cancel_while_suspended_is_held_until_the_cancel() {
        Report report =
                report(
                        List.of(row(4, 0, 10, 30L, "CANCELLED", 1)),
                        ledger(4, 10, 144L).holds(10, 30, 1).suspended(30, 144, 1));

        assertThat(reasons(report)).isEqualTo(Map.of(Reason.SUSPENDED_CANCEL, -114_000L));
    }

    @Test
    void holding_on_without_suspension_is_another_reason_and_needs_the_same_rows() {
        List<AccountingRow> rows = List.of(row(4, 0, 10, 30L, "COMPLETED", 1));

        assertThat(reasons(report(rows, ledger(4, 10, 44L).holds(10, 44, 1).read(10, 30, 1))))
                .isEqualTo(Map.of(Reason.LATE_END, -14_000L));
        assertThat(reasons(report(rows, ledger(4, 10, 44L).holds(10, 44, 1).read(10, 44, 1))))
                .isEqualTo(Map.of(Reason.UNEXPLAINED, -14_000L));
    }

    @Test
    void a_start_that_accounting_overwrote_is_lost() {
        Report report =
                report(
                        List.of(row(64, 50, 170, 220L, "COMPLETED", 1)),
                        ledger(64, 50, 61L).holds(50, 61, 1),
                        ledger(64, 170, 220L).holds(170, 220, 1));

        assertThat(reasons(report)).isEqualTo(Map.of(Reason.LOST_RUN, -11_000L));
    }

    @Test
    void a_start_whose_row_is_only_missing_from_the_file_is_not_explained() {
        Report report =
                report(
                        List.of(row(64, 161, 170, 220L, "COMPLETED", 1)),
                        ledger(64, 50, 61L).holds(50, 61, 1),
                        ledger(64, 170, 220L).holds(170, 220, 1));

        assertThat(reasons(report)).isEqualTo(Map.of(Reason.UNEXPLAINED, -11_000L));
        assertThat(note(report)).isEqualTo("accounting has no row of this start");
    }

    @Test
    void a_run_that_is_younger_than_the_file_is_not_explained_but_said() {
        Report report =
                report(
                        List.of(readAt(100, row(1, 0, 10, 70L, "COMPLETED", 1))),
                        ledger(1, 10, 70L).holds(10, 70, 1),
                        ledger(2, 100, 160L).holds(100, 160, 1));

        assertThat(reasons(report)).isEqualTo(Map.of(Reason.UNEXPLAINED, -60_000L));
        assertThat(note(report))
                .isEqualTo(
                        "it started after accounting was read, 1970-01-01T00:01:40Z: read it"
                                + " again");
    }

    @Test
    void shards_are_no_gpus_to_the_scheduler() {
        Report report =
                report(
                        List.of(shards(27, 10, 27L, 3)),
                        ledger(27, 10, 27L).holds(10, 27, 3).shared(4));

        assertThat(reasons(report)).isEqualTo(Map.of(Reason.SHARD, -12_750L));
    }

    @Test
    void more_than_the_shards_is_not_explained() {
        Report report =
                report(List.of(shards(27, 10, 27L, 3)), ledger(27, 10, 27L).holds(10, 27, 4));

        assertThat(reasons(report)).isEqualTo(Map.of(Reason.UNEXPLAINED, -68_000L));
    }

    @Test
    void instances_are_shares_of_their_card() {
        Report report =
                report(
                        List.of(row(5, 0, 0, 600L, "COMPLETED", 3)),
                        ledger(5, 0, 600L).holds(0, 600, 1).instances(0, 600, 2, 3, 7));

        assertThat(reasons(report).keySet()).containsExactly(Reason.MIG_SHARE);
    }

    @Test
    void instances_and_cards_must_be_as_many_as_accounting_counts() {
        Report report =
                report(
                        List.of(row(5, 0, 0, 600L, "COMPLETED", 4)),
                        ledger(5, 0, 600L).holds(0, 600, 1).instances(0, 600, 2, 3, 7));

        assertThat(reasons(report).keySet()).containsExactly(Reason.UNEXPLAINED);
    }

    @Test
    void holders_of_one_card_divide_it() {
        Report report =
                report(
                        List.of(row(5, 0, 0, 600L, "COMPLETED", 1)),
                        ledger(5, 0, 600L).holds(0, 600, 1).shared(2, RunFlag.SHARED_SLOT));

        assertThat(reasons(report)).isEqualTo(Map.of(Reason.SHARED_SLOT, 300_000L));
    }

    @Test
    void the_later_start_has_the_overlap() {
        Report report =
                report(
                        List.of(row(5, 0, 0, 600L, "COMPLETED", 2)),
                        ledger(5, 0, 600L).holds(0, 600, 1).holds(0, 570, 1).lost(9, 10, 30_000));

        assertThat(reasons(report)).isEqualTo(Map.of(Reason.DOUBLE_HOLD, 30_000L));
    }

    @Test
    void a_running_row_counts_until_it_was_read() {
        AccountingRow running = readAt(600, row(5, 0, 0, null, "RUNNING", 2));

        assertThat(
                        reasons(
                                report(
                                        List.of(running),
                                        ledger(5, 0, null)
                                                .holds(0, 630, 2)
                                                .uncertain(RunFlag.OPEN, 610))))
                .isEqualTo(Map.of(Reason.OPEN, -60_000L));
        assertThat(
                        reasons(
                                report(
                                        List.of(running),
                                        ledger(5, 0, null)
                                                .holds(0, 580, 2)
                                                .uncertain(RunFlag.OPEN, 580))))
                .isEqualTo(Map.of(Reason.OPEN, 40_000L));
        assertThat(reasons(report(List.of(running), ledger(5, 0, 500L).holds(0, 500, 2))))
                .isEqualTo(Map.of(Reason.RUNAWAY, 200_000L));
    }

    @Test
    void a_run_whose_end_the_ledger_has_not_heard_corrects_itself() {
        List<AccountingRow> rows = List.of(row(5, 0, 0, 600L, "COMPLETED", 1));

        assertThat(
                        reasons(
                                report(
                                        rows,
                                        ledger(5, 0, null)
                                                .holds(0, 550, 1)
                                                .uncertain(RunFlag.OPEN, 545))))
                .isEqualTo(Map.of(Reason.IN_HORIZON, 50_000L));
        assertThat(
                        reasons(
                                report(
                                        rows,
                                        ledger(5, 0, 650L)
                                                .holds(0, 650, 1)
                                                .uncertain(RunFlag.END_ESTIMATED, 590))))
                .isEqualTo(Map.of(Reason.END_ESTIMATED, -50_000L));
    }

    @Test
    void doubt_about_an_end_excuses_nothing_before_it() {
        Report report =
                report(
                        List.of(row(5, 0, 0, 600L, "COMPLETED", 2)),
                        ledger(5, 0, 600L).holds(0, 600, 1).uncertain(RunFlag.END_ESTIMATED, 590));

        assertThat(reasons(report))
                .isEqualTo(Map.of(Reason.UNEXPLAINED, 540_000L, Reason.END_ESTIMATED, 60_000L));
    }

    @Test
    void a_start_known_from_a_hook_is_late() {
        List<AccountingRow> rows = List.of(row(5, 0, 10, 600L, "COMPLETED", 2));

        assertThat(reasons(report(rows, ledger(5, 11, 600L).holds(11, 600, 2))))
                .isEqualTo(Map.of(Reason.LATE_START, 2_000L));
        assertThat(reasons(report(rows, ledger(5, 15, 600L).holds(15, 600, 2))))
                .isEqualTo(Map.of(Reason.UNEXPLAINED, 10_000L));
    }

    @Test
    void a_site_that_does_not_track_gpus_counts_none() {
        List<AccountingRow> rows = List.of(row(5, 0, 10, 600L, "COMPLETED", 0));

        assertThat(reasons(report(rows, ledger(5, 10, 600L).holds(10, 600, 2).read(10, 600, 0))))
                .isEqualTo(Map.of(Reason.NO_TRES, -1_180_000L));
        assertThat(reasons(report(rows, ledger(5, 10, 600L).holds(10, 600, 2).read(10, 600, 2))))
                .isEqualTo(Map.of(Reason.UNEXPLAINED, -1_180_000L));
    }

    @Test
    void hours_without_rows_are_not_recorded_but_a_missing_run_is_not_explained() {
        List<AccountingRow> rows = List.of(row(5, 0, 3_000, 4_200L, "COMPLETED", 1));
        Span both = new Span(0, 7_200_000);

        Report early = Reconciliation.of(new Books("c", both, rows, List.of(), List.of(HOUR)));

        assertThat(reasons(early))
                .isEqualTo(Map.of(Reason.UNEXPLAINED, 600_000L, Reason.NOT_RECORDED, 600_000L));
        assertThat(early.findings().get(0).runId()).isEqualTo("c/5/3000");
        assertThat(note(early)).isEqualTo("the ledger has no such run");
    }

    @Test
    void another_count_is_not_explained_and_says_what_each_book_has() {
        Report report =
                report(
                        List.of(row(5, 0, 10, 70L, "COMPLETED", 4)),
                        ledger(5, 10, 70L).holds(10, 70, 2).read(10, 70, 2));

        assertThat(reasons(report)).isEqualTo(Map.of(Reason.UNEXPLAINED, 120_000L));
        assertThat(note(report))
                .isEqualTo(
                        "the ledger read 2 GPUs from 1970-01-01T00:00:10Z to 1970-01-01T00:01:10Z,"
                                + " accounting now says 4 GPUs from 1970-01-01T00:00:10Z to"
                                + " 1970-01-01T00:01:10Z");
    }

    @Test
    void another_payer_is_not_explained_although_the_time_is_the_same() {
        Report report =
                report(
                        List.of(row(5, 0, 10, 70L, "COMPLETED", 1)),
                        ledger(5, 10, 70L).holds(10, 70, 1).account("b"));

        assertThat(report.total().differenceMs()).isZero();
        assertThat(report.unexplainedMs()).isEqualTo(120_000);
        assertThat(report.byPayer().keySet())
                .containsExactly(new Payer("a", "u"), new Payer("b", "u"));
    }

    @Test
    void only_the_window_counts() {
        Span minute = new Span(60_000, 120_000);
        Books books =
                new Books(
                        "c",
                        minute,
                        List.of(
                                row(63, 8, 8, 90L, "RESIZING", 4),
                                row(63, 90, 8, 200L, "COMPLETED", 2)),
                        List.of(ledger(63, 8, 200L).holds(8, 90, 4).holds(90, 200, 2).in(minute)),
                        List.of(HOUR));

        assertThat(Reconciliation.of(books).total())
                .isEqualTo(new Total(240_000, 180_000, Map.of(Reason.RESIZE, 60_000L)));
    }

    @Test
    void the_latest_reading_of_a_row_counts_wherever_it_stands() {
        AccountingRow then = readAt(50, row(1, 0, 10, null, "RUNNING", 1));
        AccountingRow ended = readAt(80, row(1, 0, 10, 70L, "COMPLETED", 1));
        AccountingRow now = readAt(100, row(1, 0, 10, 90L, "REQUEUED", 1));

        for (List<AccountingRow> rows :
                List.of(List.of(then, ended, now), List.of(now, ended, then))) {
            Report report = report(rows, ledger(1, 10, 70L).holds(10, 70, 1));
            assertThat(report.total().schedulerMs()).isEqualTo(80_000);
            assertThat(reasons(report)).isEqualTo(Map.of(Reason.REQUEUE_REWRITE, 20_000L));
        }
    }

    private static Map<Reason, Long> reasons(Report report) {
        return report.total().byReason();
    }

    private static String note(Report report) {
        return report.findings().get(0).parts().stream()
                .filter(p -> p.reason() == Reason.UNEXPLAINED)
                .findFirst()
                .orElseThrow()
                .note();
    }

    private static Report report(List<AccountingRow> rows, LedgerTimeline... runs) {
        List<LedgerRun> ledger = java.util.Arrays.stream(runs).map(r -> r.in(HOUR)).toList();
        return Reconciliation.of(new Books("c", HOUR, rows, ledger, List.of(HOUR)));
    }

    private static LedgerTimeline ledger(long job, long start, @Nullable Long end) {
        return new LedgerTimeline(job, start, end);
    }

    private static AccountingRow row(
            long job, long submit, long start, @Nullable Long end, String state, int gpus) {
        return new AccountingRow(
                job,
                Long.toString(job),
                submit * 1000,
                start * 1000,
                end == null ? null : (Long) (end * 1000),
                state,
                gpus,
                0,
                "a",
                "u",
                10_000_000);
    }

    private static AccountingRow readAt(long at, AccountingRow row) {
        return new AccountingRow(
                row.rawJobId(),
                row.jobId(),
                row.submitMs(),
                row.startMs(),
                row.endMs(),
                row.state(),
                row.gpus(),
                row.shards(),
                row.account(),
                row.user(),
                at * 1000);
    }

    private static AccountingRow shards(long job, long start, long end, int shards) {
        return new AccountingRow(
                job,
                Long.toString(job),
                start * 1000,
                start * 1000,
                end * 1000,
                "COMPLETED",
                0,
                shards,
                "a",
                "u",
                10_000_000);
    }
}

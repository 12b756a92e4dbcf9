package io.gpuledger.core.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What must hold of any two books, and of books that a simulated Slurm wrote. */
class ReconciliationPropertyTest {
    private static final int SEEDS = Integer.getInteger("gpuledger.seeds", 2_000);
    private static final long HOURS_MS = 3 * 3_600_000;

    /** Rows and runs that need have nothing to do with each other. */
    @Test
    void reasons_sum_to_the_difference_and_lines_to_the_totals_whatever_the_books_say() {
        for (int seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            Books books = anyBooks(random);
            Report report = Reconciliation.of(books);

            Total sum = Total.NONE;
            Map<Payer, Long> scheduler = new HashMap<>();
            for (Finding finding : report.findings()) {
                long parts = finding.parts().stream().mapToLong(Part::gpuMs).sum();
                assertThat(parts)
                        .as("seed %d, %s", seed, finding)
                        .isEqualTo(finding.differenceMs());
                assertThat(finding.parts()).as("seed %d", seed).noneMatch(p -> p.gpuMs() == 0);
                sum = sum.plus(finding);
                scheduler.merge(finding.payer(), finding.schedulerMs(), Long::sum);
            }
            assertThat(report.total()).as("seed %d", seed).isEqualTo(sum);
            long reasons = sum.byReason().values().stream().mapToLong(Long::longValue).sum();
            assertThat(reasons).as("seed %d", seed).isEqualTo(sum.differenceMs());
            for (Map.Entry<Payer, Total> entry : report.byPayer().entrySet()) {
                assertThat(entry.getValue().schedulerMs())
                        .as("seed %d", seed)
                        .isEqualTo(scheduler.get(entry.getKey()));
            }
            assertThat(sum.schedulerMs()).as("seed %d", seed).isEqualTo(asSreport(books));
            assertThat(sum.ledgerMs())
                    .as("seed %d", seed)
                    .isEqualTo(books.runs().stream().mapToLong(LedgerRun::heldMs).sum());
        }
    }

    @Test
    void the_order_of_the_books_does_not_matter() {
        for (int seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            Books books = random.nextBoolean() ? anyBooks(random) : new Slurm(random).books();
            List<AccountingRow> rows = new ArrayList<>(books.rows());
            List<LedgerRun> runs = new ArrayList<>(books.runs());
            rows.addAll(books.rows());
            Collections.shuffle(rows, random);
            Collections.shuffle(runs, random);

            assertThat(
                            Reconciliation.of(
                                    new Books(
                                            books.cluster(),
                                            books.window(),
                                            rows,
                                            runs,
                                            books.recorded())))
                    .as("seed %d", seed)
                    .isEqualTo(Reconciliation.of(books));
        }
    }

    @Test
    void what_slurm_does_to_its_books_is_explained_to_the_millisecond() {
        for (int seed = 0; seed < SEEDS; seed++) {
            Slurm slurm = new Slurm(new Random(seed));
            Report report = Reconciliation.of(slurm.books());

            assertThat(report.total().byReason()).as("seed %d", seed).isEqualTo(slurm.expected);
            assertThat(report.unexplainedMs()).as("seed %d", seed).isZero();
        }
    }

    @Test
    void a_missing_run_or_row_or_another_count_is_never_explained() {
        for (int seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            Slurm slurm = new Slurm(random);
            Books books = slurm.books();
            List<AccountingRow> rows = new ArrayList<>(books.rows());
            List<LedgerRun> runs = new ArrayList<>(books.runs());
            AccountingRow plain = slurm.plain;
            long inside =
                    new Piece(plain.startMs(), plain.countedEndMs(), plain.gpus())
                            .within(books.window().startMs(), books.window().endMs());
            switch (random.nextInt(3)) {
                case 0 -> rows.remove(plain);
                case 1 -> runs.removeIf(r -> r.rawJobId() == plain.rawJobId());
                default -> {
                    rows.remove(plain);
                    rows.add(withGpus(plain, plain.gpus() * 2));
                }
            }
            Report report =
                    Reconciliation.of(
                            new Books(
                                    books.cluster(), books.window(), rows, runs, books.recorded()));

            assertThat(report.unexplainedMs()).as("seed %d", seed).isEqualTo(inside);
        }
    }

    /** Straight from the rule, sharing no code: latest row per job and Submit, clipped. */
    private static long asSreport(Books books) {
        Map<String, AccountingRow> latest = new HashMap<>();
        for (AccountingRow row : books.rows()) {
            AccountingRow before = latest.get(row.rawJobId() + "@" + row.submitMs());
            if (before == null || row.observedAtMs() > before.observedAtMs()) {
                latest.put(row.rawJobId() + "@" + row.submitMs(), row);
            }
        }
        long sum = 0;
        for (AccountingRow row : latest.values()) {
            Long end = row.endMs();
            long to = Math.min(end == null ? row.observedAtMs() : end, books.window().endMs());
            long from = Math.max(row.startMs(), books.window().startMs());
            sum += row.gpus() * Math.max(0, to - from);
        }
        return sum;
    }

    private static Books anyBooks(Random random) {
        Span window = window(random);
        List<AccountingRow> rows = new ArrayList<>();
        String[] states = {"COMPLETED", "REQUEUED", "RESIZING", "CANCELLED", "PENDING"};
        for (int i = random.nextInt(12); i > 0; i--) {
            long start = random.nextInt(10_000);
            boolean open = random.nextInt(5) == 0;
            rows.add(
                    row(
                            1 + random.nextInt(4),
                            Math.max(0, start - 100 + random.nextInt(200)),
                            start,
                            open ? null : (Long) (start + random.nextInt(3_000)),
                            open ? "RUNNING" : states[random.nextInt(states.length)],
                            random.nextInt(5),
                            random.nextInt(4) == 0 ? 2 : 0,
                            random.nextInt(2) == 0 ? "a" : "b",
                            // Different for each: which of two equally old readings is the later
                            // one is nobody's business.
                            20_000_000 + rows.size()));
        }
        List<LedgerRun> runs = new ArrayList<>();
        for (int job = 1; job < 5; job++) {
            long at = random.nextInt(2_000);
            for (int i = random.nextInt(3); i > 0; i--) {
                boolean taken = !rows.isEmpty() && random.nextBoolean();
                long start = taken ? rows.get(random.nextInt(rows.size())).startMs() / 1000 : at;
                start = Math.max(start, at);
                long end = start + random.nextInt(3_000);
                boolean open = random.nextInt(4) == 0;
                LedgerTimeline run = new LedgerTimeline(job, start, open ? null : (Long) end);
                long middle = start + (end - start) / 2;
                run.holds(start, middle, 1 + random.nextInt(4));
                if (random.nextBoolean()) {
                    run.suspended(middle, end, 1 + random.nextInt(4));
                } else {
                    run.instances(middle, end, 2, 3, 7);
                }
                if (open || random.nextInt(4) == 0) {
                    run.uncertain(open ? RunFlag.OPEN : RunFlag.END_ESTIMATED, middle);
                }
                if (random.nextInt(4) == 0) {
                    run.lost(start / 60, end / 60 + 1, 30_000);
                }
                if (random.nextInt(4) == 0) {
                    run.read(start, end, 2);
                }
                if (random.nextInt(4) == 0) {
                    run.shared(2, RunFlag.SHARED_SLOT);
                }
                runs.add(run.account(random.nextInt(3) == 0 ? "b" : "a").in(window));
                at = end + 1;
            }
        }
        return new Books("c", window, rows, runs, recorded(random));
    }

    private static Span window(Random random) {
        long from = random.nextInt(120);
        return new Span(from * 60_000, (from + 1 + random.nextInt(120)) * 60_000);
    }

    private static List<Span> recorded(Random random) {
        return random.nextInt(3) == 0
                ? List.of(new Span(3_600_000, 2 * 3_600_000))
                : List.of(new Span(0, 4 * HOURS_MS));
    }

    private static AccountingRow withGpus(AccountingRow row, int gpus) {
        return new AccountingRow(
                row.rawJobId(),
                row.jobId(),
                row.submitMs(),
                row.startMs(),
                row.endMs(),
                row.state(),
                gpus,
                row.shards(),
                row.account(),
                row.user(),
                row.observedAtMs());
    }

    private static AccountingRow row(
            long job,
            long submit,
            long start,
            @Nullable Long end,
            String state,
            int gpus,
            int shards,
            String account,
            long observedMs) {
        return new AccountingRow(
                job,
                Long.toString(job),
                submit * 1000,
                start * 1000,
                end == null ? null : (Long) (end * 1000),
                state,
                gpus,
                shards,
                account,
                "u",
                observedMs);
    }

    /** Jobs that really hold, and what Slurm writes of them by the observed rules. */
    private static final class Slurm {
        private final Random random;
        private final Span window;
        private final List<AccountingRow> rows = new ArrayList<>();
        private final List<LedgerRun> runs = new ArrayList<>();
        private final Map<Reason, Long> expected = new EnumMap<>(Reason.class);
        private final AccountingRow plain;
        private long job;

        Slurm(Random random) {
            this.random = random;
            this.window = window(random);
            long middle = (window.startMs() + window.endMs()) / 2000;
            long end = middle + 1 + random.nextInt(500);
            plain = write(job, middle, middle, end, "COMPLETED", 1 + random.nextInt(8), 0);
            runs.add(
                    new LedgerTimeline(job, middle, end)
                            .holds(middle, end, plain.gpus())
                            .read(middle, end, plain.gpus())
                            .in(window));
            for (int i = 1 + random.nextInt(20); i > 0; i--) {
                job++;
                any();
            }
        }

        Books books() {
            return new Books("c", window, rows, runs, List.of(new Span(0, 4 * HOURS_MS)));
        }

        private void any() {
            long start = random.nextInt(10_000);
            long end = start + 1 + random.nextInt(2_000);
            long later = end + 1 + random.nextInt(1_000);
            int gpus = 1 + random.nextInt(8);
            LedgerTimeline run = new LedgerTimeline(job, start, end);
            switch (random.nextInt(7)) {
                case 0 -> {
                    // Resized once or twice, perhaps requeued after its end.
                    long first = start + random.nextInt((int) (end - start) + 1);
                    long second = first + random.nextInt((int) (end - first) + 1);
                    boolean twice = random.nextBoolean() && second > first;
                    boolean rewritten = random.nextBoolean();
                    long bookedEnd = rewritten ? later : end;
                    long firstTo = twice ? second : bookedEnd;
                    write(job, start - 1, start, first, "RESIZING", 2 * gpus, 0);
                    String state = rewritten ? "REQUEUED" : "COMPLETED";
                    write(job, first, start, firstTo, twice ? "RESIZING" : state, gpus, 0);
                    run.holds(start, first, 2L * gpus).holds(first, twice ? second : end, gpus);
                    expect(Reason.RESIZE, gpus, start, first);
                    int rest = gpus;
                    if (twice) {
                        rest = gpus + 1;
                        write(job, second, start, bookedEnd, state, rest, 0);
                        run.holds(second, end, rest);
                        expect(Reason.RESIZE, rest, start, second);
                    }
                    if (rewritten) {
                        expect(Reason.REQUEUE_REWRITE, rest, end, later);
                    }
                }
                case 1 -> {
                    write(job, start, start, later, "REQUEUED", gpus, 0);
                    run.holds(start, end, gpus);
                    expect(Reason.REQUEUE_REWRITE, gpus, end, later);
                }
                case 2 -> {
                    write(job, start, start, end, "CANCELLED", gpus, 0);
                    run = new LedgerTimeline(job, start, later);
                    run.holds(start, end, gpus).suspended(end, later, gpus);
                    expect(Reason.SUSPENDED_CANCEL, -gpus, end, later);
                }
                case 3 -> {
                    write(job, start, later, later + 100, "COMPLETED", gpus, 0);
                    runs.add(
                            new LedgerTimeline(job, later, later + 100)
                                    .holds(later, later + 100, gpus)
                                    .in(window));
                    run.holds(start, end, gpus);
                    expect(Reason.LOST_RUN, -gpus, start, end);
                }
                case 4 -> {
                    write(job, start, start, end, "COMPLETED", 0, gpus);
                    run.holds(start, end, gpus).shared(4);
                    long held = run.in(window).heldMs();
                    if (held > 0) {
                        expected.merge(Reason.SHARD, -held, Long::sum);
                    }
                }
                case 5 -> {
                    write(job, start, start, end, "COMPLETED", gpus + 2, 0);
                    run.holds(start, end, gpus).instances(start, end, 2, 3, 7);
                    long share = (gpus + 2) * clipped(start, end) - run.in(window).heldMs();
                    if (share > 0) {
                        expected.merge(Reason.MIG_SHARE, share, Long::sum);
                    }
                }
                default -> {
                    write(job, start, start, end, "NODE_FAIL", gpus, 0);
                    write(job, end, later, later + 50, "COMPLETED", gpus, 0);
                    run.holds(start, end, gpus);
                    runs.add(
                            new LedgerTimeline(job, later, later + 50)
                                    .holds(later, later + 50, gpus)
                                    .in(window));
                }
            }
            runs.add(run.in(window));
        }

        private AccountingRow write(
                long id, long submit, long start, long end, String state, int gpus, int shards) {
            AccountingRow row = row(id, submit, start, end, state, gpus, shards, "a", 99_000_000);
            rows.add(row);
            return row;
        }

        private void expect(Reason reason, long gpus, long from, long to) {
            long amount = gpus * clipped(from, to);
            if (amount != 0) {
                expected.merge(reason, amount, Long::sum);
            }
        }

        private long clipped(long from, long to) {
            return new Piece(from * 1000, to * 1000, 1).within(window.startMs(), window.endMs());
        }
    }
}

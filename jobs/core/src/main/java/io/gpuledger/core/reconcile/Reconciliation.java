package io.gpuledger.core.reconcile;

import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Compares the scheduler's accounting with the ledger, run by run. A pure function of both books.
 *
 * <p>The scheduler's figure is the one for which {@code sreport} was seen to be exact, to the
 * second: the sum over {@code sacct -D} rows, the latest per raw job id and Submit, of gres/gpu x
 * (End - Start), from the Start of the row (a row after a resize has the first one), requeued
 * starts and suspended time included. The ledger's is what the run held.
 */
public final class Reconciliation {
    private Reconciliation() {}

    /** A run in both books, or in one of them. */
    private record Pair(@Nullable Incarnation rows, @Nullable LedgerRun run) {}

    /** Ids of ledger runs whose time differs from the scheduler's: when they held is needed. */
    public static Set<String> differing(Books books) {
        Set<String> runIds = new HashSet<>();
        for (Pair pair : pairs(new Accounting(books.rows()), books.runs())) {
            LedgerRun run = pair.run();
            Incarnation rows = pair.rows();
            long charged = rows == null ? 0 : rows.chargedMs(books.window());
            if (run != null && run.heldMs() != charged) {
                runIds.add(run.runId());
            }
        }
        return runIds;
    }

    /** Every run with time in the window, and why it differs where it does. */
    public static Report of(Books books) {
        Accounting accounting = new Accounting(books.rows());
        List<Finding> findings = new ArrayList<>();
        for (Pair pair : pairs(accounting, books.runs())) {
            findings.addAll(findings(books, accounting, pair));
        }
        return Report.of(findings);
    }

    private static List<Finding> findings(Books books, Accounting accounting, Pair pair) {
        Incarnation rows = pair.rows();
        LedgerRun run = pair.run();
        long scheduler = rows == null ? 0 : rows.chargedMs(books.window());
        long ledger = run == null ? 0 : run.heldMs();
        if (scheduler == 0 && ledger == 0) {
            return List.of();
        }
        Payer charged = rows == null ? new Payer("", "") : payer(rows);
        Payer held = run == null ? charged : new Payer(run.account(), run.user());
        Payer payer = fill(charged, held);
        if (scheduler != 0 && ledger != 0 && !payer.equals(held)) {
            return twoPayers(books, pair, payer, held, scheduler, ledger);
        }
        Payer shown = scheduler == 0 && run != null ? held : payer;
        List<Part> parts =
                scheduler == ledger
                        ? List.of()
                        : new Explanation(books, accounting, rows, run).parts();
        return List.of(finding(books, pair, shown, scheduler, ledger, parts));
    }

    /** The same run charged to two: no time is missing, but somebody pays for another. */
    private static List<Finding> twoPayers(
            Books books, Pair pair, Payer charged, Payer held, long scheduler, long ledger) {
        Span window = books.window();
        Part here =
                new Part(
                        Reason.UNEXPLAINED,
                        scheduler,
                        window,
                        "the ledger has it under " + held.account() + " / " + held.user());
        Part there =
                new Part(
                        Reason.UNEXPLAINED,
                        -ledger,
                        window,
                        "accounting has it under " + charged.account() + " / " + charged.user());
        return List.of(
                finding(books, pair, charged, scheduler, 0, List.of(here)),
                finding(books, pair, held, 0, ledger, List.of(there)));
    }

    private static Finding finding(
            Books books, Pair pair, Payer payer, long scheduler, long ledger, List<Part> parts) {
        LedgerRun run = pair.run();
        Incarnation rows = pair.rows();
        if (run != null) {
            return new Finding(
                    run.runId(), run.rawJobId(), run.jobId(), payer, scheduler, ledger, parts);
        }
        if (rows == null) {
            throw new IllegalArgumentException("a pair of nothing");
        }
        return new Finding(
                books.cluster()
                        + "/"
                        + rows.rawJobId()
                        + "/"
                        + Math.floorDiv(rows.startMs(), 1000L),
                rows.rawJobId(),
                rows.last().jobId(),
                payer,
                scheduler,
                ledger,
                parts);
    }

    private static Payer payer(Incarnation rows) {
        return new Payer(rows.last().account(), rows.last().user());
    }

    /** A file without the column says nothing against the other book. */
    private static Payer fill(Payer said, Payer otherwise) {
        return new Payer(
                said.account().isEmpty() ? otherwise.account() : said.account(),
                said.user().isEmpty() ? otherwise.user() : said.user());
    }

    /**
     * A run is a job and a start. Who knows a start from hooks only is up to seconds late: what is
     * left of one job then belongs together where it overlaps.
     */
    private static List<Pair> pairs(Accounting accounting, List<LedgerRun> runs) {
        Map<String, LedgerRun> byStart = new HashMap<>();
        for (LedgerRun run : runs) {
            byStart.put(key(run.rawJobId(), run.startMs()), run);
        }
        List<Pair> pairs = new ArrayList<>();
        List<Incarnation> rest = new ArrayList<>();
        for (Incarnation rows : accounting.incarnations()) {
            LedgerRun run = byStart.remove(key(rows.rawJobId(), rows.startMs()));
            if (run == null) {
                rest.add(rows);
            } else {
                pairs.add(new Pair(rows, run));
            }
        }
        Map<Long, List<LedgerRun>> left = new HashMap<>();
        for (LedgerRun run : byStart.values()) {
            left.computeIfAbsent(run.rawJobId(), j -> new ArrayList<>()).add(run);
        }
        left.values().forEach(l -> l.sort(Comparator.comparingLong(LedgerRun::startMs)));
        rest.sort(
                Comparator.comparingLong(Incarnation::rawJobId)
                        .thenComparingLong(Incarnation::startMs));
        for (Incarnation rows : rest) {
            LedgerRun match = null;
            for (LedgerRun run : left.getOrDefault(rows.rawJobId(), List.of())) {
                if (rows.overlaps(run)) {
                    match = run;
                    break;
                }
            }
            if (match != null) {
                left.getOrDefault(rows.rawJobId(), List.of()).remove(match);
            }
            pairs.add(new Pair(rows, match));
        }
        left.values().forEach(l -> l.forEach(run -> pairs.add(new Pair(null, run))));
        return pairs;
    }

    private static String key(long rawJobId, long startMs) {
        return rawJobId + "/" + Math.floorDiv(startMs, 1000L);
    }
}

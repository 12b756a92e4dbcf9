package io.gpuledger.core.reconcile;

import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.time.Span;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Why one run differs. From accounting's rows follows what the ledger should hold in each minute.
 * The rules for which a row counts time that nobody held, or leaves out time that somebody did,
 * move its begin or its end; such a rule is believed when its signs are there and with it more
 * minutes agree to the millisecond. What then still differs in a minute is given the reason that
 * the ledger's own rows of that minute prove, or none.
 */
final class Explanation {
    /** A prolog was seen to come up to 1.4 s after StartTime; both are then cut to seconds. */
    private static final long LATEST_PROLOG_MS = 2_000;

    private static final String NOTHING = "";

    private final Span window;
    private final Books books;
    private final Accounting accounting;
    private final @Nullable Incarnation rows;
    private final @Nullable LedgerRun run;
    private final NavigableMap<Long, HeldStretch> held = new TreeMap<>();
    private final NavigableMap<Long, DisputedStretch> disputed = new TreeMap<>();
    private final boolean isEndUncertain;
    private final boolean isEndEstimated;
    private final long uncertainFromMs;
    private final List<Part> parts = new ArrayList<>();
    private List<Piece> pieces = List.of();
    private List<Part> residuals = List.of();

    Explanation(
            Books books,
            Accounting accounting,
            @Nullable Incarnation rows,
            @Nullable LedgerRun run) {
        this.books = books;
        this.window = books.window();
        this.accounting = accounting;
        this.rows = rows;
        this.run = run;
        if (run != null) {
            run.held().forEach(stretch -> held.put(stretch.fromMs(), stretch));
            run.disputed().forEach(stretch -> disputed.put(stretch.fromMs(), stretch));
        }
        this.isEndUncertain = run != null && run.isEndUncertain();
        this.isEndEstimated = run != null && run.has(RunFlag.END_ESTIMATED);
        this.uncertainFromMs = run == null ? Span.OPEN_END : run.uncertainFromMs();
    }

    /** Sum to exactly the scheduler's time less the ledger's. */
    List<Part> parts() {
        if (rows != null) {
            pieces = rows.charged();
        }
        residuals = residuals(pieces);
        if (rows != null && run != null) {
            step(Reason.RESIZE, rows.fromResizes());
            lateStart(rows, run);
            end(rows, run);
        }
        parts.addAll(residuals);
        if (run != null) {
            long timed = 0;
            for (HeldStretch stretch : run.held()) {
                timed += stretch.heldMs() * stretch.minutes();
            }
            if (timed != run.heldMs()) {
                add(
                        parts,
                        new Part(
                                Reason.UNEXPLAINED,
                                timed - run.heldMs(),
                                window,
                                "the ledger changed while it was read: run this again"));
            }
        }
        return parts;
    }

    private void lateStart(Incarnation accounted, LedgerRun ledger) {
        long late = ledger.startMs() - accounted.startMs();
        if (late > 0 && late <= LATEST_PROLOG_MS && ledger.scheduled().isEmpty()) {
            step(Reason.LATE_START, Piece.from(pieces, ledger.startMs()));
        }
    }

    private void end(Incarnation accounted, LedgerRun ledger) {
        Long heldEnd = ledger.statedEndMs();
        AccountingRow last = accounted.last();
        Long end = last.endMs();
        if (heldEnd == null || end == null) {
            return;
        }
        if (heldEnd < end) {
            // An operator's requeue closes the row in state PENDING.
            if (last.state().equals("REQUEUED") || last.state().equals("PENDING")) {
                step(Reason.REQUEUE_REWRITE, Piece.until(pieces, heldEnd));
            }
        } else if (heldEnd > end && !pieces.isEmpty()) {
            List<Piece> longer = new ArrayList<>(pieces);
            longer.add(new Piece(end, heldEnd, last.gpus()));
            if (isSuspended(ledger, last.gpus(), new Span(end, heldEnd))) {
                step(Reason.SUSPENDED_CANCEL, longer);
            } else if (ledger.scheduled().isEmpty() || hasReadTheSame(accounted, ledger)) {
                step(Reason.LATE_END, longer);
            }
        }
    }

    /** All of the time was spent suspended, as far as the window shows it. */
    private boolean isSuspended(LedgerRun ledger, int gpus, Span when) {
        Span seen = when.intersect(window);
        long at = seen.startMs();
        for (HeldStretch stretch : ledger.held()) {
            long from = Math.max(at, stretch.fromMs());
            long to = Math.min(seen.endMs(), stretch.toMs());
            if (from >= to) {
                continue;
            }
            if (from != at) {
                return false;
            }
            long longest = Math.min(to - from, HeldStretch.MINUTE_MS);
            if (stretch.suspendedMs() < gpus * longest) {
                return false;
            }
            at = to;
        }
        return at == seen.endMs() && !seen.isEmpty();
    }

    /** The ledger has read these very rows and disregarded their end: it knew better. */
    private static boolean hasReadTheSame(Incarnation accounted, LedgerRun ledger) {
        List<Run.ScheduledSpan> now = new ArrayList<>();
        for (AccountingRow row : accounted.rows()) {
            Long end = row.endMs();
            if (end != null) {
                now.add(new Run.ScheduledSpan(row.startMs(), end, row.gpus()));
            }
        }
        return now.equals(ledger.scheduled());
    }

    /** Believes the rule when it leaves less unexplained, or as much and less to other reasons. */
    private void step(Reason reason, List<Piece> other) {
        long amount = Piece.within(pieces, window) - Piece.within(other, window);
        List<Part> left = residuals(other);
        long more = unexplained(left) - unexplained(residuals);
        if (more > 0 || (more == 0 && size(left) >= size(residuals))) {
            return;
        }
        parts.add(new Part(reason, amount, where(pieces, other), NOTHING));
        pieces = other;
        residuals = left;
    }

    private static long size(List<Part> left) {
        return left.stream().mapToLong(p -> Math.abs(p.gpuMs())).sum();
    }

    /** From the first to the last instant that both count differently. */
    private Span where(List<Piece> before, List<Piece> after) {
        SortedSet<Long> edges = new TreeSet<>();
        for (List<Piece> side : List.of(before, after)) {
            for (Piece piece : side) {
                edges.add(clip(piece.fromMs()));
                edges.add(clip(piece.toMs()));
            }
        }
        Span all = null;
        Long from = null;
        for (Long to : edges) {
            if (from != null) {
                Span part = new Span(from, to);
                if (Piece.within(before, part) != Piece.within(after, part)) {
                    all = all == null ? part : new Span(all.startMs(), to);
                }
            }
            from = to;
        }
        return all == null ? window : all;
    }

    private long clip(long atMs) {
        return Math.max(window.startMs(), Math.min(window.endMs(), atMs));
    }

    private static long unexplained(List<Part> left) {
        long sum = 0;
        for (Part part : left) {
            sum += part.reason() == Reason.UNEXPLAINED ? Math.abs(part.gpuMs()) : 0;
        }
        return sum;
    }

    /** What the ledger has otherwise than these pieces, minute by minute. */
    private List<Part> residuals(List<Piece> expected) {
        List<Part> left = new ArrayList<>();
        Long from = null;
        for (Long to : edges(expected)) {
            if (from != null) {
                residual(expected, new Span(from, to), left);
            }
            from = to;
        }
        return left;
    }

    /** Between two edges all minutes are alike, or there is one only. */
    private SortedSet<Long> edges(List<Piece> expected) {
        SortedSet<Long> edges = new TreeSet<>();
        edges.add(window.startMs());
        edges.add(window.endMs());
        for (Piece piece : expected) {
            edge(edges, piece.fromMs());
            edge(edges, piece.toMs());
        }
        for (Span span : books.recorded()) {
            edge(edges, span.startMs());
            edge(edges, span.endMs());
        }
        if (rows != null) {
            edge(edges, rows.startMs());
            edge(edges, rows.endMs());
        }
        if (run != null) {
            for (HeldStretch stretch : run.held()) {
                edge(edges, stretch.fromMs());
                edge(edges, stretch.toMs());
            }
            for (DisputedStretch stretch : run.disputed()) {
                edge(edges, stretch.fromMs());
                edge(edges, stretch.toMs());
            }
            Long end = run.heldEndMs();
            if (end != null) {
                edge(edges, end);
            }
        }
        return edges;
    }

    private void edge(SortedSet<Long> edges, long atMs) {
        long minute = Math.floorDiv(atMs, HeldStretch.MINUTE_MS) * HeldStretch.MINUTE_MS;
        for (long edge : new long[] {minute, minute + HeldStretch.MINUTE_MS}) {
            if (edge > window.startMs() && edge < window.endMs()) {
                edges.add(edge);
            }
        }
    }

    private void residual(List<Piece> expected, Span minutes, List<Part> left) {
        HeldStretch stretch = stretch(minutes);
        long count = minutes.lengthMs() / HeldStretch.MINUTE_MS;
        long due = Piece.within(expected, minutes);
        long difference = due - (stretch == null ? 0 : stretch.heldMs() * count);
        if (difference == 0) {
            return;
        }
        Reason reason = reason(minutes, stretch, due, difference);
        String note = reason == Reason.UNEXPLAINED ? note() : NOTHING;
        add(left, new Part(reason, difference, own(minutes), note));
    }

    /** The part of the minutes in which either book has the run. */
    private Span own(Span minutes) {
        long from = Long.MAX_VALUE;
        long to = Long.MIN_VALUE;
        if (rows != null) {
            from = rows.startMs();
            to = rows.endMs();
        }
        if (run != null) {
            from = Math.min(from, run.startMs());
            to = Math.max(to, run.latestHeldMs());
        }
        Span both = from < to ? new Span(from, to).intersect(minutes) : minutes;
        return both.isEmpty() ? minutes : both;
    }

    private static void add(List<Part> parts, Part part) {
        for (int i = 0; i < parts.size(); i++) {
            Part other = parts.get(i);
            boolean same =
                    other.reason() == part.reason()
                            && other.note().equals(part.note())
                            && (other.gpuMs() > 0) == (part.gpuMs() > 0);
            if (same) {
                parts.set(
                        i,
                        new Part(
                                part.reason(),
                                other.gpuMs() + part.gpuMs(),
                                new Span(other.where().startMs(), part.where().endMs()),
                                part.note()));
                return;
            }
        }
        parts.add(part);
    }

    private @Nullable HeldStretch stretch(Span minutes) {
        Map.Entry<Long, HeldStretch> entry = held.floorEntry(minutes.startMs());
        return entry == null || entry.getValue().toMs() <= minutes.startMs()
                ? null
                : entry.getValue();
    }

    private Reason reason(Span minutes, @Nullable HeldStretch stretch, long due, long difference) {
        if (stretch == null && !isRecorded(minutes)) {
            return Reason.NOT_RECORDED;
        }
        if (run == null) {
            return Reason.UNEXPLAINED;
        }
        if (rows == null) {
            return accounting.overwrote(run) ? Reason.LOST_RUN : Reason.UNEXPLAINED;
        }
        Reason byDevice = byDevice(rows, run, minutes, stretch, due, difference);
        return byDevice != Reason.UNEXPLAINED ? byDevice : byEnd(rows, run, minutes, difference);
    }

    private boolean isRecorded(Span minutes) {
        for (Span span : books.recorded()) {
            if (span.startMs() <= minutes.startMs() && minutes.endMs() <= span.endMs()) {
                return true;
            }
        }
        return false;
    }

    /** Reasons that lie in what the run has of its cards. */
    private Reason byDevice(
            Incarnation accounted,
            LedgerRun ledger,
            Span minutes,
            @Nullable HeldStretch stretch,
            long due,
            long difference) {
        long count = minutes.lengthMs() / HeldStretch.MINUTE_MS;
        if (stretch != null && difference > 0 && isOfInstances(accounted, stretch, due / count)) {
            return Reason.MIG_SHARE;
        }
        if (difference > 0) {
            Map.Entry<Long, DisputedStretch> lost = disputed.floorEntry(minutes.startMs());
            if (lost != null
                    && minutes.endMs() <= lost.getValue().toMs()
                    && difference <= lost.getValue().gpuMs() * count) {
                return Reason.DOUBLE_HOLD;
            }
            boolean shared = stretch != null && (stretch.flags() & RunFlag.SHARED_SLOT.bit()) != 0;
            return shared ? Reason.SHARED_SLOT : Reason.UNEXPLAINED;
        }
        Long stated = ledger.heldEndMs();
        long until = stated == null ? minutes.endMs() : Math.max(stated, accounted.endMs());
        Span active =
                new Span(accounted.startMs(), Math.max(accounted.startMs(), until))
                        .intersect(minutes);
        if (accounted.shards() > 0) {
            boolean fits = -difference <= accounted.shards() * active.lengthMs();
            return fits ? Reason.SHARD : Reason.UNEXPLAINED;
        }
        boolean namesNone =
                accounted.gpus() == 0
                        && !ledger.scheduled().isEmpty()
                        && ledger.scheduled().stream().allMatch(s -> s.gpus() == 0);
        return namesNone && !active.isEmpty() ? Reason.NO_TRES : Reason.UNEXPLAINED;
    }

    /** Whole cards and instances together are the GPUs that accounting counts, no more, no less. */
    private static boolean isOfInstances(
            Incarnation accounted, HeldStretch stretch, long dueInMinute) {
        int gpus = accounted.last().gpus();
        if (stretch.instances() == 0 || gpus == 0 || dueInMinute % gpus != 0) {
            return false;
        }
        long each = dueInMinute / gpus;
        long wholeCards = (gpus - stretch.instances()) * each;
        return stretch.heldMs() - stretch.instanceMs() == wholeCards
                && stretch.instanceMs() <= stretch.instances() * each;
    }

    /** Reasons that lie in an end that one of both does not know. */
    private Reason byEnd(Incarnation accounted, LedgerRun ledger, Span minutes, long difference) {
        boolean inDoubt = isEndUncertain && minutes.startMs() >= uncertainFromMs;
        // No more than the run's own GPUs, and only where accounting has ended it.
        boolean afterEnd =
                minutes.endMs() > accounted.endMs()
                        && -difference
                                <= (long) accounted.last().gpus()
                                        * (minutes.endMs()
                                                - Math.max(minutes.startMs(), accounted.endMs()));
        if (accounted.last().isOpen()) {
            if (difference < 0) {
                return afterEnd ? Reason.OPEN : Reason.UNEXPLAINED;
            }
            Long ended = isEndUncertain ? null : ledger.heldEndMs();
            if (ended == null) {
                return inDoubt ? Reason.OPEN : Reason.UNEXPLAINED;
            }
            long overdue =
                    Math.min(minutes.endMs(), accounted.endMs())
                            - Math.max(minutes.startMs(), ended);
            boolean exact = overdue > 0 && difference == accounted.last().gpus() * overdue;
            return exact ? Reason.RUNAWAY : Reason.UNEXPLAINED;
        }
        if (!inDoubt || (difference < 0 && !afterEnd)) {
            return Reason.UNEXPLAINED;
        }
        return isEndEstimated ? Reason.END_ESTIMATED : Reason.IN_HORIZON;
    }

    /** What the two books say of a run that nothing explains. */
    private String note() {
        if (run == null) {
            return "the ledger has no such run";
        }
        if (rows == null) {
            if (run.startMs() >= accounting.latestMs()) {
                // No reason: a file that lost its end looks the same.
                return "it started after accounting was read, "
                        + Instant.ofEpochMilli(accounting.latestMs())
                        + ": read it again";
            }
            if (!run.scheduled().isEmpty()) {
                return "accounting has no such row any more (sacct without -D, slurmrestd before v0.0.38, another span?)";
            }
            return accounting.knows(run.rawJobId())
                    ? "accounting has no row of this start"
                    : "accounting does not know the job";
        }
        if (!run.scheduled().isEmpty() && !hasReadTheSame(rows, run)) {
            return "the ledger read "
                    + say(run.scheduled())
                    + ", accounting now says "
                    + say(
                            rows.rows().stream()
                                    .map(
                                            r ->
                                                    new Run.ScheduledSpan(
                                                            r.startMs(),
                                                            r.countedEndMs(),
                                                            r.gpus()))
                                    .toList());
        }
        return NOTHING;
    }

    private static String say(List<Run.ScheduledSpan> spans) {
        StringBuilder text = new StringBuilder();
        for (Run.ScheduledSpan span : spans) {
            text.append(text.length() == 0 ? "" : " + ")
                    .append(span.gpus())
                    .append(" GPUs from ")
                    .append(Instant.ofEpochMilli(span.startMs()))
                    .append(" to ")
                    .append(Instant.ofEpochMilli(span.endMs()));
        }
        return text.toString();
    }
}

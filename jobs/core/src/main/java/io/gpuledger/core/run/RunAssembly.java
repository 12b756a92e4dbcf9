package io.gpuledger.core.run;

import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Turns all that is known of one job into its runs. A pure function of a set: the order in which
 * the snapshots were learned cannot matter. The rules are DESIGN section 5 and the numbered
 * observations of a real Slurm 22.05.
 */
public final class RunAssembly {
    /**
     * Slurm's clock counts whole seconds, a hook comes a moment later: pairing allows this much.
     */
    static final long HOOK_SLACK_MS = 2_000;

    private RunAssembly() {}

    /** The runs of one job by start, jobs that never started give none. */
    public static List<Run> assemble(
            String cluster, long rawJobId, Collection<JobSnapshot> told, SchedulerView view) {
        Collection<JobSnapshot> snapshots = RepeatedHour.settle(told);
        NavigableMap<Long, List<JobSnapshot>> byStart = groupByStart(snapshots);
        Set<JobSnapshot> charged = chargedRows(snapshots);
        List<Run> runs = new ArrayList<>();
        List<Long> starts = List.copyOf(byStart.keySet());
        for (int i = 0; i < starts.size(); i++) {
            long start = starts.get(i);
            long next = i + 1 < starts.size() ? starts.get(i + 1) : Span.OPEN_END;
            List<JobSnapshot> evidence =
                    Objects.requireNonNull(byStart.get(start), "grouped above");
            if (!evidence.stream().allMatch(s -> isOverwrittenNothing(s, charged))) {
                long requeued = requeuedAt(snapshots, start, next);
                runs.add(
                        assembleRun(
                                cluster, rawJobId, start, next, requeued, evidence, charged, view));
            }
        }
        return runs;
    }

    /**
     * Whether the runs come out the same whatever is heard of the scheduler. Where somebody states
     * an end that holds without a live job in any poll, it holds with any other poll.
     */
    public static boolean areEndsStated(
            String cluster, long rawJobId, Collection<JobSnapshot> told) {
        return assemble(cluster, rawJobId, told, SchedulerView.NOBODY_LIVES).stream()
                .allMatch(run -> run.uncertainFromMs() == Long.MAX_VALUE);
    }

    /**
     * While a requeued job leaves its node slurmdbd shows a row that starts and ends at the
     * requeue; the next start overwrites it. Nothing ran then.
     */
    private static boolean isOverwrittenNothing(JobSnapshot s, Set<JobSnapshot> charged) {
        return s.source() == JobSource.ACCOUNTING
                && s.endMs() != null
                && s.endMs().equals(s.startMs())
                && !charged.contains(s);
    }

    private static NavigableMap<Long, List<JobSnapshot>> groupByStart(
            Collection<JobSnapshot> snapshots) {
        TreeMap<Long, List<JobSnapshot>> byStart = new TreeMap<>();
        for (JobSnapshot snapshot : snapshots) {
            if (snapshot.startMs() != null
                    && snapshot.source() != JobSource.JOBCOMP
                    && !isLeavingRequeued(snapshot)) {
                byStart.computeIfAbsent(snapshot.startMs(), s -> new ArrayList<>()).add(snapshot);
            }
        }
        snapshots.stream()
                .filter(s -> s.source() == JobSource.JOBCOMP)
                .sorted(JobSnapshot.RECENCY)
                .forEach(s -> addJobcomp(byStart, s));
        joinRevisedStarts(byStart);
        List<JobSnapshot> prologs = new ArrayList<>();
        for (JobSnapshot snapshot : snapshots) {
            if (snapshot.source() == JobSource.PROLOG
                    || snapshot.source() == JobSource.PROLOG_SLURMCTLD) {
                prologs.add(snapshot);
            }
        }
        prologs.sort(JobSnapshot.RECENCY);
        for (JobSnapshot prolog : prologs) {
            assignProlog(byStart, prolog);
        }
        snapshots.stream()
                .filter(s -> s.source() == JobSource.JOBCOMP && s.state().equals("RESIZING"))
                .sorted(JobSnapshot.RECENCY)
                .forEach(resize -> joinResized(byStart, resize));
        for (JobSnapshot snapshot : snapshots) {
            if (snapshot.source() == JobSource.EPILOG
                    || snapshot.source() == JobSource.EPILOG_SLURMCTLD) {
                Map.Entry<Long, List<JobSnapshot>> run =
                        byStart.floorEntry(snapshot.firstObservedMs());
                if (run != null) {
                    run.getValue().add(snapshot);
                }
            }
        }
        return byStart;
    }

    /**
     * A requeued job that is still being cleaned up counts its next incarnation already and shows
     * the requeue as its start, on the nodes it leaves: nothing has started.
     */
    private static boolean isLeavingRequeued(JobSnapshot s) {
        return s.source() == JobSource.CONTROLLER
                && s.state().equals("COMPLETING")
                && statedEnd(s) == null
                && s.restartCount() != null
                && s.restartCount() > 0;
    }

    /** The end that a snapshot knows; an end that is still to come is a forecast. */
    private static @Nullable Long statedEnd(JobSnapshot s) {
        Long end = s.endMs();
        boolean forecast =
                end != null
                        && s.source() == JobSource.CONTROLLER
                        && end > s.lastObservedMs() + HOOK_SLACK_MS;
        return forecast ? null : end;
    }

    /**
     * Job completion records of a resized job start at the resize: one whose start nobody else
     * knows belongs to the earlier run that ends with it. It makes a run only when no other source
     * does.
     */
    private static void addJobcomp(
            NavigableMap<Long, List<JobSnapshot>> byStart, JobSnapshot completion) {
        Long start = completion.startMs();
        if (start == null) {
            return;
        }
        Map.Entry<Long, List<JobSnapshot>> earlier = byStart.floorEntry(start);
        boolean same =
                earlier != null
                        && (earlier.getKey().equals(start)
                                || earlier.getValue().stream()
                                        .map(JobSnapshot::endMs)
                                        .anyMatch(
                                                end ->
                                                        end != null
                                                                && end.equals(completion.endMs())));
        if (earlier != null && same) {
            earlier.getValue().add(completion);
        } else if (!completion.state().equals("RESIZING")) {
            byStart.computeIfAbsent(start, s -> new ArrayList<>()).add(completion);
        }
    }

    /**
     * What job completion lets start at a resize is the run that was resized, unless that had ended
     * before.
     */
    private static void joinResized(
            NavigableMap<Long, List<JobSnapshot>> byStart, JobSnapshot resize) {
        long at = Layouts.completedAt(resize);
        Map.Entry<Long, List<JobSnapshot>> run = byStart.lowerEntry(at);
        if (run == null) {
            return;
        }
        boolean over =
                run.getValue().stream()
                        .map(RunAssembly::statedEnd)
                        .anyMatch(end -> end != null && end < at);
        if (over) {
            return;
        }
        if (!run.getValue().contains(resize)) {
            run.getValue().add(resize);
        }
        List<JobSnapshot> after = byStart.get(at);
        if (after != null && after.stream().noneMatch(RunAssembly::knowsStart)) {
            run.getValue().addAll(after);
            byStart.remove(at);
        }
    }

    /** Says itself when the run started, other than job completion, which may mean a resize. */
    private static boolean knowsStart(JobSnapshot s) {
        return s.startMs() != null && s.source() != JobSource.JOBCOMP;
    }

    /**
     * The controller may revise the start of a run that waits for its prolog: the later one wins.
     */
    private static void joinRevisedStarts(NavigableMap<Long, List<JobSnapshot>> byStart) {
        Long start = byStart.isEmpty() ? null : byStart.firstKey();
        while (start != null) {
            Long next = byStart.higherKey(start);
            if (next == null) {
                return;
            }
            List<JobSnapshot> earlier = Objects.requireNonNull(byStart.get(start), "a key");
            List<JobSnapshot> later = Objects.requireNonNull(byStart.get(next), "a key");
            long nextStart = next;
            boolean ended =
                    earlier.stream().anyMatch(s -> s.endMs() != null && s.endMs() <= nextStart);
            boolean accounted = earlier.stream().anyMatch(s -> s.source() == JobSource.ACCOUNTING);
            Set<Integer> counts = new HashSet<>();
            earlier.forEach(
                    s -> {
                        if (s.restartCount() != null) {
                            counts.add(s.restartCount());
                        }
                    });
            boolean sameIncarnation =
                    later.stream()
                            .anyMatch(
                                    s ->
                                            s.restartCount() != null
                                                    && counts.contains(s.restartCount()));
            if (!ended && !accounted && sameIncarnation) {
                later.addAll(earlier);
                byStart.remove(start);
            }
            start = next;
        }
    }

    private static void assignProlog(
            NavigableMap<Long, List<JobSnapshot>> byStart, JobSnapshot prolog) {
        long at = prolog.firstObservedMs();
        Map.Entry<Long, List<JobSnapshot>> run = byStart.floorEntry(at + HOOK_SLACK_MS);
        if (run != null) {
            boolean over =
                    run.getValue().stream()
                            .anyMatch(s -> s.endMs() != null && s.endMs() + HOOK_SLACK_MS < at);
            if (!over) {
                run.getValue().add(prolog);
                return;
            }
        }
        // An incarnation that neither accounting nor a poll kept: it started in the second of its
        // prolog.
        byStart.computeIfAbsent(wholeSecond(at), s -> new ArrayList<>()).add(prolog);
    }

    /**
     * The first requeue between a start and the next one, {@link Span#OPEN_END} when none is known:
     * the controller then shows the job with another restart and the requeue as its Submit.
     */
    private static long requeuedAt(
            Collection<JobSnapshot> snapshots, long startMs, long nextStartMs) {
        long first = Span.OPEN_END;
        for (JobSnapshot s : snapshots) {
            Long submit = s.submitMs();
            if (s.source() == JobSource.CONTROLLER
                    && s.restartCount() != null
                    && s.restartCount() > 0
                    && submit != null
                    && submit > startMs
                    && submit <= nextStartMs) {
                first = Math.min(first, submit);
            }
        }
        return first;
    }

    private static Run assembleRun(
            String cluster,
            long rawJobId,
            long startMs,
            long nextStartMs,
            long requeuedMs,
            List<JobSnapshot> evidence,
            Set<JobSnapshot> charged,
            SchedulerView view) {
        List<JobSnapshot> rows = accountingRows(evidence);
        End end = heldEnd(startMs, nextStartMs, requeuedMs, evidence, rows, view);
        int flags = end.flags();
        for (JobSnapshot snapshot : evidence) {
            if (snapshot.timeAmbiguous()) {
                flags |= RunFlag.TIME_AMBIGUOUS.bit();
            }
        }
        HeldDevices devices = HeldDevices.of(startMs, end.atMs(), evidence, rows);
        flags |= devices.flags();
        Suspensions suspensions = Suspensions.of(startMs, end.atMs(), evidence, rows);
        flags |= suspensions.flags();

        List<Run.ScheduledSpan> scheduled = new ArrayList<>();
        for (JobSnapshot row : rows) {
            if (charged.contains(row)
                    && row.endMs() != null
                    && row.startMs() != null
                    && row.endMs() >= row.startMs()) {
                scheduled.add(
                        new Run.ScheduledSpan(
                                row.startMs(),
                                row.endMs(),
                                row.gpuCount() == null ? 0 : row.gpuCount()));
            }
        }
        Map<String, Long> overhead = new TreeMap<>();
        if ((flags & RunFlag.OPEN.bit()) == 0) {
            for (JobSnapshot hook : evidence) {
                if (hook.source() == JobSource.EPILOG
                        && hook.nodes() != null
                        && hook.firstObservedMs() > end.atMs()) {
                    for (String node : hook.nodes()) {
                        overhead.merge(node, hook.firstObservedMs(), Math::min);
                    }
                }
            }
        }
        return new Run(
                cluster + "/" + rawJobId + "/" + Math.floorDiv(startMs, 1000L),
                rawJobId,
                orElse(
                        Trust.best(evidence, s -> s.jobId().isEmpty() ? null : s.jobId()),
                        Long.toString(rawJobId)),
                orElse(Trust.best(evidence, JobSnapshot::account), ""),
                orElse(Trust.best(evidence, JobSnapshot::user), ""),
                orElse(Trust.best(evidence, JobSnapshot::partition), ""),
                orElse(Trust.best(evidence, JobSnapshot::qos), ""),
                orElse(Trust.best(evidence, JobSnapshot::name), ""),
                orElse(Trust.best(evidence, s -> s.state().isEmpty() ? null : s.state()), ""),
                rows.isEmpty()
                        ? Trust.best(evidence, JobSnapshot::submitMs)
                        : rows.get(0).submitMs(),
                startMs,
                end.atMs(),
                end.uncertainFromMs(),
                devices.gpuCount(),
                devices.holdings(),
                suspensions.spans(),
                overhead,
                scheduled,
                flags,
                timeLimit(evidence));
    }

    /** A limit may be changed while the run goes on: who said it last is right. */
    private static long timeLimit(List<JobSnapshot> evidence) {
        JobSnapshot last = null;
        for (JobSnapshot s : evidence) {
            if (s.timeLimitMs() != null
                    && (last == null || JobSnapshot.RECENCY.compare(s, last) > 0)) {
                last = s;
            }
        }
        Long limit = last == null ? null : last.timeLimitMs();
        return limit == null ? Run.NO_LIMIT : limit;
    }

    /**
     * What accounting holds now: the latest row per submit over all starts of the job. slurmdbd
     * overwrites the row of a launch that failed in its prolog with that of the next incarnation;
     * rows without a Submit cannot be told apart and give way to those that have one.
     */
    private static Set<JobSnapshot> chargedRows(Collection<JobSnapshot> snapshots) {
        Map<Long, JobSnapshot> bySubmit = new HashMap<>();
        Map<Long, JobSnapshot> byStart = new HashMap<>();
        for (JobSnapshot snapshot : snapshots) {
            if (snapshot.source() != JobSource.ACCOUNTING || snapshot.startMs() == null) {
                continue;
            }
            if (snapshot.submitMs() != null) {
                bySubmit.merge(snapshot.submitMs(), snapshot, RunAssembly::moreRecent);
            } else {
                byStart.merge(snapshot.startMs(), snapshot, RunAssembly::moreRecent);
            }
        }
        return new HashSet<>(bySubmit.isEmpty() ? byStart.values() : bySubmit.values());
    }

    /** The latest accounting row per submit: a resize adds rows, a rewrite replaces one. */
    private static List<JobSnapshot> accountingRows(List<JobSnapshot> evidence) {
        TreeMap<Long, JobSnapshot> bySubmit = new TreeMap<>();
        List<JobSnapshot> withoutSubmit = new ArrayList<>();
        for (JobSnapshot snapshot : evidence) {
            if (snapshot.source() != JobSource.ACCOUNTING) {
                continue;
            }
            if (snapshot.submitMs() == null) {
                withoutSubmit.add(snapshot);
            } else {
                bySubmit.merge(snapshot.submitMs(), snapshot, RunAssembly::moreRecent);
            }
        }
        if (!bySubmit.isEmpty()) {
            return List.copyOf(bySubmit.values());
        }
        // Without Submit the rows of a resize cannot be told apart: the latest one is all there is.
        return withoutSubmit.stream().max(JobSnapshot.RECENCY).map(List::of).orElse(List.of());
    }

    private static JobSnapshot moreRecent(JobSnapshot a, JobSnapshot b) {
        // A finished row beats the forecast of the same row even when both carry one observation
        // time.
        Comparator<JobSnapshot> order =
                Comparator.comparingLong(JobSnapshot::lastObservedMs)
                        .thenComparing(s -> s.endMs() != null)
                        .thenComparing(JobSnapshot::contentKey);
        return order.compare(a, b) >= 0 ? a : b;
    }

    private record End(long atMs, int flags, long uncertainFromMs) {
        static End stated(long atMs) {
            return new End(atMs, 0, Long.MAX_VALUE);
        }
    }

    /**
     * The earliest end any source states that no later evidence of holding contradicts: accounting
     * (and the controller) end a run that is cancelled while suspended at its suspension, and
     * accounting moves the end of a finished job to its later requeue.
     */
    private static End heldEnd(
            long startMs,
            long nextStartMs,
            long requeuedMs,
            List<JobSnapshot> evidence,
            List<JobSnapshot> rows,
            SchedulerView view) {
        long held = startMs;
        long contradicted = startMs;
        long accountedRunning = -1;
        List<Long> stated = new ArrayList<>();
        long lastNodeEpilog = -1;
        for (JobSnapshot s : evidence) {
            switch (s.source()) {
                case CONTROLLER, JOBCOMP -> {
                    if (s.holds()) {
                        held = Math.max(held, s.lastObservedMs());
                        contradicted = Math.max(contradicted, contradictedMs(s));
                    }
                    Long end = statedEnd(s);
                    if (end != null && !s.state().equals("RESIZING") && end >= startMs) {
                        stated.add(end);
                    }
                }
                case EPILOG_SLURMCTLD ->
                        stated.add(Math.max(startMs, wholeSecond(s.firstObservedMs())));
                case EPILOG -> lastNodeEpilog = Math.max(lastNodeEpilog, s.firstObservedMs());
                case ACCOUNTING, PROLOG, PROLOG_SLURMCTLD -> {}
            }
        }
        if (!rows.isEmpty()) {
            JobSnapshot last = rows.get(rows.size() - 1);
            if (last.endMs() != null && !last.state().equals("RESIZING")) {
                stated.add(Math.max(startMs, last.endMs()));
            } else if (last.endMs() == null) {
                accountedRunning = last.lastObservedMs();
            }
        }
        long earliest = Long.MAX_VALUE;
        for (long end : stated) {
            if (end >= contradicted) {
                earliest = Math.min(earliest, end);
            }
        }
        if (earliest == Long.MAX_VALUE && lastNodeEpilog >= contradicted) {
            earliest = Math.max(startMs, wholeSecond(lastNodeEpilog));
        }
        if (earliest != Long.MAX_VALUE) {
            return End.stated(Math.min(earliest, Math.max(nextStartMs, startMs)));
        }
        long certain = Math.max(held, accountedRunning);
        long absent = view.firstCompletePollAfter(held);
        long bound = Math.min(absent < 0 ? Span.OPEN_END : absent, nextStartMs);
        if (requeuedMs >= contradicted && requeuedMs < Span.OPEN_END && requeuedMs <= bound) {
            return End.stated(requeuedMs);
        }
        if (bound != Span.OPEN_END) {
            return new End(
                    Math.max(startMs, bound),
                    RunFlag.END_ESTIMATED.bit(),
                    Math.min(certain, bound));
        }
        // Nobody says that it ended, and the scheduler is still heard: it holds on for now.
        long heard = Math.max(certain, view.heardUntil(certain));
        return new End(heard, RunFlag.OPEN.bit(), certain);
    }

    /**
     * Ends before this instant are wrong. Slurm cuts its times to whole seconds, so one that ran
     * within the second of an end ran before it; one that was suspended then is none of those that
     * accounting lets end with their suspension.
     */
    private static long contradictedMs(JobSnapshot holding) {
        long observed = holding.lastObservedMs();
        return holding.state().equals("SUSPENDED") ? observed : wholeSecond(observed);
    }

    private static String orElse(@Nullable String value, String otherwise) {
        return value == null ? otherwise : value;
    }

    private static long wholeSecond(long ms) {
        return Math.floorDiv(ms, 1000L) * 1000L;
    }
}

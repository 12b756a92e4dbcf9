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
import java.util.TreeSet;
import java.util.function.Function;
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
    private static final long HOOK_SLACK_MS = 2_000;

    /** Most trusted, then most recent, then the greater content: one winner whatever the order. */
    private static final Comparator<JobSnapshot> TRUST =
            Comparator.comparing(JobSnapshot::source, Comparator.reverseOrder())
                    .thenComparingLong(JobSnapshot::lastObservedMs)
                    .thenComparing(JobSnapshot::contentKey);

    private static final Comparator<JobSnapshot> RECENCY =
            Comparator.comparingLong(JobSnapshot::lastObservedMs)
                    .thenComparing(JobSnapshot::contentKey);

    private RunAssembly() {}

    /** The runs of one job by start, jobs that never started give none. */
    public static List<Run> assemble(
            String cluster, long rawJobId, Collection<JobSnapshot> snapshots, SchedulerView view) {
        NavigableMap<Long, List<JobSnapshot>> byStart = groupByStart(snapshots);
        Set<JobSnapshot> charged = chargedRows(snapshots);
        List<Run> runs = new ArrayList<>();
        List<Long> starts = List.copyOf(byStart.keySet());
        for (int i = 0; i < starts.size(); i++) {
            long start = starts.get(i);
            long next = i + 1 < starts.size() ? starts.get(i + 1) : Span.OPEN_END;
            List<JobSnapshot> evidence =
                    Objects.requireNonNull(byStart.get(start), "grouped above");
            runs.add(assembleRun(cluster, rawJobId, start, next, evidence, charged, view));
        }
        return runs;
    }

    private static NavigableMap<Long, List<JobSnapshot>> groupByStart(
            Collection<JobSnapshot> snapshots) {
        TreeMap<Long, List<JobSnapshot>> byStart = new TreeMap<>();
        for (JobSnapshot snapshot : snapshots) {
            if (snapshot.startMs() != null && snapshot.source() != JobSource.JOBCOMP) {
                byStart.computeIfAbsent(snapshot.startMs(), s -> new ArrayList<>()).add(snapshot);
            }
        }
        snapshots.stream()
                .filter(s -> s.source() == JobSource.JOBCOMP)
                .sorted(RECENCY)
                .forEach(s -> addJobcomp(byStart, s));
        joinRevisedStarts(byStart);
        List<JobSnapshot> prologs = new ArrayList<>();
        for (JobSnapshot snapshot : snapshots) {
            if (snapshot.source() == JobSource.PROLOG
                    || snapshot.source() == JobSource.PROLOG_SLURMCTLD) {
                prologs.add(snapshot);
            }
        }
        prologs.sort(RECENCY);
        for (JobSnapshot prolog : prologs) {
            assignProlog(byStart, prolog);
        }
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

    private static Run assembleRun(
            String cluster,
            long rawJobId,
            long startMs,
            long nextStartMs,
            List<JobSnapshot> evidence,
            Set<JobSnapshot> charged,
            SchedulerView view) {
        List<JobSnapshot> rows = accountingRows(evidence);
        End end = heldEnd(startMs, nextStartMs, evidence, rows, view);
        int flags = end.flags();
        for (JobSnapshot snapshot : evidence) {
            if (snapshot.timeAmbiguous()) {
                flags |= RunFlag.TIME_AMBIGUOUS.bit();
            }
        }
        Devices devices = Devices.of(startMs, end.atMs(), evidence, rows);
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
                        best(evidence, s -> s.jobId().isEmpty() ? null : s.jobId()),
                        Long.toString(rawJobId)),
                orElse(best(evidence, JobSnapshot::account), ""),
                orElse(best(evidence, JobSnapshot::user), ""),
                orElse(best(evidence, JobSnapshot::partition), ""),
                orElse(best(evidence, JobSnapshot::qos), ""),
                orElse(best(evidence, JobSnapshot::name), ""),
                orElse(best(evidence, s -> s.state().isEmpty() ? null : s.state()), ""),
                rows.isEmpty() ? best(evidence, JobSnapshot::submitMs) : rows.get(0).submitMs(),
                startMs,
                end.atMs(),
                end.uncertainFromMs(),
                devices.gpuCount(),
                devices.holdings(),
                suspensions.spans(),
                overhead,
                scheduled,
                flags);
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
        return withoutSubmit.stream().max(RECENCY).map(List::of).orElse(List.of());
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
            List<JobSnapshot> evidence,
            List<JobSnapshot> rows,
            SchedulerView view) {
        long held = startMs;
        long accountedRunning = -1;
        List<Long> stated = new ArrayList<>();
        long lastNodeEpilog = -1;
        for (JobSnapshot s : evidence) {
            switch (s.source()) {
                case CONTROLLER, JOBCOMP -> {
                    if (s.holds()) {
                        held = Math.max(held, s.lastObservedMs());
                    }
                    if (s.endMs() != null
                            && !s.state().equals("RESIZING")
                            && s.endMs() >= startMs) {
                        stated.add(s.endMs());
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
            if (end >= held) {
                earliest = Math.min(earliest, end);
            }
        }
        if (earliest == Long.MAX_VALUE && lastNodeEpilog >= held) {
            earliest = Math.max(startMs, wholeSecond(lastNodeEpilog));
        }
        if (earliest != Long.MAX_VALUE) {
            return End.stated(Math.min(earliest, Math.max(nextStartMs, startMs)));
        }
        long certain = Math.max(held, accountedRunning);
        long absent = view.firstCompletePollAfter(held);
        long bound = Math.min(absent < 0 ? Span.OPEN_END : absent, nextStartMs);
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

    private static <T> @Nullable T best(
            List<JobSnapshot> evidence, Function<JobSnapshot, @Nullable T> field) {
        JobSnapshot winner = null;
        for (JobSnapshot snapshot : evidence) {
            if (field.apply(snapshot) != null
                    && (winner == null || TRUST.compare(snapshot, winner) > 0)) {
                winner = snapshot;
            }
        }
        return winner == null ? null : field.apply(winner);
    }

    private static String orElse(@Nullable String value, String otherwise) {
        return value == null ? otherwise : value;
    }

    private static long wholeSecond(long ms) {
        return Math.floorDiv(ms, 1000L) * 1000L;
    }

    /** What is held where, in segments between resizes. */
    private record Devices(List<Holding> holdings, int gpuCount, int flags) {

        static Devices of(
                long startMs, long endMs, List<JobSnapshot> evidence, List<JobSnapshot> rows) {
            List<Holding> holdings = new ArrayList<>();
            int flags = 0;
            int maxCount = 0;
            for (Segment segment : segments(startMs, endMs, evidence, rows)) {
                if (segment.span().isEmpty()) {
                    continue;
                }
                flags |= place(segment, evidence, holdings);
                maxCount = Math.max(maxCount, segment.count());
            }
            return new Devices(List.copyOf(holdings), maxCount, flags);
        }

        private record Segment(
                Span span,
                List<String> nodes,
                int count,
                int shards,
                List<String> types,
                List<NodeDevices> devices) {}

        private static List<Segment> segments(
                long startMs, long endMs, List<JobSnapshot> evidence, List<JobSnapshot> rows) {
            if (rows.size() > 1) {
                List<Segment> segments = new ArrayList<>();
                long from = startMs;
                for (int i = 0; i < rows.size(); i++) {
                    JobSnapshot row = rows.get(i);
                    boolean last = i == rows.size() - 1;
                    long to = last || row.endMs() == null ? endMs : Math.min(row.endMs(), endMs);
                    to = Math.max(from, to);
                    segments.add(segment(new Span(from, to), row, evidence));
                    from = to;
                }
                return segments;
            }
            if (!rows.isEmpty()) {
                return List.of(
                        segment(
                                new Span(startMs, Math.max(startMs, endMs)),
                                rows.get(0),
                                evidence));
            }
            return controllerSegments(startMs, endMs, evidence);
        }

        /** Without accounting the changes of layout in the polls are the resizes. */
        private static List<Segment> controllerSegments(
                long startMs, long endMs, List<JobSnapshot> evidence) {
            List<JobSnapshot> layouts = new ArrayList<>();
            for (JobSnapshot s : evidence) {
                if ((s.source() == JobSource.CONTROLLER || s.source() == JobSource.JOBCOMP)
                        && s.nodes() != null
                        && !s.nodes().isEmpty()
                        && s.gpuCount() != null) {
                    layouts.add(s);
                }
            }
            layouts.sort(
                    Comparator.comparingLong(JobSnapshot::firstObservedMs)
                            .thenComparing(JobSnapshot::contentKey));
            List<Segment> segments = new ArrayList<>();
            JobSnapshot current = null;
            long from = startMs;
            for (JobSnapshot layout : layouts) {
                if (current == null) {
                    current = layout;
                } else if (layout.source() == JobSource.CONTROLLER
                        && current.source() == JobSource.CONTROLLER
                        && !Objects.equals(layout.nodes(), current.nodes())) {
                    long at =
                            layout.resizedAtMs() != null && layout.resizedAtMs() > from
                                    ? layout.resizedAtMs()
                                    : layout.firstObservedMs();
                    long to = Math.max(from, Math.min(at, endMs));
                    segments.add(segment(new Span(from, to), current, evidence));
                    from = to;
                    current = layout;
                }
            }
            if (current != null) {
                segments.add(segment(new Span(from, Math.max(from, endMs)), current, evidence));
            } else {
                segments.add(hookSegment(startMs, endMs, evidence));
            }
            return segments;
        }

        /** Only prologs saw this run: their cards are all there is to know. */
        private static Segment hookSegment(long startMs, long endMs, List<JobSnapshot> evidence) {
            Set<String> nodes = new TreeSet<>();
            for (JobSnapshot s : evidence) {
                if (s.nodes() != null) {
                    nodes.addAll(s.nodes());
                }
            }
            int count = 0;
            for (JobSnapshot s : evidence) {
                if (s.source() == JobSource.PROLOG) {
                    for (NodeDevices d : s.devices()) {
                        count += d.indices().size();
                    }
                }
            }
            return new Segment(
                    new Span(startMs, Math.max(startMs, endMs)),
                    List.copyOf(nodes),
                    count,
                    0,
                    List.of(),
                    List.of());
        }

        private static Segment segment(Span span, JobSnapshot row, List<JobSnapshot> evidence) {
            List<String> nodes =
                    row.nodes() != null && !row.nodes().isEmpty()
                            ? row.nodes()
                            : Objects.requireNonNullElse(
                                    best(
                                            evidence,
                                            s ->
                                                    s.nodes() == null || s.nodes().isEmpty()
                                                            ? null
                                                            : s.nodes()),
                                    List.<String>of());
            Set<String> wanted = new HashSet<>(nodes);
            JobSnapshot detailed = null;
            for (JobSnapshot s : evidence) {
                if (s.source() == JobSource.CONTROLLER
                        && !s.devices().isEmpty()
                        && s.nodes() != null
                        && wanted.equals(new HashSet<>(s.nodes()))
                        && (detailed == null || RECENCY.compare(s, detailed) > 0)) {
                    detailed = s;
                }
            }
            List<NodeDevices> devices = detailed == null ? List.of() : detailed.devices();
            int stated = devices.stream().filter(Devices::isGpu).mapToInt(NodeDevices::count).sum();
            Integer best =
                    row.gpuCount() != null ? row.gpuCount() : best(evidence, JobSnapshot::gpuCount);
            int count = best == null ? stated : Math.max(best, 0);
            // Accounting without GPU TRES on a site that does not track it: the controller's detail
            // counts.
            if (count == 0 && stated > 0) {
                count = stated;
            }
            Integer shards =
                    row.shardCount() != null
                            ? row.shardCount()
                            : best(evidence, JobSnapshot::shardCount);
            return new Segment(
                    span, nodes, count, shards == null ? 0 : shards, row.gpuTypes(), devices);
        }

        private static boolean isGpu(NodeDevices d) {
            return d.kind().equals(NodeDevices.GPU);
        }

        /** Explicit indices first, prologs for hosts the polls missed, the rest by count. */
        private static int place(
                Segment segment, List<JobSnapshot> evidence, List<Holding> holdings) {
            Span span = segment.span();
            int flags = 0;
            String type = segment.types().size() == 1 ? segment.types().get(0) : "";
            int placed = 0;
            Map<String, Integer> countByHost = new HashMap<>();
            Set<String> indexed = new HashSet<>();
            for (NodeDevices d : segment.devices()) {
                if (isGpu(d)) {
                    countByHost.merge(d.host(), d.count(), Integer::sum);
                }
                for (int i = 0; i < d.indices().size(); i++) {
                    indexed.add(d.host());
                    int shards = 0;
                    if (!isGpu(d)) {
                        shards =
                                d.indexCounts().size() == d.indices().size()
                                        ? d.indexCounts().get(i)
                                        : spread(d.count(), d.indices().size(), i);
                    } else {
                        placed++;
                    }
                    holdings.add(
                            new Holding(
                                    d.host(),
                                    d.indices().get(i),
                                    d.gresType().isEmpty() ? type : d.gresType(),
                                    shards,
                                    1,
                                    span.startMs(),
                                    span.endMs()));
                }
            }
            Map<String, Integer> placedByProlog = new HashMap<>();
            for (String node : segment.nodes()) {
                if (indexed.contains(node)) {
                    continue;
                }
                List<Integer> indices = prologIndices(node, evidence);
                if (segment.count() > 0) {
                    int room = segment.count() - placed;
                    for (int index : indices.subList(0, Math.min(room, indices.size()))) {
                        holdings.add(
                                new Holding(node, index, type, 0, 1, span.startMs(), span.endMs()));
                        placed++;
                        placedByProlog.merge(node, 1, Integer::sum);
                    }
                } else if (segment.shards() > 0 && !indices.isEmpty()) {
                    for (int i = 0; i < indices.size(); i++) {
                        holdings.add(
                                new Holding(
                                        node,
                                        indices.get(i),
                                        type,
                                        spread(segment.shards(), indices.size(), i),
                                        1,
                                        span.startMs(),
                                        span.endMs()));
                    }
                }
            }
            int rest = segment.count() - placed;
            if (rest <= 0) {
                return flags;
            }
            List<String> open = new ArrayList<>();
            for (String node : segment.nodes()) {
                if (!indexed.contains(node) && !placedByProlog.containsKey(node)) {
                    open.add(node);
                }
            }
            if (open.isEmpty()) {
                open = segment.nodes();
            }
            if (open.size() == 1) {
                holdings.add(
                        new Holding(open.get(0), -1, type, 0, rest, span.startMs(), span.endMs()));
            } else if (!open.isEmpty() && rest % open.size() == 0) {
                for (String node : open) {
                    holdings.add(
                            new Holding(
                                    node,
                                    -1,
                                    type,
                                    0,
                                    rest / open.size(),
                                    span.startMs(),
                                    span.endMs()));
                }
                flags |= RunFlag.SPLIT_ASSUMED.bit();
            } else {
                holdings.add(new Holding("", -1, type, 0, rest, span.startMs(), span.endMs()));
            }
            return flags;
        }

        private static int spread(int total, int parts, int part) {
            return total * (part + 1) / parts - total * part / parts;
        }

        private static List<Integer> prologIndices(String node, List<JobSnapshot> evidence) {
            JobSnapshot winner = null;
            for (JobSnapshot s : evidence) {
                if (s.source() == JobSource.PROLOG
                        && s.nodes() != null
                        && s.nodes().contains(node)
                        && !s.devices().isEmpty()
                        && (winner == null || RECENCY.compare(s, winner) > 0)) {
                    winner = s;
                }
            }
            return winner == null ? List.of() : winner.devices().get(0).indices();
        }
    }

    /** When the run was suspended: the polls tell the spans, accounting only the sum. */
    private record Suspensions(List<Span> spans, int flags) {

        static Suspensions of(
                long startMs, long endMs, List<JobSnapshot> evidence, List<JobSnapshot> rows) {
            List<Long> resumes = new ArrayList<>();
            List<Long> suspends = new ArrayList<>();
            Map<Long, Long> totalAtResume = new TreeMap<>();
            for (JobSnapshot s : evidence) {
                if (s.source() != JobSource.CONTROLLER || s.suspendAtMs() == null) {
                    continue;
                }
                long at = s.suspendAtMs();
                if (s.isSuspended()) {
                    suspends.add(at);
                } else if (s.state().equals("RUNNING") && s.runningBeforeSuspendMs() != null) {
                    resumes.add(at);
                    totalAtResume.put(at, Math.max(0, at - startMs - s.runningBeforeSuspendMs()));
                }
            }
            Long accounted = null;
            for (JobSnapshot row : rows) {
                if (row.suspendedTotalMs() != null) {
                    accounted =
                            accounted == null
                                    ? row.suspendedTotalMs()
                                    : Math.max(accounted, row.suspendedTotalMs());
                }
            }
            List<Span> spans = new ArrayList<>();
            for (long at : suspends) {
                long until = endMs;
                for (long resume : resumes) {
                    if (resume > at) {
                        until = Math.min(until, resume);
                    }
                }
                boolean resumeSeen = until != endMs;
                if (!resumeSeen && accounted != null && accounted > 0) {
                    long known = 0;
                    for (Span span : spans) {
                        known += span.lengthMs();
                    }
                    until = Math.min(endMs, at + Math.max(0, accounted - known));
                }
                spans.add(clip(at, until, startMs, endMs));
            }
            spans = new ArrayList<>(Span.union(spans));
            for (Map.Entry<Long, Long> resume : totalAtResume.entrySet()) {
                long missing =
                        resume.getValue() - Span.lengthWithin(spans, startMs, resume.getKey());
                if (missing > 0) {
                    spans.add(clip(resume.getKey() - missing, resume.getKey(), startMs, endMs));
                    spans = new ArrayList<>(Span.union(spans));
                }
            }
            int flags = 0;
            long known = Span.lengthWithin(spans, startMs, endMs);
            if (accounted != null && accounted > known && endMs > startMs) {
                spans.addAll(latestFree(spans, startMs, endMs, accounted - known));
                spans = new ArrayList<>(Span.union(spans));
                flags = RunFlag.SUSPENSION_ASSUMED.bit();
            }
            return new Suspensions(List.copyOf(spans), flags);
        }

        private static Span clip(long from, long to, long startMs, long endMs) {
            long lo = Math.min(Math.max(from, startMs), endMs);
            return new Span(lo, Math.max(lo, Math.min(to, endMs)));
        }

        /** Where a sum without place goes: the end of the time not yet known to be suspended. */
        private static List<Span> latestFree(
                List<Span> taken, long startMs, long endMs, long lengthMs) {
            List<Span> free = new ArrayList<>();
            long upper = endMs;
            long left = lengthMs;
            for (int i = taken.size() - 1; i >= -1 && left > 0; i--) {
                long lower = i < 0 ? startMs : taken.get(i).endMs();
                long use = Math.min(left, Math.max(0, upper - lower));
                if (use > 0) {
                    free.add(new Span(upper - use, upper));
                    left -= use;
                }
                upper = i < 0 ? startMs : taken.get(i).startMs();
            }
            return free;
        }
    }
}

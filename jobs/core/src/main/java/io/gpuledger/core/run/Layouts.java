package io.gpuledger.core.run;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The nodes that a run had and from when: every change of them is a resize. Slurm tells a resize in
 * several ways, and seldom a source tells all of it. {@code sacct -D} has a row for each layout,
 * whose Submit is the resize; without {@code -D} only the last row is there. Polls see what is at
 * their instant. A job completion record in state RESIZING has the layout before the resize. The
 * epilog of a node that is freed runs at the resize.
 */
final class Layouts {
    /**
     * Nodes from an instant to that of the next layout.
     *
     * @param fromMs not before the run's start; of the first layout the start
     * @param said who told it, null where only hooks did
     */
    record Layout(long fromMs, List<String> nodes, @Nullable JobSnapshot said) {
        private boolean isLike(Layout other) {
            return Set.copyOf(nodes).equals(Set.copyOf(other.nodes))
                    && (said == null
                            || other.said == null
                            || said.source() != JobSource.ACCOUNTING
                            || other.said.source() != JobSource.ACCOUNTING
                            || Objects.equals(said.gpuCount(), other.said.gpuCount()));
        }

        private boolean isMoreTrustedThan(Layout other) {
            return TRUST.compare(this, other) < 0;
        }
    }

    private static final Comparator<Layout> TRUST =
            Comparator.comparing(
                    Layout::said, Comparator.nullsLast(Comparator.comparing(JobSnapshot::source)));

    /** Of two layouts from one instant the more trusted, then more recent, comes first. */
    private static final Comparator<Layout> ORDER =
            Comparator.comparingLong(Layout::fromMs)
                    .thenComparing(TRUST)
                    .thenComparing(
                            Layout::said, Comparator.nullsLast(JobSnapshot.RECENCY.reversed()));

    private final long startMs;
    private final List<JobSnapshot> evidence;
    private final List<Layout> stated = new ArrayList<>();

    private Layouts(long startMs, List<JobSnapshot> evidence) {
        this.startMs = startMs;
        this.evidence = evidence;
    }

    /**
     * Layouts by the time they begin, each unlike the one before it; empty when nobody tells one.
     *
     * @param rows what accounting holds of the run, by Submit
     */
    static List<Layout> of(
            long startMs, long endMs, List<JobSnapshot> evidence, List<JobSnapshot> rows) {
        Layouts layouts = new Layouts(startMs, evidence);
        layouts.accounted(rows);
        if (!tellsAll(startMs, rows)) {
            layouts.polled();
            layouts.completed();
        }
        if (layouts.stated.isEmpty()) {
            layouts.hooked(endMs);
        }
        return layouts.inOrder();
    }

    /** Accounting knows the run from its start to its end: what others saw was no resize. */
    private static boolean tellsAll(long startMs, List<JobSnapshot> rows) {
        if (rows.isEmpty() || beginsLater(startMs, rows.get(0))) {
            return false;
        }
        for (int i = 0; i + 1 < rows.size(); i++) {
            Long end = rows.get(i).endMs();
            if (end == null || !end.equals(rows.get(i + 1).submitMs())) {
                return false;
            }
        }
        JobSnapshot last = rows.get(rows.size() - 1);
        return last.endMs() != null && !last.state().equals("RESIZING");
    }

    /** The row after a resize keeps the first Start; its Submit is the resize. */
    private static boolean beginsLater(long startMs, JobSnapshot row) {
        return row.submitMs() != null && row.submitMs() > startMs;
    }

    private void accounted(List<JobSnapshot> rows) {
        Long formerEnd = null;
        for (JobSnapshot row : rows) {
            Long from = formerEnd != null ? formerEnd : row.submitMs();
            stated.add(new Layout(notBeforeStart(from), nodesOf(row), row));
            formerEnd = row.endMs();
        }
    }

    private List<String> nodesOf(JobSnapshot row) {
        if (namesNodes(row)) {
            return nodes(row);
        }
        List<String> best = Trust.best(evidence, s -> namesNodes(s) ? s.nodes() : null);
        return Objects.requireNonNullElse(best, List.of());
    }

    /** A job that is completing shows only the nodes that it has not left yet. */
    private void polled() {
        List<JobSnapshot> polls = telling(JobSource.CONTROLLER);
        if (!polls.stream().allMatch(Layouts::isCompleting)) {
            polls.removeIf(Layouts::isCompleting);
        }
        long first = polls.stream().mapToLong(JobSnapshot::firstObservedMs).min().orElse(startMs);
        for (JobSnapshot poll : polls) {
            long seen = poll.firstObservedMs() == first ? startMs : poll.firstObservedMs();
            Long resized = poll.resizedAtMs();
            boolean since = resized != null && resized > startMs;
            stated.add(new Layout(notBeforeStart(since ? resized : seen), nodes(poll), poll));
        }
    }

    private static boolean isCompleting(JobSnapshot poll) {
        return poll.state().equals("COMPLETING");
    }

    private void completed() {
        List<JobSnapshot> completions = telling(JobSource.JOBCOMP);
        completions.sort(
                Comparator.comparingLong(Layouts::completedAt)
                        .thenComparing(s -> !s.state().equals("RESIZING"))
                        .thenComparing(JobSnapshot.RECENCY));
        Long from = startMs;
        for (JobSnapshot completion : completions) {
            boolean resize = completion.state().equals("RESIZING");
            stated.add(
                    new Layout(
                            notBeforeStart(resize ? from : completion.startMs()),
                            nodes(completion),
                            completion));
            from = resize ? completedAt(completion) : from;
        }
    }

    /**
     * When a completion record was written for. That of a resize has the time limit as its length,
     * so its end may be a forecast.
     */
    static long completedAt(JobSnapshot completion) {
        Long end = completion.endMs();
        return end == null || end > completion.firstObservedMs()
                ? Math.floorDiv(completion.firstObservedMs(), 1000L) * 1000L
                : end;
    }

    /** Only hooks saw the run: a node whose epilog came well before the end was freed by it. */
    private void hooked(long endMs) {
        Set<String> nodes = nodesOfPrologs();
        if (nodes.isEmpty()) {
            return;
        }
        stated.add(new Layout(startMs, List.copyOf(nodes), null));
        TreeMap<Long, Set<String>> freed = new TreeMap<>();
        for (JobSnapshot s : evidence) {
            long at = Math.floorDiv(s.firstObservedMs(), 1000L) * 1000L;
            if (s.source() == JobSource.EPILOG && at < endMs - RunAssembly.HOOK_SLACK_MS) {
                freed.computeIfAbsent(at, a -> new TreeSet<>()).addAll(nodes(s));
            }
        }
        for (Map.Entry<Long, Set<String>> entry : freed.entrySet()) {
            nodes.removeAll(entry.getValue());
            stated.add(new Layout(notBeforeStart(entry.getKey()), List.copyOf(nodes), null));
        }
    }

    private List<JobSnapshot> telling(JobSource source) {
        List<JobSnapshot> telling = new ArrayList<>();
        for (JobSnapshot s : evidence) {
            boolean counts = s.gpuCount() != null || s.shardCount() != null;
            if (s.source() == source && counts && namesNodes(s)) {
                telling.add(s);
            }
        }
        return telling;
    }

    private long notBeforeStart(@Nullable Long ms) {
        return ms == null ? startMs : Math.max(startMs, ms);
    }

    private List<Layout> inOrder() {
        stated.sort(ORDER);
        List<Layout> changes = new ArrayList<>();
        Set<String> prologs = nodesOfPrologs();
        // The first layout that is told began with a resize: the prologs know what was before.
        if (!stated.isEmpty() && stated.get(0).fromMs() > startMs && !prologs.isEmpty()) {
            changes.add(new Layout(startMs, List.copyOf(prologs), null));
        }
        for (Layout next : stated) {
            int end = changes.size() - 1;
            if (end < 0) {
                changes.add(new Layout(startMs, next.nodes(), next.said()));
            } else if (changes.get(end).isLike(next)) {
                Layout last = changes.get(end);
                if (next.isMoreTrustedThan(last)) {
                    changes.set(end, new Layout(last.fromMs(), next.nodes(), next.said()));
                }
            } else if (next.fromMs() > changes.get(end).fromMs()) {
                changes.add(next);
            }
        }
        return changes;
    }

    private Set<String> nodesOfPrologs() {
        TreeSet<String> nodes = new TreeSet<>();
        for (JobSnapshot s : evidence) {
            if (s.source() == JobSource.PROLOG_SLURMCTLD || s.source() == JobSource.PROLOG) {
                nodes.addAll(nodes(s));
            }
        }
        return nodes;
    }

    private static boolean namesNodes(JobSnapshot s) {
        return !nodes(s).isEmpty();
    }

    private static List<String> nodes(JobSnapshot s) {
        return Objects.requireNonNullElse(s.nodes(), List.of());
    }
}

package io.gpuledger.core.run;

import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * When a run was suspended. A poll of the controller shows the last suspension or resume and, as
 * {@code SecsPreSuspend}, how long the job had run by the last suspension: so each poll also tells
 * the sum of all suspensions before, and what a poll missed lies between two known instants.
 * Accounting has the sum only, at the end.
 *
 * @param spans disjoint, inside the held time
 * @param flags {@link RunFlag#SUSPENSION_ASSUMED} where the sum is known, the place is not
 */
record Suspensions(List<Span> spans, int flags) {

    /** The job was suspended, or resumed, and had been suspended so long in all by then. */
    private record Turn(long atMs, boolean suspends, long totalMs) {}

    static Suspensions of(
            long startMs, long endMs, List<JobSnapshot> evidence, List<JobSnapshot> rows) {
        Collecting collecting = new Collecting(startMs, endMs);
        for (Turn turn : turns(startMs, endMs, evidence)) {
            collecting.next(turn);
        }
        collecting.end(accounted(rows));
        return new Suspensions(Span.union(collecting.spans), collecting.flags);
    }

    private static Iterable<Turn> turns(long startMs, long endMs, List<JobSnapshot> evidence) {
        TreeSet<Turn> turns =
                new TreeSet<>(
                        Comparator.comparingLong(Turn::atMs)
                                .thenComparing(Turn::suspends)
                                .thenComparingLong(Turn::totalMs));
        for (JobSnapshot s : evidence) {
            Long at = s.suspendAtMs();
            Long ran = s.runningBeforeSuspendMs();
            boolean told = s.isSuspended() || s.state().equals("RUNNING");
            if (s.source() != JobSource.CONTROLLER || at == null || ran == null || !told) {
                continue;
            }
            if (at >= startMs && at <= endMs) {
                turns.add(new Turn(at, s.isSuspended(), Math.max(0, at - startMs - ran)));
            }
        }
        return turns;
    }

    private static @Nullable Long accounted(List<JobSnapshot> rows) {
        Long total = null;
        for (JobSnapshot row : rows) {
            Long said = row.suspendedTotalMs();
            if (said != null) {
                total = total == null ? said : (Long) Math.max(total, said);
            }
        }
        return total;
    }

    /** Goes from turn to turn; between two of them the increase of the sum has to find a place. */
    private static final class Collecting {
        private final long endMs;
        private final List<Span> spans = new ArrayList<>();
        private long fromMs;
        private boolean suspended;
        private long totalMs;
        private int flags;

        Collecting(long startMs, long endMs) {
            this.fromMs = startMs;
            this.endMs = endMs;
        }

        void next(Turn turn) {
            long gap = turn.atMs() - fromMs;
            long missing = Math.max(0, Math.min(turn.totalMs() - totalMs, gap));
            if (suspended && turn.suspends()) {
                // It was resumed in between and ran on until this suspension.
                add(fromMs, fromMs + missing);
            } else {
                // Suspended until this resume, or in time that no poll saw.
                add(turn.atMs() - missing, turn.atMs());
                boolean seen = turn.suspends() ? missing == 0 : !suspended || missing == gap;
                flags |= seen ? 0 : RunFlag.SUSPENSION_ASSUMED.bit();
            }
            fromMs = turn.atMs();
            suspended = turn.suspends();
            totalMs = Math.max(totalMs, turn.totalMs());
        }

        /** Accounting knows no sum of a run that ended while suspended: it ends it there. */
        void end(@Nullable Long accountedMs) {
            long rest = endMs - fromMs;
            long missing = accountedMs == null ? 0 : Math.min(accountedMs - totalMs, rest);
            if (suspended) {
                add(fromMs, missing > 0 ? fromMs + missing : endMs);
            } else if (missing > 0) {
                add(endMs - missing, endMs);
                flags |= RunFlag.SUSPENSION_ASSUMED.bit();
            } else if (accountedMs != null && accountedMs > totalMs) {
                flags |= RunFlag.SUSPENSION_ASSUMED.bit();
            }
        }

        private void add(long from, long to) {
            if (from < to) {
                spans.add(new Span(from, to));
            }
        }
    }
}

package io.gpuledger.core.run;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Local times of an hour that the clock showed twice, from sources that cannot tell which passing
 * they mean: where another source knows the start for certain, that decides.
 */
final class RepeatedHour {
    /** By how much the clocks of the world go back: an hour, half an hour on Lord Howe Island. */
    private static final List<Long> SHIFTS_MS = List.of(3_600_000L, 1_800_000L);

    /** A prolog runs so long after the start at most. */
    private static final long PROLOG_MS = 30_000;

    private final Set<Long> starts = new HashSet<>();
    private final Set<Long> submits = new HashSet<>();
    private final TreeSet<Long> prologs = new TreeSet<>();

    private RepeatedHour(Collection<JobSnapshot> snapshots) {
        for (JobSnapshot s : snapshots) {
            switch (s.source()) {
                case ACCOUNTING, CONTROLLER, JOBCOMP -> {
                    if (!s.timeAmbiguous() && s.startMs() != null) {
                        starts.add(s.startMs());
                    }
                    if (!s.timeAmbiguous() && s.submitMs() != null) {
                        submits.add(s.submitMs());
                    }
                }
                case PROLOG, PROLOG_SLURMCTLD -> prologs.add(s.firstObservedMs());
                case EPILOG, EPILOG_SLURMCTLD -> {}
            }
        }
    }

    /** The same snapshots, with the times of those in doubt as the others have them. */
    static Collection<JobSnapshot> settle(Collection<JobSnapshot> snapshots) {
        if (snapshots.stream().noneMatch(JobSnapshot::timeAmbiguous)) {
            return snapshots;
        }
        RepeatedHour known = new RepeatedHour(snapshots);
        List<JobSnapshot> settled = new ArrayList<>();
        for (JobSnapshot s : snapshots) {
            settled.add(known.settle(s));
        }
        return settled;
    }

    private JobSnapshot settle(JobSnapshot s) {
        JobSnapshot.ClockDoubt doubt = s.doubt();
        Long start = s.startMs();
        if (doubt == null || start == null || !doubt.start()) {
            return s;
        }
        if (isStart(start)) {
            return moved(s, doubt, 0);
        }
        for (long shift : SHIFTS_MS) {
            if (isStart(start + shift)) {
                return moved(s, doubt, shift);
            }
        }
        return s;
    }

    private boolean isStart(long ms) {
        return starts.contains(ms) || !prologs.subSet(ms, ms + PROLOG_MS).isEmpty();
    }

    private JobSnapshot moved(JobSnapshot s, JobSnapshot.ClockDoubt doubt, long shiftMs) {
        Long submit = s.submitMs();
        Long start = s.startMs();
        Long end = s.endMs();
        boolean resized = submit != null && start != null && submit > start;
        // The submit of a run may lie in the hour before its start; that of a resize may not.
        boolean later =
                submit != null
                        && doubt.submit()
                        && (resized
                                || submits.contains(submit + shiftMs)
                                || !submits.contains(submit));
        return s.timed(
                submit == null || !later ? submit : (Long) (submit + shiftMs),
                start == null ? null : (Long) (start + shiftMs),
                end == null || !doubt.end() ? end : (Long) (end + shiftMs),
                null);
    }
}

package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The times of a job that the controller shows in local time. Of a job that holds its nodes the
 * instant of the poll and the run time decide which hour is meant when the clock shows one twice:
 * Slurm's RunTime counts from the start, or from the last resume what follows SecsPreSuspend.
 */
record PolledTimes(SlurmTime.Resolved job, @Nullable Long suspendedAt) {
    private static final String RUNNING = "RUNNING";
    private static final String SUSPENDED = "SUSPENDED";

    /**
     * Reads them.
     *
     * @param started the start is none that is still to come
     */
    static PolledTimes of(JobText t, String state, boolean started, Pass pass)
            throws BadRecordException {
        List<Long> suspends = SlurmTime.candidates(t.get("SuspendTime"), pass.zone());
        Long run = SlurmTime.duration(t.get("RunTime"));
        // The run time leaves suspensions out: then it is not the distance of start and end.
        SlurmTime.Resolved told =
                SlurmTime.resolve(
                        t.get("SubmitTime"),
                        started ? t.get("StartTime") : null,
                        started && JobStates.ended(state) ? t.get("EndTime") : null,
                        suspends.isEmpty() ? run : null,
                        pass.zone());
        boolean live = started && (state.equals(RUNNING) || state.equals(SUSPENDED));
        boolean clear = told.later() == null && suspends.size() < 2;
        if (clear || !live || run == null || pass.observedMs() == Pass.UNKNOWN) {
            return new PolledTimes(told, suspends.isEmpty() ? null : suspends.get(0));
        }
        long began = pass.observedMs() - run;
        List<Long> starts = SlurmTime.candidates(t.get("StartTime"), pass.zone());
        if (suspends.isEmpty()) {
            return new PolledTimes(from(told, SlurmTime.nearest(starts, began)), null);
        }
        long before = before(t);
        if (state.equals(RUNNING)) {
            Long resumed = SlurmTime.nearest(suspends, began + before);
            return new PolledTimes(until(told, starts, resumed, before), resumed);
        }
        return suspended(told, starts, suspends, before);
    }

    /** Milliseconds that the job ran before its last suspension. */
    static long before(JobText t) throws BadRecordException {
        String seconds = t.get("SecsPreSuspend");
        return seconds == null ? 0 : Integers.parse(seconds, "SecsPreSuspend") * 1000L;
    }

    /** The start is certain. */
    private static SlurmTime.Resolved from(SlurmTime.Resolved told, @Nullable Long start) {
        return new SlurmTime.Resolved(told.submit(), start, told.end(), null);
    }

    /** It ran so long before an instant: the start is earlier by that at least. */
    private static SlurmTime.Resolved until(
            SlurmTime.Resolved told, List<Long> starts, @Nullable Long instant, long ranMs) {
        List<Long> fitting = new ArrayList<>(starts);
        if (instant != null) {
            fitting.removeIf(start -> start + ranMs > instant);
        }
        return fitting.size() == 1 ? from(told, fitting.get(0)) : told;
    }

    /** Suspended for the first time it had run from its start on. */
    private static PolledTimes suspended(
            SlurmTime.Resolved told, List<Long> starts, List<Long> suspends, long before) {
        for (Long at : suspends) {
            if (at - before == Objects.requireNonNullElse(told.start(), Long.MIN_VALUE)) {
                return new PolledTimes(told, at);
            }
        }
        for (Long at : suspends) {
            SlurmTime.Resolved fitting = until(told, starts, at, before);
            if (fitting.start() != null && fitting.start() + before <= at) {
                return new PolledTimes(fitting, at);
            }
        }
        return new PolledTimes(told, suspends.get(0));
    }
}

package io.gpuledger.core.run;

import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One thing a source said of a job, from the first to the last time it was seen saying exactly
 * that. Repeated polls therefore cost nothing, and the set of them merges by union: commutative,
 * associative and idempotent. All times are UTC epoch milliseconds; null is "the source does not
 * say".
 */
public record JobSnapshot(
        JobSource source,
        long firstObservedMs,
        long lastObservedMs,
        String jobId,
        String state,
        @Nullable Long submitMs,
        @Nullable Long startMs,
        @Nullable Long endMs,
        @Nullable Integer restartCount,
        @Nullable String account,
        @Nullable String user,
        @Nullable String partition,
        @Nullable String qos,
        @Nullable String name,
        @Nullable List<String> nodes,
        @Nullable Integer gpuCount,
        List<String> gpuTypes,
        @Nullable Integer shardCount,
        List<NodeDevices> devices,
        @Nullable Long suspendedTotalMs,
        @Nullable Long suspendAtMs,
        @Nullable Long runningBeforeSuspendMs,
        @Nullable Long resizedAtMs,
        @Nullable Long timeLimitMs,
        @Nullable ClockDoubt doubt,
        String contentKey) {

    /** The most recent last; of those seen at one instant the greater content. */
    static final Comparator<JobSnapshot> RECENCY =
            Comparator.comparingLong(JobSnapshot::lastObservedMs)
                    .thenComparing(JobSnapshot::contentKey);

    /**
     * The clock showed an hour twice and the times may mean its first or second passing; the first
     * is taken.
     *
     * @param submit the submit would be later too in the second, start and end likewise
     */
    public record ClockDoubt(boolean submit, boolean start, boolean end) {}

    /** Nobody knows which passing of an hour is meant. */
    public boolean timeAmbiguous() {
        return doubt != null;
    }

    /**
     * The job has its devices at {@link #lastObservedMs}. COMPLETING is the way out, not holding.
     */
    public boolean holds() {
        return startMs != null
                && endMs == null
                && (state.equals("RUNNING") || state.equals("SUSPENDED"));
    }

    /** The same, observed at other times. */
    public JobSnapshot observed(long firstMs, long lastMs) {
        return copy(firstMs, lastMs, submitMs, startMs, endMs, doubt);
    }

    /** The same with other times. */
    JobSnapshot timed(
            @Nullable Long submit,
            @Nullable Long start,
            @Nullable Long end,
            @Nullable ClockDoubt other) {
        return copy(firstObservedMs, lastObservedMs, submit, start, end, other);
    }

    private JobSnapshot copy(
            long firstMs,
            long lastMs,
            @Nullable Long submit,
            @Nullable Long start,
            @Nullable Long end,
            @Nullable ClockDoubt other) {
        return new JobSnapshot(
                source,
                firstMs,
                lastMs,
                jobId,
                state,
                submit,
                start,
                end,
                restartCount,
                account,
                user,
                partition,
                qos,
                name,
                nodes,
                gpuCount,
                gpuTypes,
                shardCount,
                devices,
                suspendedTotalMs,
                suspendAtMs,
                runningBeforeSuspendMs,
                resizedAtMs,
                timeLimitMs,
                other,
                contentKey);
    }

    public boolean isSuspended() {
        return state.equals("SUSPENDED");
    }
}

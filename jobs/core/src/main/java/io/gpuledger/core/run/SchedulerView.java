package io.gpuledger.core.run;

import io.gpuledger.core.time.Span;
import java.util.Arrays;
import java.util.List;

/**
 * When a cluster's scheduler was heard, up to some instant. A complete poll listed every live job:
 * who is absent then has ended. Between heartbeats close enough to each other the scheduler is
 * known to live, and so are the runs it has started and not ended.
 */
public final class SchedulerView {
    public static final SchedulerView NONE = new SchedulerView(new long[0], 0, List.of(), false);

    /** A poll at every instant, and no live job in any of them. */
    static final SchedulerView NOBODY_LIVES = new SchedulerView(new long[0], 0, List.of(), true);

    private final long[] completePolls;
    private final int polls;
    private final List<Span> heard;
    private final boolean isAlwaysPolled;

    private SchedulerView(
            long[] completePolls, int polls, List<Span> heard, boolean isAlwaysPolled) {
        this.completePolls = completePolls;
        this.polls = polls;
        this.heard = heard;
        this.isAlwaysPolled = isAlwaysPolled;
    }

    /**
     * What was heard by {@code untilMs}; later polls may have come before the snapshots they list.
     *
     * @param completePolls sorted instants, as many as {@code count} says; not copied, not changed
     * @param heard sorted, disjoint spans from the first to the last of heartbeats in a row
     */
    public static SchedulerView until(
            long[] completePolls, int count, List<Span> heard, long untilMs) {
        int polls = Arrays.binarySearch(completePolls, 0, count, untilMs);
        polls = polls < 0 ? -polls - 1 : polls + 1;
        while (polls < count && completePolls[polls] <= untilMs) {
            polls++;
        }
        return new SchedulerView(
                completePolls,
                polls,
                heard.stream()
                        .filter(s -> s.startMs() <= untilMs)
                        .map(s -> new Span(s.startMs(), Math.min(s.endMs(), untilMs)))
                        .toList(),
                false);
    }

    /** The first complete poll later than the instant, -1 when there is none. */
    long firstCompletePollAfter(long instantMs) {
        if (isAlwaysPolled) {
            return instantMs + 1;
        }
        int at = Arrays.binarySearch(completePolls, 0, polls, instantMs);
        int next = at < 0 ? -at - 1 : at + 1;
        while (next < polls && completePolls[next] <= instantMs) {
            next++;
        }
        return next < polls ? completePolls[next] : -1;
    }

    /** Until when heartbeats followed each other from the instant on; the instant when none did. */
    long heardUntil(long instantMs) {
        for (Span span : heard) {
            if (span.startMs() <= instantMs && instantMs < span.endMs()) {
                return span.endMs();
            }
        }
        return instantMs;
    }
}

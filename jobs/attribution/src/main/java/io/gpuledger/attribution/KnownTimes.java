package io.gpuledger.attribution;

import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Broadcast state of one cluster: when the scheduler was asked. Public and flat: it is state. */
public final class KnownTimes {
    public long[] polls = new long[0];
    public long[] heartbeats = new long[0];
    public long[] boundedFrom = new long[0];
    public long[] boundedTo = new long[0];

    void add(HeartbeatInput input) {
        if (input.coveredFromMs >= 0) {
            boundedFrom = with(boundedFrom, Math.min(input.coveredFromMs, input.observedAtMs));
            boundedTo = with(boundedTo, input.observedAtMs);
            return;
        }
        heartbeats = with(heartbeats, input.observedAtMs);
        if (input.completePoll) {
            polls = with(polls, input.observedAtMs);
        }
    }

    /** Disjoint spans in which the scheduler's view is complete. */
    List<Span> spans(long gapMs) {
        List<Span> spans = new ArrayList<>();
        long[] sorted = heartbeats.clone();
        Arrays.sort(sorted);
        for (int i = 1; i < sorted.length; i++) {
            if (sorted[i] - sorted[i - 1] <= gapMs) {
                spans.add(new Span(sorted[i - 1], sorted[i]));
            }
        }
        for (int i = 0; i < boundedFrom.length; i++) {
            spans.add(new Span(boundedFrom[i], boundedTo[i]));
        }
        return Span.union(spans);
    }

    private static long[] with(long[] values, long value) {
        long[] more = Arrays.copyOf(values, values.length + 1);
        more[values.length] = value;
        return more;
    }
}

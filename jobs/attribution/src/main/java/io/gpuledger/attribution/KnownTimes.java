package io.gpuledger.attribution;

import io.gpuledger.core.run.SchedulerView;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Broadcast state of one cluster: when the scheduler was heard. Heartbeats in a row are one span:
 * joining is a matter of the set of instants, not of their order. Public and flat: it is state.
 */
public final class KnownTimes {
    /** Sorted instants of complete polls, the first {@link #pollCount} elements. */
    public long[] polls = new long[0];

    public int pollCount;

    /** First and last heartbeat of each row, sorted. */
    public long[] heardFrom = new long[0];

    public long[] heardTo = new long[0];

    /** Spans of bounded accounting, sorted and disjoint. */
    public long[] boundedFrom = new long[0];

    public long[] boundedTo = new long[0];

    void add(HeartbeatInput input, long gapMs) {
        if (input.coveredFromMs >= 0) {
            addBounded(Math.min(input.coveredFromMs, input.observedAtMs), input.observedAtMs);
            return;
        }
        addHeartbeat(input.observedAtMs, gapMs);
        if (input.completePoll) {
            addPoll(input.observedAtMs);
        }
    }

    private void addPoll(long atMs) {
        int at = Arrays.binarySearch(polls, 0, pollCount, atMs);
        if (at >= 0) {
            return;
        }
        if (pollCount == polls.length) {
            polls = Arrays.copyOf(polls, Math.max(64, 2 * polls.length));
        }
        int insert = -at - 1;
        System.arraycopy(polls, insert, polls, insert + 1, pollCount - insert);
        polls[insert] = atMs;
        pollCount++;
    }

    private void addHeartbeat(long atMs, long gapMs) {
        List<Span> rows = heard();
        List<Span> joined = new ArrayList<>();
        long from = atMs;
        long to = atMs;
        for (Span row : rows) {
            if (row.startMs() - to > gapMs || from - row.endMs() > gapMs) {
                joined.add(row);
            } else {
                from = Math.min(from, row.startMs());
                to = Math.max(to, row.endMs());
            }
        }
        joined.add(new Span(from, to));
        joined.sort(java.util.Comparator.comparingLong(Span::startMs));
        heardFrom = joined.stream().mapToLong(Span::startMs).toArray();
        heardTo = joined.stream().mapToLong(Span::endMs).toArray();
    }

    private void addBounded(long fromMs, long toMs) {
        List<Span> spans = spans(boundedFrom, boundedTo);
        spans.add(new Span(fromMs, toMs));
        List<Span> union = Span.union(spans);
        boundedFrom = union.stream().mapToLong(Span::startMs).toArray();
        boundedTo = union.stream().mapToLong(Span::endMs).toArray();
    }

    /** Disjoint spans in which the scheduler's view is complete. */
    List<Span> known() {
        List<Span> spans = heard();
        spans.addAll(spans(boundedFrom, boundedTo));
        return Span.union(spans);
    }

    SchedulerView until(long watermarkMs) {
        return SchedulerView.until(polls, pollCount, heard(), watermarkMs);
    }

    /** Forgets what nothing that may still change depends on. */
    void dropBefore(long instantMs) {
        int first = Arrays.binarySearch(polls, 0, pollCount, instantMs);
        first = first < 0 ? -first - 1 : first;
        // Copied only when it pays: there is a poll every minute or less.
        if (first > pollCount / 8) {
            polls = Arrays.copyOfRange(polls, first, pollCount);
            pollCount = polls.length;
        }
        List<Span> rows = heard();
        rows.removeIf(s -> s.endMs() < instantMs);
        heardFrom = rows.stream().mapToLong(Span::startMs).toArray();
        heardTo = rows.stream().mapToLong(Span::endMs).toArray();
        List<Span> bounded = spans(boundedFrom, boundedTo);
        bounded.removeIf(s -> s.endMs() < instantMs);
        boundedFrom = bounded.stream().mapToLong(Span::startMs).toArray();
        boundedTo = bounded.stream().mapToLong(Span::endMs).toArray();
    }

    private List<Span> heard() {
        return spans(heardFrom, heardTo);
    }

    private static List<Span> spans(long[] from, long[] to) {
        List<Span> spans = new ArrayList<>();
        for (int i = 0; i < from.length; i++) {
            spans.add(new Span(from[i], to[i]));
        }
        return spans;
    }
}

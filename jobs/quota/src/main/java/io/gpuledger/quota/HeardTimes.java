package io.gpuledger.quota;

import io.gpuledger.core.run.SchedulerView;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Broadcast state of one cluster: when its scheduler was heard. A matter of the set of instants,
 * not of their order. Public and flat: it is state.
 */
public final class HeardTimes {
    /** Sorted instants of complete polls. */
    public long[] polls = new long[0];

    /** First and last of heartbeats in a row, sorted. */
    public long[] heardFrom = new long[0];

    public long[] heardTo = new long[0];

    void hear(long atMs, boolean completePoll, long gapMs) {
        int at = Arrays.binarySearch(polls, atMs);
        if (completePoll && at < 0) {
            int insert = -at - 1;
            long[] more = new long[polls.length + 1];
            System.arraycopy(polls, 0, more, 0, insert);
            more[insert] = atMs;
            System.arraycopy(polls, insert, more, insert + 1, polls.length - insert);
            polls = more;
        }
        List<Span> joined = new ArrayList<>();
        long from = atMs;
        long to = atMs;
        for (Span row : rows()) {
            if (row.startMs() - to > gapMs || from - row.endMs() > gapMs) {
                joined.add(row);
            } else {
                from = Math.min(from, row.startMs());
                to = Math.max(to, row.endMs());
            }
        }
        joined.add(new Span(from, to));
        joined.sort(Comparator.comparingLong(Span::startMs));
        keep(joined);
    }

    SchedulerView until(long watermarkMs) {
        return SchedulerView.until(polls, polls.length, rows(), watermarkMs);
    }

    /** Forgets what no run that may still change depends on. */
    void dropBefore(long instantMs) {
        int first = Arrays.binarySearch(polls, instantMs);
        first = first < 0 ? -first - 1 : first;
        // Copied only when it pays: there is a poll every half minute.
        if (first > polls.length / 8) {
            polls = Arrays.copyOfRange(polls, first, polls.length);
        }
        List<Span> rows = rows();
        if (rows.removeIf(s -> s.endMs() < instantMs)) {
            keep(rows);
        }
    }

    private void keep(List<Span> rows) {
        heardFrom = rows.stream().mapToLong(Span::startMs).toArray();
        heardTo = rows.stream().mapToLong(Span::endMs).toArray();
    }

    private List<Span> rows() {
        List<Span> rows = new ArrayList<>();
        for (int i = 0; i < heardFrom.length; i++) {
            rows.add(new Span(heardFrom[i], heardTo[i]));
        }
        return rows;
    }
}

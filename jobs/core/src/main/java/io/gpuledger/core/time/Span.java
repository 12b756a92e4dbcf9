package io.gpuledger.core.time;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Half-open span {@code [startMs, endMs)} of UTC epoch milliseconds. */
public record Span(long startMs, long endMs) {
    /** The end of a span that has none yet. */
    public static final long OPEN_END = Long.MAX_VALUE;

    public Span {
        if (endMs < startMs) {
            throw new IllegalArgumentException(
                    "span ends at %d before it starts at %d".formatted(endMs, startMs));
        }
    }

    public long lengthMs() {
        return endMs - startMs;
    }

    public boolean isEmpty() {
        return endMs == startMs;
    }

    public boolean contains(long instantMs) {
        return startMs <= instantMs && instantMs < endMs;
    }

    /** What both share, empty at the later start when they share nothing. */
    public Span intersect(Span other) {
        long start = Math.max(startMs, other.startMs);
        return new Span(start, Math.max(start, Math.min(endMs, other.endMs)));
    }

    /** The same instants as sorted, disjoint, non-empty spans; touching ones are joined. */
    public static List<Span> union(List<Span> spans) {
        List<Span> sorted = new ArrayList<>(spans);
        sorted.removeIf(Span::isEmpty);
        sorted.sort(Comparator.comparingLong(Span::startMs).thenComparingLong(Span::endMs));
        List<Span> joined = new ArrayList<>();
        for (Span span : sorted) {
            Span last = joined.isEmpty() ? null : joined.get(joined.size() - 1);
            if (last != null && span.startMs <= last.endMs) {
                joined.set(
                        joined.size() - 1,
                        new Span(last.startMs, Math.max(last.endMs, span.endMs)));
            } else {
                joined.add(span);
            }
        }
        return joined;
    }

    /** Total length of disjoint spans inside {@code [startMs, endMs)}. */
    public static long lengthWithin(List<Span> disjoint, long startMs, long endMs) {
        long total = 0;
        for (Span span : disjoint) {
            total += Math.max(0, Math.min(span.endMs, endMs) - Math.max(span.startMs, startMs));
        }
        return total;
    }
}

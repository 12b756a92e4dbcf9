package io.gpuledger.core.statement;

import io.gpuledger.core.time.Span;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Whether the accounting of a cluster agrees with its ledger in all of a span. */
public final class ReconciliationGate {
    private ReconciliationGate() {}

    /**
     * What is open, for people; nothing when all is within tolerance. Of several comparisons of the
     * same time the last counts, and none of time that was still to come.
     */
    public static List<String> open(
            String cluster, Span span, List<Reconciled> comparisons, long toleranceMs) {
        List<Reconciled> newestFirst = new ArrayList<>(comparisons);
        newestFirst.sort(Comparator.comparingLong(Reconciled::recordedAtMs).reversed());
        List<Span> missing = new ArrayList<>(List.of(span));
        List<String> open = new ArrayList<>();
        for (Reconciled comparison : newestFirst) {
            long end = Math.min(comparison.span().endMs(), comparison.recordedAtMs());
            if (end <= comparison.span().startMs()) {
                continue;
            }
            List<Span> left = without(missing, new Span(comparison.span().startMs(), end));
            if (left.equals(missing)) {
                continue;
            }
            missing = left;
            if (comparison.unexplainedMs() > toleranceMs) {
                open.add(
                        "cluster %s: %s GPU-seconds of %s are unexplained, %s are tolerated; see gpu-ledger reconcile"
                                .formatted(
                                        cluster,
                                        seconds(comparison.unexplainedMs()),
                                        text(comparison.span()),
                                        seconds(toleranceMs)));
            }
            if (comparison.quotaDiffers()) {
                open.add(
                        "cluster %s: quota balance and ledger of %s differ without a reason; see gpu-ledger reconcile --three-way"
                                .formatted(cluster, text(comparison.span())));
            }
        }
        for (Span rest : missing) {
            open.add(
                    "cluster %s: %s is not compared with its accounting; run gpu-ledger reconcile"
                            .formatted(cluster, text(rest)));
        }
        return open;
    }

    private static List<Span> without(List<Span> spans, Span removed) {
        List<Span> left = new ArrayList<>();
        for (Span span : spans) {
            Span both = span.intersect(removed);
            if (both.isEmpty()) {
                left.add(span);
                continue;
            }
            if (span.startMs() < both.startMs()) {
                left.add(new Span(span.startMs(), both.startMs()));
            }
            if (both.endMs() < span.endMs()) {
                left.add(new Span(both.endMs(), span.endMs()));
            }
        }
        return left;
    }

    private static String seconds(long ms) {
        return BigDecimal.valueOf(ms, 3).stripTrailingZeros().toPlainString();
    }

    private static String text(Span span) {
        return "%s to %s"
                .formatted(
                        Instant.ofEpochMilli(span.startMs()), Instant.ofEpochMilli(span.endMs()));
    }
}

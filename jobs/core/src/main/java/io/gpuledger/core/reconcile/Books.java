package io.gpuledger.core.reconcile;

import io.gpuledger.core.time.Span;
import java.util.List;

/**
 * Both sides of one cluster.
 *
 * @param window what is compared, whole minutes
 * @param rows accounting, in any order; those outside the window are evidence too
 * @param recorded disjoint spans of whole hours for which the ledger has rows of the cluster
 */
public record Books(
        String cluster,
        Span window,
        List<AccountingRow> rows,
        List<LedgerRun> runs,
        List<Span> recorded) {

    public Books {
        rows = List.copyOf(rows);
        runs = List.copyOf(runs);
        recorded = List.copyOf(recorded);
        if (window.startMs() % HeldStretch.MINUTE_MS != 0
                || window.endMs() % HeldStretch.MINUTE_MS != 0) {
            throw new IllegalArgumentException("the window is not of whole minutes: " + window);
        }
    }

    public Books withRuns(List<LedgerRun> other) {
        return new Books(cluster, window, rows, other, recorded);
    }
}

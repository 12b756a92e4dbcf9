package io.gpuledger.core.reconcile;

import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.List;

/** The accounting rows of one run, by Submit: several after a resize. */
record Incarnation(long rawJobId, long startMs, List<AccountingRow> rows) {
    private static final String RESIZING = "RESIZING";

    AccountingRow last() {
        return rows.get(rows.size() - 1);
    }

    long endMs() {
        return last().countedEndMs();
    }

    /**
     * As sreport counts: GPUs of each row from its own Start to its End, suspended time included.
     */
    List<Piece> charged() {
        List<Piece> pieces = new ArrayList<>();
        for (AccountingRow row : rows) {
            pieces.add(new Piece(row.startMs(), row.countedEndMs(), row.gpus()));
        }
        return pieces;
    }

    /** The same with rows after a resize from their Submit, which is the resize. */
    List<Piece> fromResizes() {
        List<Piece> pieces = new ArrayList<>();
        AccountingRow former = null;
        for (AccountingRow row : rows) {
            long from = row.startMs();
            Long submit = row.submitMs();
            if (former != null && former.state().equals(RESIZING) && submit != null) {
                from = Math.max(from, Math.min(submit, row.countedEndMs()));
            }
            pieces.add(new Piece(from, row.countedEndMs(), row.gpus()));
            former = row;
        }
        return pieces;
    }

    long chargedMs(Span window) {
        return Piece.within(charged(), window);
    }

    int shards() {
        return rows.stream().mapToInt(AccountingRow::shards).max().orElse(0);
    }

    int gpus() {
        return rows.stream().mapToInt(AccountingRow::gpus).max().orElse(0);
    }

    boolean overlaps(LedgerRun run) {
        return startMs < run.latestHeldMs() && run.startMs() < endMs();
    }
}

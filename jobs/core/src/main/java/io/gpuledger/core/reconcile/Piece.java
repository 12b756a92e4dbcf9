package io.gpuledger.core.reconcile;

import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.List;

/** GPUs from an instant to an instant. */
record Piece(long fromMs, long toMs, int gpus) {

    long within(long startMs, long endMs) {
        return gpus * Math.max(0, Math.min(toMs, endMs) - Math.max(fromMs, startMs));
    }

    static long within(List<Piece> pieces, Span span) {
        long sum = 0;
        for (Piece piece : pieces) {
            sum += piece.within(span.startMs(), span.endMs());
        }
        return sum;
    }

    static List<Piece> until(List<Piece> pieces, long endMs) {
        List<Piece> cut = new ArrayList<>();
        for (Piece piece : pieces) {
            if (piece.fromMs() < endMs) {
                cut.add(new Piece(piece.fromMs(), Math.min(piece.toMs(), endMs), piece.gpus()));
            }
        }
        return cut;
    }

    static List<Piece> from(List<Piece> pieces, long startMs) {
        List<Piece> cut = new ArrayList<>();
        for (Piece piece : pieces) {
            if (piece.toMs() > startMs) {
                cut.add(new Piece(Math.max(piece.fromMs(), startMs), piece.toMs(), piece.gpus()));
            }
        }
        return cut;
    }
}

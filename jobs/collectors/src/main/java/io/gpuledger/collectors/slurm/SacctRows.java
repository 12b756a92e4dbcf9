package io.gpuledger.collectors.slurm;

/**
 * Joins lines to rows: sacct writes a line break inside a field as it is. Until a row has all its
 * fields the next line belongs to it, unless that one is a row by itself.
 */
final class SacctRows {
    interface Handler {
        void row(String row, long number);
    }

    /** A row that grows beyond is none. */
    private static final int LIMIT = 1 << 20;

    private final SacctHeader columns;
    private final Handler handler;
    private final StringBuilder begun = new StringBuilder();
    private int begunFields;
    private long begunAt;

    /** The last whole row waits for what may be the rest of its last field. */
    private final StringBuilder held = new StringBuilder();

    private long heldAt;

    SacctRows(SacctHeader columns, Handler handler) {
        this.columns = columns;
        this.handler = handler;
    }

    void line(String line, long number) {
        int fields = columns.fields(line);
        if (begun.length() > 0 && fields == columns.size()) {
            // A whole row follows: what came before cannot become one.
            placeRest();
        }
        if (begun.length() == 0) {
            if (line.isBlank()) {
                return;
            }
            begunAt = number;
            begunFields = fields;
            begun.append(line);
        } else {
            begunFields += fields - 1;
            begun.append(' ').append(line);
        }
        if (begunFields >= columns.size() || begun.length() > LIMIT) {
            flush(held, heldAt);
            held.append(begun);
            heldAt = begunAt;
            begun.setLength(0);
        }
    }

    void close() {
        placeRest();
        flush(held, heldAt);
    }

    /** A break in the last field leaves a whole row and a rest without a delimiter. */
    private void placeRest() {
        boolean rest =
                held.length() > 0
                        && held.length() <= LIMIT
                        && begunFields == 1
                        && columns.endsInFreeText();
        if (rest && begun.length() > 0) {
            held.append(' ').append(begun);
            begun.setLength(0);
        } else {
            flush(held, heldAt);
            flush(begun, begunAt);
        }
    }

    private void flush(StringBuilder row, long number) {
        if (row.length() > 0) {
            handler.row(row.toString(), number);
            row.setLength(0);
        }
    }
}

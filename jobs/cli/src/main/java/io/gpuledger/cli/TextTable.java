package io.gpuledger.cli;

import java.util.ArrayList;
import java.util.List;

/** Lines of cells, aligned: text to the left, numbers to the right. */
final class TextTable {
    private final int textColumns;
    private final List<List<String>> lines = new ArrayList<>();

    /** A table whose first columns are text. */
    TextTable(int textColumns, List<String> head) {
        this.textColumns = textColumns;
        lines.add(head);
    }

    void add(List<String> cells) {
        lines.add(cells);
    }

    @Override
    public String toString() {
        int[] width = new int[lines.get(0).size()];
        for (List<String> line : lines) {
            for (int i = 0; i < width.length; i++) {
                width[i] = Math.max(width[i], line.get(i).length());
            }
        }
        StringBuilder out = new StringBuilder();
        for (List<String> line : lines) {
            StringBuilder row = new StringBuilder();
            for (int i = 0; i < width.length; i++) {
                String pad = " ".repeat(width[i] - line.get(i).length());
                row.append(i == 0 ? "" : "  ")
                        .append(i < textColumns ? line.get(i) + pad : pad + line.get(i));
            }
            out.append(row.toString().stripTrailing()).append('\n');
        }
        return out.toString();
    }
}

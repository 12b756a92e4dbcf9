package io.gpuledger.statements.report;

import java.util.List;
import java.util.stream.Collectors;

/** Comma-separated values as RFC 4180 has them. */
final class Csv {
    private Csv() {}

    static String line(List<String> cells) {
        return cells.stream().map(Csv::cell).collect(Collectors.joining(",", "", "\n"));
    }

    /** A leading sign of a formula is text for a spreadsheet only behind an apostrophe. */
    private static String cell(String text) {
        String safe = text.matches("(?s)[=+@\\t\\r].*|-[^0-9].*") ? "'" + text : text;
        return safe.matches("(?s).*[\",\\r\\n].*") ? '"' + safe.replace("\"", "\"\"") + '"' : safe;
    }
}

package io.gpuledger.attribution;

import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What ClickHouse would show of the rows that came to the sink: the highest revision per key. */
final class SinkContents {
    private SinkContents() {}

    /**
     * Key to content of everything that is current, the revision apart. Explicit empty rows are as
     * good as none: readers see no time in them.
     */
    static Map<String, Object> current(List<SinkRow> rows) {
        Map<String, Object> content = new TreeMap<>();
        for (SinkTable table : List.of(SinkTable.USAGE_MINUTE, SinkTable.USAGE_HOUR)) {
            GraphRun.current(rows, table)
                    .forEach(
                            (key, stored) -> {
                                UsageRow row = stored.row();
                                if (row.existsMs() != 0 || !row.holders().isEmpty()) {
                                    content.put(table + " " + key, row);
                                }
                            });
        }
        content.putAll(runs(rows));
        return content;
    }

    /** The usage rows among them whose window begins in a span. */
    static Map<String, Object> between(Map<String, Object> content, long fromMs, long toMs) {
        Map<String, Object> within = new TreeMap<>();
        content.forEach(
                (key, value) -> {
                    if (value instanceof UsageRow row
                            && fromMs <= row.windowStartMs()
                            && row.windowStartMs() < toMs) {
                        within.put(key, value);
                    }
                });
        return within;
    }

    /** Those whose window begins before an instant. */
    static Map<String, Object> before(Map<String, Object> content, long beforeMs) {
        return between(content, Long.MIN_VALUE, beforeMs);
    }

    /** The usage rows among them. */
    static Map<String, Object> usage(Map<String, Object> content) {
        return before(content, Long.MAX_VALUE);
    }

    private static Map<String, Object> runs(List<SinkRow> rows) {
        Map<String, byte[]> newest = new HashMap<>();
        for (SinkRow row : rows) {
            if (row.table.equals(SinkTable.RUNS.name())) {
                newest.merge(
                        runKey(row.row),
                        row.row,
                        (a, b) -> runRevision(a) > runRevision(b) ? a : b);
            }
        }
        Map<String, Object> content = new TreeMap<>();
        newest.forEach(
                (key, row) -> {
                    boolean withdrawn = row[row.length - 17] == 1;
                    if (!withdrawn) {
                        byte[] body = Arrays.copyOf(row, row.length - 16);
                        content.put("RUNS " + key, HexFormat.of().formatHex(body));
                    }
                });
        return content;
    }

    private static long runRevision(byte[] row) {
        return ByteBuffer.wrap(row).order(ByteOrder.LITTLE_ENDIAN).getLong(row.length - 8);
    }

    /** Cluster and run id: names of this length take one byte to count. */
    private static String runKey(byte[] row) {
        int at = 0;
        StringBuilder key = new StringBuilder();
        for (int i = 0; i < 2; i++) {
            int length = row[at] & 0x7f;
            at++;
            if (row[at - 1] < 0) {
                length |= row[at] << 7;
                at++;
            }
            key.append(new String(row, at, length, StandardCharsets.UTF_8)).append(' ');
            at += length;
        }
        return key.toString().strip();
    }

    /** Reasons of the dead letters, with their details. */
    static List<String> deadLetters(List<SinkRow> rows) {
        List<String> letters = new ArrayList<>();
        for (SinkRow row : rows) {
            if (row.table.equals(SinkTable.DEAD_LETTERS.name())) {
                letters.add(new String(row.row, StandardCharsets.UTF_8));
            }
        }
        return letters;
    }

    /** Where a row repeats the last one of its key, or a revision does not rise. */
    static List<String> needlessOrUnordered(List<SinkRow> rows) {
        List<String> found = new ArrayList<>();
        Map<String, UsageReader.Stored> last = new HashMap<>();
        for (SinkRow row : rows) {
            if (!row.table.startsWith("USAGE")) {
                continue;
            }
            UsageReader.Stored now = UsageReader.read(row.row);
            UsageReader.Stored before = last.put(row.table + " " + now.key(), now);
            if (before == null) {
                continue;
            }
            if (before.revision() >= now.revision()) {
                found.add(
                        "%s: revision %d after %d"
                                .formatted(
                                        row.table + " " + now.key(),
                                        now.revision(),
                                        before.revision()));
            } else if (before.row().equals(now.row())) {
                found.add("%s: the same row again: %s".formatted(row.table, now.row()));
            }
        }
        return found;
    }

    /** How often each key of a table was written. */
    static Map<String, Integer> writes(List<SinkRow> rows, SinkTable table) {
        Map<String, Integer> writes = new HashMap<>();
        for (SinkRow row : rows) {
            if (row.table.equals(table.name())) {
                writes.merge(UsageReader.read(row.row).key(), 1, Integer::sum);
            }
        }
        return writes;
    }

    /** Keys whose content is not the same, with both. */
    static List<String> differences(Map<String, Object> expected, Map<String, Object> actual) {
        List<String> found = new ArrayList<>();
        expected.forEach(
                (key, want) -> {
                    Object have = actual.get(key);
                    if (!want.equals(have)) {
                        found.add(
                                "%s%n    expected %s%n    actual   %s".formatted(key, want, have));
                    }
                });
        actual.forEach(
                (key, have) -> {
                    if (!expected.containsKey(key)) {
                        found.add(
                                "%s%n    expected nothing%n    actual   %s"
                                        .formatted(key, brief(have)));
                    }
                });
        return found;
    }

    /** A row without what is empty or zero. */
    private static String brief(@Nullable Object content) {
        return String.valueOf(content).replaceAll("\\w+=(-1|0)?(?=[,\\]])(, )?", "");
    }
}

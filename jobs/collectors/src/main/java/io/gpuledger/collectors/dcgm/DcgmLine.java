package io.gpuledger.collectors.dcgm;

import io.gpuledger.collectors.file.BadRecordException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One sample line of Prometheus or OpenMetrics text. */
record DcgmLine(
        String metric,
        Map<String, String> labels,
        @Nullable BigDecimal value,
        @Nullable Long timeMs) {
    private static final BigDecimal SECONDS_BELOW = new BigDecimal("100000000000");
    private static final int NUMBER_LIMIT = 40;

    static DcgmLine parse(String line) throws BadRecordException {
        int i = 0;
        while (i < line.length() && line.charAt(i) != '{' && line.charAt(i) != ' ') {
            i++;
        }
        String metric = line.substring(0, i);
        Map<String, String> labels = new HashMap<>();
        while (i < line.length() && line.charAt(i) == ' ') {
            i++;
        }
        if (i < line.length() && line.charAt(i) == '{') {
            i = labels(line, i + 1, labels);
        }
        String[] rest = line.substring(i).trim().split("\\s+", -1);
        if (metric.isEmpty() || rest[0].isEmpty()) {
            throw new BadRecordException("UNREADABLE", "not a sample line");
        }
        BigDecimal value =
                rest[0].equalsIgnoreCase("NaN") || rest[0].endsWith("Inf") ? null : number(rest[0]);
        Long time = null;
        if (rest.length > 1 && !rest[1].startsWith("#")) {
            BigDecimal t = number(rest[1]);
            BigDecimal ms = t.compareTo(SECONDS_BELOW) < 0 ? t.movePointRight(3) : t;
            if (ms.signum() <= 0 || ms.compareTo(new BigDecimal("99999999999999")) > 0) {
                throw new BadRecordException("BAD_TIME", "'" + rest[1] + "' is not a time");
            }
            time = ms.setScale(0, RoundingMode.FLOOR).longValue();
        }
        return new DcgmLine(metric, labels, value, time);
    }

    private static BigDecimal number(String s) throws BadRecordException {
        try {
            if (s.length() <= NUMBER_LIMIT) {
                BigDecimal v = new BigDecimal(s);
                if (Math.abs((long) v.scale()) <= 400) {
                    return v;
                }
            }
        } catch (NumberFormatException e) {
            throw new BadRecordException("BAD_NUMBER", "'" + s + "' is not a number", e);
        }
        throw new BadRecordException("BAD_NUMBER", "'" + s + "' is absurd");
    }

    /** Returns the position after the closing brace. */
    private static int labels(String line, int from, Map<String, String> out)
            throws BadRecordException {
        int i = from;
        while (i < line.length()) {
            while (i < line.length() && (line.charAt(i) == ',' || line.charAt(i) == ' ')) {
                i++;
            }
            if (i < line.length() && line.charAt(i) == '}') {
                return i + 1;
            }
            int eq = line.indexOf("=\"", i);
            if (eq < 0) {
                break;
            }
            String name = line.substring(i, eq);
            StringBuilder value = new StringBuilder();
            i = eq + 2;
            while (i < line.length() && line.charAt(i) != '"') {
                if (line.charAt(i) == '\\' && i + 1 < line.length()) {
                    i++;
                    value.append(line.charAt(i) == 'n' ? '\n' : line.charAt(i));
                } else {
                    value.append(line.charAt(i));
                }
                i++;
            }
            out.put(name, value.toString());
            i++;
        }
        throw new BadRecordException("UNREADABLE", "labels do not end");
    }

    String label(String name) {
        return labels.getOrDefault(name, "");
    }

    String host() {
        String h = label("Hostname");
        return h.isEmpty() ? label("hostname") : h;
    }
}

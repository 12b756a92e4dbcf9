package io.gpuledger.collectors.dcgm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.Decimals;
import io.gpuledger.collectors.file.Instants;
import java.math.BigDecimal;
import java.math.RoundingMode;
import org.jspecify.annotations.Nullable;

/** One sample line of Prometheus or OpenMetrics text, cut into its parts. */
record DcgmLine(
        String metric, String labels, String value, @Nullable String time, boolean endsWell) {
    private static final BigDecimal SECONDS_BELOW = new BigDecimal("100000000000");
    private static final int PLAIN_DIGITS = 18;

    static DcgmLine parse(String line) throws BadRecordException {
        int metricEnd = 0;
        while (metricEnd < line.length() && !ends(line.charAt(metricEnd))) {
            metricEnd++;
        }
        int at = blanks(line, metricEnd);
        String labels = "";
        if (at < line.length() && line.charAt(at) == '{') {
            int close = closingBrace(line, at + 1);
            labels = line.substring(at + 1, close);
            at = blanks(line, close + 1);
        }
        int valueEnd = word(line, at);
        if (metricEnd == 0 || valueEnd == at) {
            throw new BadRecordException("UNREADABLE", "not a sample line");
        }
        int timeFrom = blanks(line, valueEnd);
        int timeEnd = word(line, timeFrom);
        boolean exemplar = timeFrom < line.length() && line.charAt(timeFrom) == '#';
        String time = timeEnd == timeFrom || exemplar ? null : line.substring(timeFrom, timeEnd);
        int rest = blanks(line, timeEnd);
        return new DcgmLine(
                line.substring(0, metricEnd),
                labels,
                line.substring(at, valueEnd),
                time,
                exemplar || rest == line.length() || line.charAt(rest) == '#');
    }

    /** Only an exemplar may follow the timestamp. */
    void checkEnd() throws BadRecordException {
        if (!endsWell) {
            throw new BadRecordException("UNREADABLE", "text after the timestamp");
        }
    }

    private static boolean ends(char c) {
        return c == '{' || c == ' ' || c == '\t';
    }

    private static int blanks(String line, int from) {
        int at = from;
        while (at < line.length() && (line.charAt(at) == ' ' || line.charAt(at) == '\t')) {
            at++;
        }
        return at;
    }

    private static int word(String line, int from) {
        int at = from;
        while (at < line.length() && line.charAt(at) != ' ' && line.charAt(at) != '\t') {
            at++;
        }
        return at;
    }

    /** A brace inside a value is text. */
    private static int closingBrace(String line, int from) throws BadRecordException {
        boolean quoted = false;
        for (int i = from; i < line.length(); i++) {
            char c = line.charAt(i);
            if (quoted && c == '\\') {
                i++;
            } else if (c == '"') {
                quoted = !quoted;
            } else if (c == '}' && !quoted) {
                return i;
            }
        }
        throw new BadRecordException("UNREADABLE", "labels do not end");
    }

    /** The stored value of a field, or null when it is blank. */
    @Nullable Long stored(DcgmField field) throws BadRecordException {
        long plain = field.storedPlain(value);
        if (plain >= 0) {
            return plain;
        }
        return isNoNumber() ? null : field.stored(Decimals.parse(value, metric));
    }

    /** Of a metric that is not kept: it says nothing at all. */
    boolean isBlank() throws BadRecordException {
        return isNoNumber() || DcgmField.isBlank(Decimals.parse(value, metric));
    }

    private boolean isNoNumber() {
        return value.equalsIgnoreCase("NaN") || value.endsWith("Inf");
    }

    /** Milliseconds, or seconds as OpenMetrics has them. */
    @Nullable Long timeMs() throws BadRecordException {
        if (time == null) {
            return null;
        }
        BigDecimal t = isPlain(time) ? BigDecimal.valueOf(Long.parseLong(time)) : decimal(time);
        BigDecimal ms = t.compareTo(SECONDS_BELOW) < 0 ? t.movePointRight(3) : t;
        boolean fits = ms.signum() > 0 && ms.precision() - ms.scale() <= PLAIN_DIGITS;
        return Instants.checked(
                fits ? ms.setScale(0, RoundingMode.FLOOR).longValue() : Long.MAX_VALUE, time);
    }

    private static BigDecimal decimal(String text) throws BadRecordException {
        return Decimals.parse(text, "a timestamp");
    }

    private static boolean isPlain(String s) {
        for (int i = 0; i < s.length(); i++) {
            if (s.charAt(i) < '0' || s.charAt(i) > '9') {
                return false;
            }
        }
        return !s.isEmpty() && s.length() <= PLAIN_DIGITS;
    }
}

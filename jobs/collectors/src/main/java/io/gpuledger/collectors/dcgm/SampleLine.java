package io.gpuledger.collectors.dcgm;

import java.math.BigDecimal;
import java.util.Comparator;
import java.util.Map;

/**
 * One sample that came in another form, as the line an exporter would have written: so that there
 * is one reader of samples, with one set of rules.
 *
 * @param host what tells hosts apart here; only to bring the lines of one together
 */
record SampleLine(long timeMs, String host, String text) {
    /** The lines of one host and instant follow each other. */
    static final Comparator<SampleLine> ORDER =
            Comparator.comparingLong(SampleLine::timeMs).thenComparing(SampleLine::host);

    private static final String NAME = "__name__";

    /** Without a metric's name among the labels it is no sample of ours, and the reader says so. */
    static SampleLine of(Map<String, String> labels, String value, long timeMs) {
        StringBuilder text = new StringBuilder(labels.getOrDefault(NAME, ""));
        text.append('{');
        labels.forEach(
                (name, label) -> {
                    if (!name.equals(NAME)) {
                        text.append(name).append("=\"").append(escaped(label)).append("\",");
                    }
                });
        text.append("} ").append(value).append(' ').append(timeMs);
        String host =
                labels.getOrDefault(
                        "Hostname",
                        labels.getOrDefault("hostname", labels.getOrDefault("instance", "")));
        return new SampleLine(timeMs, host, text.toString());
    }

    /** Without an exponent: counters beyond ten millions are whole numbers. */
    static String number(double value) {
        return Double.isFinite(value) ? new BigDecimal(value).toPlainString() : "NaN";
    }

    private static String escaped(String label) {
        return label.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
    }
}

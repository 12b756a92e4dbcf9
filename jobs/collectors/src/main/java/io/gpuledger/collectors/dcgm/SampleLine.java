package io.gpuledger.collectors.dcgm;

import java.math.BigDecimal;
import java.util.Comparator;
import java.util.Map;

/**
 * One sample that came in another form, as the line an exporter would have written: so that there
 * is one reader of samples, with one set of rules.
 *
 * @param series everything before the value: the samples of one series share it
 */
record SampleLine(long timeMs, Series series, double value) {
    /** The lines of one host and instant follow each other. */
    static final Comparator<SampleLine> ORDER =
            Comparator.comparingLong(SampleLine::timeMs).thenComparing(s -> s.series().host());

    private static final String NAME = "__name__";

    /**
     * What its samples have in common.
     *
     * @param host what tells hosts apart here; only to bring the lines of one together
     */
    record Series(String host, String head) {}

    /** Without a metric's name among the labels it is no series of ours, and the reader says so. */
    static Series series(Map<String, String> labels) {
        StringBuilder text = new StringBuilder(labels.getOrDefault(NAME, ""));
        text.append('{');
        labels.forEach(
                (name, label) -> {
                    if (!name.equals(NAME)) {
                        text.append(name).append("=\"").append(escaped(label)).append("\",");
                    }
                });
        text.append("} ");
        String host =
                labels.getOrDefault(
                        "Hostname",
                        labels.getOrDefault("hostname", labels.getOrDefault("instance", "")));
        return new Series(host, text.toString());
    }

    String text() {
        return series.head() + plain(value) + ' ' + timeMs;
    }

    /** Without an exponent: counters beyond ten millions are whole numbers. */
    private static String plain(double value) {
        return Double.isFinite(value) ? new BigDecimal(value).toPlainString() : "NaN";
    }

    private static String escaped(String label) {
        return label.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
    }
}

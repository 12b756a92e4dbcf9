package io.gpuledger.collectors.dcgm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.core.InputLimits;
import java.util.HashMap;
import java.util.Map;

/** What the labels of one series say; the texts repeat with every scrape, so they are kept. */
record DcgmLabels(
        String host, int gpu, int instance, String uuid, String model, String profile, String job) {
    private static final int TEXT_LIMIT = 255;

    /** Parses what stands between the braces. */
    static DcgmLabels parse(String text) throws BadRecordException {
        Map<String, String> labels = new LabelText(text).parse();
        String instance = label(labels, "GPU_I_ID");
        return new DcgmLabels(
                host(labels),
                gpu(labels),
                instance.isEmpty() ? -1 : index(instance, "GPU_I_ID"),
                label(labels, "UUID"),
                label(labels, "modelName"),
                label(labels, "GPU_I_PROFILE"),
                label(labels, "hpc_job"));
    }

    /** Prometheus renames an exporter's label that its own configuration uses too. */
    private static String label(Map<String, String> labels, String name) throws BadRecordException {
        String own = labels.getOrDefault("exported_" + name, "");
        String value = own.isEmpty() ? labels.getOrDefault(name, "") : own;
        if (value.length() > TEXT_LIMIT) {
            throw new BadRecordException(
                    "UNREADABLE", "label " + name + " is longer than " + TEXT_LIMIT);
        }
        return value;
    }

    /** Without a host name of the exporter the address that Prometheus scraped tells the host. */
    private static String host(Map<String, String> labels) throws BadRecordException {
        for (String name : new String[] {"Hostname", "hostname"}) {
            String host = label(labels, name);
            if (!host.isEmpty()) {
                return host;
            }
        }
        String address = labels.getOrDefault("instance", "");
        int colon = address.lastIndexOf(':');
        boolean port =
                colon > 0
                        && address.substring(colon + 1).chars().allMatch(c -> c >= '0' && c <= '9');
        String host = port ? address.substring(0, colon) : address;
        return host.length() > TEXT_LIMIT ? "" : host;
    }

    private static int gpu(Map<String, String> labels) throws BadRecordException {
        String gpu = label(labels, "gpu");
        if (gpu.isEmpty()) {
            gpu = label(labels, "minor_number");
        }
        if (gpu.isEmpty()) {
            String device = label(labels, "device");
            gpu = device.startsWith("nvidia") ? device.substring("nvidia".length()) : device;
        }
        return index(gpu, "gpu");
    }

    private static int index(String s, String label) throws BadRecordException {
        boolean digits = !s.isEmpty() && s.length() <= 5;
        for (int i = 0; i < s.length() && digits; i++) {
            digits = s.charAt(i) >= '0' && s.charAt(i) <= '9';
        }
        if (!digits || Integer.parseInt(s) >= InputLimits.SERIES) {
            throw new BadRecordException(
                    "UNREADABLE", "label " + label + " '" + s + "' is no index");
        }
        return Integer.parseInt(s);
    }

    /** {@code name="value",...}, the values with escapes. */
    private static final class LabelText {
        private final String text;
        private int at;

        LabelText(String text) {
            this.text = text;
        }

        Map<String, String> parse() throws BadRecordException {
            Map<String, String> out = new HashMap<>();
            skip();
            while (at < text.length()) {
                String name = name();
                out.put(name, value());
                skip();
            }
            return out;
        }

        private void skip() {
            while (at < text.length() && (text.charAt(at) == ',' || text.charAt(at) == ' ')) {
                at++;
            }
        }

        private String name() throws BadRecordException {
            int from = at;
            while (at < text.length() && isName(text.charAt(at))) {
                at++;
            }
            String name = text.substring(from, at);
            if (name.isEmpty() || !text.startsWith("=\"", at)) {
                throw new BadRecordException(
                        "UNREADABLE", "label without a value at '" + name + "'");
            }
            at += 2;
            return name;
        }

        private static boolean isName(char c) {
            return c == '_'
                    || (c >= 'a' && c <= 'z')
                    || (c >= 'A' && c <= 'Z')
                    || (c >= '0' && c <= '9');
        }

        private String value() throws BadRecordException {
            StringBuilder out = new StringBuilder();
            while (at < text.length() && text.charAt(at) != '"') {
                char c = text.charAt(at);
                if (c == '\\' && at + 1 < text.length()) {
                    at++;
                    c = text.charAt(at) == 'n' ? '\n' : text.charAt(at);
                }
                out.append(c);
                at++;
            }
            if (at >= text.length()) {
                throw new BadRecordException("UNREADABLE", "label value does not end");
            }
            at++;
            return out.toString();
        }
    }
}

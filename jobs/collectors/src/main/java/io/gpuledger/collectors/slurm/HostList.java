package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import java.util.ArrayList;
import java.util.List;

/** Slurm's node lists: {@code n[5-6,09-11],rack[1-2]node03}. */
public final class HostList {
    /** Beyond any real cluster: a hostile list must not fill the memory. */
    private static final int LIMIT = 100_000;

    private HostList() {}

    /** The names in the order of the list; zero padding is kept. */
    public static List<String> expand(String list) throws BadRecordException {
        List<String> out = new ArrayList<>();
        String s = list.trim();
        if (s.isEmpty() || s.equals("(null)") || s.equals("None assigned") || s.equals("None")) {
            return out;
        }
        for (String part : TopLevel.split(s, '[', ']')) {
            one(part, out, list);
        }
        return out;
    }

    private static void one(String part, List<String> out, String whole) throws BadRecordException {
        int open = part.indexOf('[');
        if (open < 0) {
            if (out.size() >= LIMIT) {
                throw bad(whole);
            }
            out.add(part);
            return;
        }
        int close = part.indexOf(']', open);
        if (close < 0) {
            throw bad(whole);
        }
        String prefix = part.substring(0, open);
        String suffix = part.substring(close + 1);
        for (String range : part.substring(open + 1, close).split(",", -1)) {
            int dash = range.indexOf('-');
            String from = dash < 0 ? range : range.substring(0, dash);
            String to = dash < 0 ? range : range.substring(dash + 1);
            int lo = Integers.parse(from, "node list " + whole);
            int hi = Integers.parse(to, "node list " + whole);
            if (hi < lo || hi - lo >= LIMIT) {
                throw bad(whole);
            }
            for (int i = lo; i <= hi; i++) {
                String n = Integer.toString(i);
                one(
                        prefix + "0".repeat(Math.max(0, from.length() - n.length())) + n + suffix,
                        out,
                        whole);
            }
        }
    }

    private static BadRecordException bad(String list) {
        return new BadRecordException("BAD_NODES", "node list '" + list + "' cannot be read");
    }
}

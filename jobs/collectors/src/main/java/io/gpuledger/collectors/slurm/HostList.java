package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.core.InputLimits;
import java.util.ArrayList;
import java.util.List;

/** Slurm's node lists: {@code n[5-6,09-11],rack[1-2]node03}. */
public final class HostList {
    /** Sixty characters must not become a hundred thousand names. */
    private static final int LIMIT = InputLimits.HOSTS;

    /** Bracketed groups of one name; each is a level of recursion. */
    private static final int GROUP_LIMIT = 8;

    private HostList() {}

    /** The names in the order of the list; zero padding is kept. */
    public static List<String> expand(String list) throws BadRecordException {
        List<String> out = new ArrayList<>();
        String s = list.trim();
        if (s.isEmpty() || s.equals("(null)") || s.equals("None assigned") || s.equals("None")) {
            return out;
        }
        for (String part : TopLevel.split(s, '[', ']')) {
            one(part, 0, out, list);
        }
        return out;
    }

    private static void one(String part, int group, List<String> out, String whole)
            throws BadRecordException {
        int open = part.indexOf('[');
        if (open < 0) {
            if (out.size() >= LIMIT
                    || part.length() > InputLimits.NAME_LENGTH
                    || part.indexOf(']') >= 0) {
                throw bad(whole);
            }
            out.add(part);
            return;
        }
        int close = part.indexOf(']', open);
        if (close < 0 || group >= GROUP_LIMIT) {
            throw bad(whole);
        }
        String prefix = part.substring(0, open);
        String suffix = part.substring(close + 1);
        for (String range : part.substring(open + 1, close).split(",", -1)) {
            int dash = range.indexOf('-');
            String from = dash < 0 ? range : range.substring(0, dash);
            String to = dash < 0 ? range : range.substring(dash + 1);
            int lo = Integers.parse(from, "a node list");
            int hi = Integers.parse(to, "a node list");
            if (hi < lo || hi - lo >= LIMIT) {
                throw bad(whole);
            }
            for (int i = lo; i <= hi; i++) {
                String n = Integer.toString(i);
                String padding = "0".repeat(Math.max(0, from.length() - n.length()));
                one(prefix + padding + n + suffix, group + 1, out, whole);
            }
        }
    }

    private static BadRecordException bad(String list) {
        return new BadRecordException("BAD_NODES", "node list '" + list + "' cannot be read");
    }
}

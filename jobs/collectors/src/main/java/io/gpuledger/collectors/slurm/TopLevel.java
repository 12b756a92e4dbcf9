package io.gpuledger.collectors.slurm;

import java.util.ArrayList;
import java.util.List;

/** Splits at commas that are not inside brackets. */
final class TopLevel {
    private TopLevel() {}

    static List<String> split(String s, char open, char close) {
        List<String> out = new ArrayList<>();
        int depth = 0;
        int from = 0;
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if (c == open) {
                depth++;
            } else if (c == close) {
                depth--;
            } else if (c == ',' && depth == 0) {
                out.add(s.substring(from, i).trim());
                from = i + 1;
            }
        }
        out.add(s.substring(from).trim());
        out.removeIf(String::isEmpty);
        return out;
    }
}

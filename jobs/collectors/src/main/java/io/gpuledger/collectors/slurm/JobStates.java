package io.gpuledger.collectors.slurm;

import java.util.Locale;
import java.util.Set;

/** What a state says about the times beside it. */
final class JobStates {
    private static final Set<String> ENDED =
            Set.of(
                    "COMPLETED",
                    "FAILED",
                    "CANCELLED",
                    "TIMEOUT",
                    "NODE_FAIL",
                    "PREEMPTED",
                    "OUT_OF_MEMORY",
                    "BOOT_FAIL",
                    "DEADLINE",
                    "REQUEUED",
                    "RESIZING",
                    "REVOKED",
                    "COMPLETING");

    private JobStates() {}

    /** Without actor, flags and the plus of a cut column. */
    static String base(String text) {
        String s = text.trim();
        int space = s.indexOf(' ');
        if (space > 0) {
            s = s.substring(0, space);
        }
        if (s.endsWith("+")) {
            s = s.substring(0, s.length() - 1);
        }
        return s.toUpperCase(Locale.ROOT);
    }

    static boolean ended(String state) {
        return ENDED.contains(state);
    }
}

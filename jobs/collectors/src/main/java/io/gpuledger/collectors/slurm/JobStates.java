package io.gpuledger.collectors.slurm;

import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Slurm's job states, reduced to what the schema knows: a base state, or COMPLETING on the way out.
 * Slurm shows a flag instead of the base state (text), beside it (newer JSON) or not at all.
 */
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
                    "DEADLINE");

    private static final Set<String> BASE_LIVE = Set.of("PENDING", "RUNNING", "SUSPENDED");

    /** Flags of a job that has its allocation. */
    private static final Set<String> RUNNING =
            Set.of("CONFIGURING", "SIGNALING", "STOPPED", "POWER_UP_NODE", "RESIZING");

    /** Flags of a job that waits, again or for ever. */
    private static final Set<String> WAITING =
            Set.of(
                    "REQUEUED",
                    "REQUEUE_HOLD",
                    "REQUEUE_FED",
                    "SPECIAL_EXIT",
                    "RESV_DEL_HOLD",
                    "REVOKED");

    /** States in which accounting closes a row although the job lives on. */
    private static final Set<String> CLOSED_ROW = Set.of("REQUEUED", "RESIZING", "REVOKED");

    private JobStates() {}

    /** What the controller says. An unknown state holds nothing and its end is not believed. */
    static String controller(List<String> shown) {
        List<String> states = shown.stream().map(JobStates::word).toList();
        if (states.contains("COMPLETING")) {
            return "COMPLETING";
        }
        String base = base(states);
        if (!base.isEmpty()) {
            return base;
        }
        String first = states.isEmpty() ? "" : states.get(0);
        if (first.equals("STAGE_OUT")) {
            // Data is copied after the end; the nodes are free again.
            return "COMPLETING";
        }
        if (RUNNING.contains(first)) {
            return "RUNNING";
        }
        return WAITING.contains(first) ? "PENDING" : first;
    }

    /** What accounting says of one row. */
    static String accounting(List<String> shown) {
        List<String> states = shown.stream().map(JobStates::word).toList();
        for (String s : states) {
            if (CLOSED_ROW.contains(s)) {
                return s;
            }
        }
        String base = base(states);
        return base.isEmpty() && !states.isEmpty() ? states.get(0) : base;
    }

    private static String base(List<String> states) {
        for (String s : states) {
            if (BASE_LIVE.contains(s) || ENDED.contains(s)) {
                return s;
            }
        }
        return "";
    }

    /** Without actor ("CANCELLED by 0"); completed where a narrow column cut it ("OUT_OF_ME+"). */
    private static String word(String text) {
        String s = text.trim();
        int space = s.indexOf(' ');
        if (space > 0) {
            s = s.substring(0, space);
        }
        s = s.toUpperCase(Locale.ROOT);
        if (!s.endsWith("+")) {
            return s;
        }
        String begin = s.substring(0, s.length() - 1);
        return ENDED.stream().filter(e -> e.startsWith(begin)).sorted().findFirst().orElse(begin);
    }

    /** The controller's end time is the end, not a forecast. */
    static boolean ended(String state) {
        return ENDED.contains(state) || state.equals("COMPLETING");
    }

    /** The end time of an accounting row is the end: it has none while the row is open. */
    static boolean closedRow(String state) {
        return !BASE_LIVE.contains(state) && !state.isEmpty();
    }
}

package io.gpuledger.collectors.slurm;

import io.gpuledger.core.InputLimits;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Node states and flags under one name each, that of slurmrestd: texts abbreviate flags to a
 * trailing character or have older names for them.
 */
final class NodeStates {
    private static final Map<Character, String> SUFFIXES =
            Map.of(
                    '*', "NOT_RESPONDING",
                    '~', "POWERED_DOWN",
                    '#', "POWERING_UP",
                    '!', "POWER_DOWN",
                    '%', "POWERING_DOWN",
                    '$', "MAINTENANCE",
                    '@', "REBOOT_REQUESTED",
                    '^', "REBOOT_ISSUED",
                    '-', "PLANNED");

    private static final Map<String, List<String>> NAMES =
            Map.ofEntries(
                    Map.entry("NO_RESPOND", List.of("NOT_RESPONDING")),
                    Map.entry("MAINT", List.of("MAINTENANCE")),
                    Map.entry("RES", List.of("RESERVED")),
                    Map.entry("RESV", List.of("RESERVED")),
                    Map.entry("ALLOC", List.of("ALLOCATED")),
                    Map.entry("MIX", List.of("MIXED")),
                    Map.entry("COMP", List.of("COMPLETING")),
                    Map.entry("PLND", List.of("PLANNED")),
                    Map.entry("DRAINING", List.of("ALLOCATED", "DRAIN")),
                    Map.entry("DRNG", List.of("ALLOCATED", "DRAIN")),
                    Map.entry("DRAINED", List.of("IDLE", "DRAIN")),
                    Map.entry("FAILING", List.of("ALLOCATED", "FAIL")),
                    Map.entry("REBOOT", List.of("REBOOT_REQUESTED")));

    private NodeStates() {}

    static List<String> normalised(Iterable<String> shown) {
        Set<String> out = new LinkedHashSet<>();
        for (String text : shown) {
            for (String part : text.toUpperCase(Locale.ROOT).split("\\+", -1)) {
                add(part.trim(), out);
            }
        }
        return new ArrayList<>(out);
    }

    private static void add(String part, Set<String> out) {
        String s = part;
        List<String> flags = new ArrayList<>();
        while (!s.isEmpty() && SUFFIXES.containsKey(s.charAt(s.length() - 1))) {
            flags.add(0, SUFFIXES.getOrDefault(s.charAt(s.length() - 1), ""));
            s = s.substring(0, s.length() - 1);
        }
        List<String> all = new ArrayList<>(NAMES.getOrDefault(s, List.of(s)));
        all.addAll(flags);
        for (String state : all) {
            if (!state.isEmpty() && out.size() < InputLimits.STATES) {
                out.add(state);
            }
        }
    }

    /** Such a node is only planned for: it has no cards yet. */
    static boolean present(List<String> states) {
        return !states.contains("FUTURE");
    }
}

package io.gpuledger.attribution;

import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.testkit.ExpectedRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Rows of the engine beside those of the oracle. */
final class OracleComparison {
    private static final long HOUR_MS = 3_600_000;

    private OracleComparison() {}

    /** An hour row is the sum of its minutes, nothing else. */
    static List<ExpectedRow> hours(List<ExpectedRow> minutes) {
        Map<String, List<ExpectedRow>> bySlot = new TreeMap<>();
        for (ExpectedRow row : minutes) {
            bySlot.computeIfAbsent(
                            "%s %s/%d %s %d"
                                    .formatted(
                                            row.cluster(),
                                            row.host(),
                                            row.gpuIndex(),
                                            row.unplacedRun(),
                                            hour(row)),
                            k -> new ArrayList<>())
                    .add(row);
        }
        List<ExpectedRow> hours = new ArrayList<>();
        for (List<ExpectedRow> rows : bySlot.values()) {
            Map<String, ExpectedRow.Holder> holders = new TreeMap<>();
            for (ExpectedRow row : rows) {
                for (ExpectedRow.Holder h : row.holders()) {
                    holders.merge(
                            "%s %s %d".formatted(h.bucket(), h.runId(), h.instance()),
                            h,
                            OracleComparison::add);
                }
            }
            ExpectedRow first = rows.get(0);
            hours.add(
                    new ExpectedRow(
                            first.cluster(),
                            first.host(),
                            first.gpuIndex(),
                            first.unplacedRun(),
                            hour(first),
                            rows.stream().mapToLong(ExpectedRow::existsMs).sum(),
                            first.activityTold(),
                            List.copyOf(holders.values())));
        }
        return hours;
    }

    private static long hour(ExpectedRow row) {
        return Math.floorDiv(row.windowStartMs(), HOUR_MS) * HOUR_MS;
    }

    private static ExpectedRow.Holder add(ExpectedRow.Holder a, ExpectedRow.Holder b) {
        Set<String> flags = new TreeSet<>(a.flags());
        flags.addAll(b.flags());
        return new ExpectedRow.Holder(
                a.bucket(),
                a.runId(),
                a.instance(),
                a.gpuMs() + b.gpuMs(),
                a.coveredMs() + b.coveredMs(),
                a.activeGpuUs() + b.activeGpuUs(),
                a.energyMj() + b.energyMj(),
                a.heldIdleMs() + b.heldIdleMs(),
                flags);
    }

    /** Expected and actual of every row that is not the same. */
    static List<String> differences(List<ExpectedRow> expected, List<UsageRow> actual) {
        List<String> differences = new ArrayList<>();
        Map<String, UsageRow> left = new TreeMap<>();
        actual.forEach(row -> left.put(key(row), row));
        for (ExpectedRow row : expected) {
            String key = key(row);
            UsageRow got = left.remove(key);
            Map<String, String> want = content(row);
            Map<String, String> have = got == null ? Map.of() : content(got, row.activityTold());
            if (!want.equals(have)) {
                differences.add(
                        "  %s%n    expected %s%n    actual   %s".formatted(key, want, have));
            }
        }
        left.forEach(
                (key, row) -> {
                    Map<String, String> have = content(row, true);
                    if (row.existsMs() != 0 || have.size() > 1) {
                        differences.add(
                                "  %s%n    expected nothing%n    actual   %s".formatted(key, have));
                    }
                });
        return differences;
    }

    private static String key(UsageRow row) {
        return "%s %s %s/%d %s"
                .formatted(
                        row.windowStartMs(),
                        row.cluster(),
                        row.host(),
                        row.gpuIndex(),
                        row.unplacedRun());
    }

    private static String key(ExpectedRow row) {
        return "%s %s %s/%d %s"
                .formatted(
                        row.windowStartMs(),
                        row.cluster(),
                        row.host(),
                        row.gpuIndex(),
                        row.unplacedRun());
    }

    private static Map<String, String> content(ExpectedRow row) {
        Map<String, String> content = new TreeMap<>();
        content.put("exists", Long.toString(row.existsMs()));
        for (ExpectedRow.Holder h : row.holders()) {
            put(
                    content,
                    "%s %s %d".formatted(h.bucket(), h.runId(), h.instance()),
                    h.gpuMs(),
                    row.activityTold() ? h.coveredMs() : 0,
                    row.activityTold() ? h.activeGpuUs() : 0,
                    h.energyMj(),
                    row.activityTold() ? h.heldIdleMs() : 0,
                    h.flags());
        }
        return content;
    }

    private static Map<String, String> content(UsageRow row, boolean activityTold) {
        Map<String, String> content = new TreeMap<>();
        content.put("exists", Long.toString(row.existsMs()));
        for (UsageRow.Holder h : row.holders()) {
            put(
                    content,
                    "%s %s %d".formatted(h.bucket(), h.runId(), h.instance()),
                    h.gpuMs(),
                    activityTold ? h.coveredMs() : 0,
                    activityTold ? h.activeGpuUs() : 0,
                    h.energyMj(),
                    activityTold ? h.heldIdleMs() : 0,
                    names(h.flags()));
        }
        return content;
    }

    private static Set<String> names(int flags) {
        Set<String> names = new TreeSet<>();
        for (RunFlag flag : RunFlag.values()) {
            if ((flags & flag.bit()) != 0) {
                names.add(flag.name());
            }
        }
        return names;
    }

    private static void put(
            Map<String, String> content,
            String holder,
            long gpuMs,
            long coveredMs,
            long activeUs,
            long energyMj,
            long heldIdleMs,
            Set<String> allFlags) {
        // Which windows of a run say that its end is uncertain is tested by example; what is left
        // of an instance after its run says nothing of instances.
        Set<String> flags = new TreeSet<>(allFlags);
        flags.removeAll(List.of("OPEN", "END_ESTIMATED"));
        if (holder.startsWith("OVERHEAD")) {
            flags.remove("INSTANCE_AS_SLOT");
        }
        if ((gpuMs | coveredMs | activeUs | energyMj | heldIdleMs) != 0) {
            content.put(
                    holder,
                    "gpu_ms=%d covered=%d active_us=%d energy_mj=%d held_idle=%d %s"
                            .formatted(gpuMs, coveredMs, activeUs, energyMj, heldIdleMs, flags));
        }
    }
}

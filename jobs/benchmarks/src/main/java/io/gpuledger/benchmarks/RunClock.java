package io.gpuledger.benchmarks;

import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The clock of the one run that is measured in this process: from the first record that leaves a
 * source to the last row acknowledged. Starting and stopping Flink is outside. Static, because
 * Flink's functions are copies that know nobody.
 */
final class RunClock {
    /** What passed between the first record and the last row. */
    record Elapsed(long ns, Map<ProcessMeter.Part, Long> cpuMs) {}

    private static @Nullable ProcessMeter meter;
    private static volatile boolean begun;
    private static long beginNs;
    private static long endNs;
    private static Map<ProcessMeter.Part, Long> beginCpu = Map.of();
    private static Map<ProcessMeter.Part, Long> endCpu = Map.of();

    private RunClock() {}

    static synchronized void arm(ProcessMeter with) {
        meter = with;
        begun = false;
        endNs = 0;
    }

    /** A record was read; only the first counts. */
    static void begin() {
        if (!begun) {
            beginNow();
        }
    }

    private static synchronized void beginNow() {
        if (!begun && meter != null) {
            beginCpu = meter.cpuMs();
            beginNs = System.nanoTime();
            begun = true;
        }
    }

    /** A writer has written all it will; the last one counts. */
    static synchronized void end() {
        if (meter != null) {
            endNs = System.nanoTime();
            endCpu = meter.cpuMs();
        }
    }

    static synchronized Elapsed elapsed() {
        if (!begun || endNs == 0) {
            throw new IllegalStateException("the run read no record or wrote to no end");
        }
        Map<ProcessMeter.Part, Long> used = new EnumMap<>(ProcessMeter.Part.class);
        endCpu.forEach((part, ms) -> used.put(part, ms - beginCpu.getOrDefault(part, ms)));
        return new Elapsed(endNs - beginNs, used);
    }
}

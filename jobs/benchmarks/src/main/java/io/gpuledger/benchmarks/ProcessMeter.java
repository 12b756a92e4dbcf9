package io.gpuledger.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;

/** CPU time and peak memory of the processes that take part, from Linux's /proc. */
public final class ProcessMeter {
    /** Of the user interface of Linux, on every architecture. */
    private static final long TICKS_PER_SECOND = 100;

    /** Fields after the command in /proc/PID/stat: user and system ticks. */
    private static final int USER_TICKS = 11;

    /** Who takes part. */
    public enum Part {
        /** This process: Flink, the Kafka client, the sink. */
        JOB,
        KAFKA,
        CLICKHOUSE
    }

    private final Map<Part, Long> pids;

    /**
     * A meter of this process and others.
     *
     * @param others those of this machine; a server elsewhere is not measured
     */
    public ProcessMeter(Map<Part, Long> others) {
        pids = new EnumMap<>(Part.class);
        pids.putAll(others);
        pids.put(Part.JOB, ProcessHandle.current().pid());
    }

    /** CPU milliseconds used so far, of those measured. */
    public Map<Part, Long> cpuMs() {
        Map<Part, Long> used = new EnumMap<>(Part.class);
        pids.forEach((part, pid) -> used.put(part, cpuMs(pid)));
        return used;
    }

    private static long cpuMs(long pid) {
        String stat = read(pid, "stat");
        // The command is in parentheses and may hold blanks.
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        long ticks = Long.parseLong(fields[USER_TICKS]) + Long.parseLong(fields[USER_TICKS + 1]);
        return ticks * 1000 / TICKS_PER_SECOND;
    }

    /** From here on the peak is that of what follows. */
    void resetPeaks() {
        for (long pid : pids.values()) {
            try {
                Files.writeString(Path.of("/proc", Long.toString(pid), "clear_refs"), "5");
            } catch (IOException e) {
                throw new UncheckedIOException("cannot reset the peak memory of process " + pid, e);
            }
        }
    }

    /** Most resident memory since the reset, KiB. */
    Map<Part, Long> peakKib() {
        Map<Part, Long> peaks = new EnumMap<>(Part.class);
        pids.forEach((part, pid) -> peaks.put(part, peakKib(pid)));
        return peaks;
    }

    private static long peakKib(long pid) {
        return read(pid, "status")
                .lines()
                .filter(line -> line.startsWith("VmHWM:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no VmHWM of process " + pid));
    }

    private static String read(long pid, String file) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), file));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot measure process " + pid, e);
        }
    }
}

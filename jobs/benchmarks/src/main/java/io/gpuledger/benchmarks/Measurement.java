package io.gpuledger.benchmarks;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One run of one variant.
 *
 * @param elapsedNs from the first record read to the last row acknowledged
 * @param cpuMs in that time, of each process that can be measured
 * @param peakKib resident memory of each, at most, start and stop included
 * @param minuteRows in ClickHouse after it, 0 where nothing is written
 */
public record Measurement(
        long elapsedNs,
        Map<ProcessMeter.Part, Long> cpuMs,
        Map<ProcessMeter.Part, Long> peakKib,
        long minuteRows,
        @Nullable Checkpoints checkpoints) {

    public Measurement {
        cpuMs = Map.copyOf(cpuMs);
        peakKib = Map.copyOf(peakKib);
    }

    /**
     * What Flink said of the checkpoints that completed, last looked at shortly before the end.
     *
     * @param largestBytes state of the largest one
     * @param longestMs end to end
     * @param lastBytes state of the last one seen
     * @param lastAddedBytes of it what was written for this checkpoint
     * @param lastMs end to end
     */
    public record Checkpoints(
            long completed,
            long largestBytes,
            long longestMs,
            long lastBytes,
            long lastAddedBytes,
            long lastMs) {}

    double samplesPerSecond(long samples) {
        return samples * 1e9 / elapsedNs;
    }

    double cpuSecondsPerMillion(long samples) {
        long all = cpuMs.values().stream().mapToLong(Long::longValue).sum();
        return perMillion(all, samples);
    }

    double cpuSecondsPerMillion(ProcessMeter.Part part, long samples) {
        return perMillion(cpuMs.getOrDefault(part, 0L), samples);
    }

    private static double perMillion(long ms, long samples) {
        return ms / 1e3 / (samples / 1e6);
    }
}

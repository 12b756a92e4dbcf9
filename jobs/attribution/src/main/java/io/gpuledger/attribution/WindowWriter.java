package io.gpuledger.attribution;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.HostFacts;
import io.gpuledger.core.usage.HostTimeline;
import io.gpuledger.core.usage.SampleSeries;
import io.gpuledger.core.usage.SlotReadings;
import io.gpuledger.core.usage.UnbalancedRowException;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.flink.util.Collector;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks the core what happened in a window or hour of a host and writes what is new of it. */
final class WindowWriter {
    private static final Logger LOG = LoggerFactory.getLogger(WindowWriter.class);

    private final AttributionSettings settings;
    private final HostAttributor.Core core;
    private final SampleArchive archive;
    private final ChargingInForce inForce;
    private final WrittenWindows minutes;
    private final WrittenWindows hours;
    private final boolean restored;
    private long restoredAtMs = Long.MIN_VALUE;

    /**
     * @param restored another attempt wrote before this one
     */
    WindowWriter(
            AttributionSettings settings,
            HostAttributor.Core core,
            SampleArchive archive,
            ChargingInForce inForce,
            WrittenWindows minutes,
            WrittenWindows hours,
            boolean restored) {
        this.settings = settings;
        this.core = core;
        this.archive = archive;
        this.inForce = inForce;
        this.minutes = minutes;
        this.hours = hours;
        this.restored = restored;
    }

    /** Whether the rows of a minute are others than those written last. */
    boolean minute(
            HostMemory memory, HostFacts known, long start, long nowMs, Collector<SinkRow> out)
            throws Exception {
        List<UsageRow> rows;
        try {
            rows = attribute(memory, known, start);
        } catch (UnbalancedRowException | ArithmeticException e) {
            setAside(memory.host, "minute", start, e, nowMs, out);
            return false;
        }
        boolean changed =
                minutes.write(memory.host, start, rows, nowMs, isUnsure(start, nowMs), out);
        memory.openHours.add(start, rows, changed);
        return changed;
    }

    /** The sum of its minutes: those written just now, and the others as they come out now. */
    void hour(HostMemory memory, HostFacts known, long start, long nowMs, Collector<SinkRow> out)
            throws Exception {
        OpenHours.Minutes hour = memory.openHours.close(start);
        List<UsageRow> rows;
        try {
            for (long m = start; m < start + HostTimers.HOUR_MS; m += HostTimers.WINDOW_MS) {
                if (!hour.has(m)) {
                    hour.add(m, attribute(memory, known, m));
                }
            }
            rows = hour.sum();
        } catch (UnbalancedRowException | ArithmeticException e) {
            setAside(memory.host, "hour", start, e, nowMs, out);
            return;
        }
        hours.write(memory.host, start, rows, nowMs, isUnsure(start, nowMs), out);
    }

    private List<UsageRow> attribute(HostMemory memory, HostFacts known, long windowMs)
            throws Exception {
        Span window = new Span(windowMs, windowMs + HostTimers.WINDOW_MS);
        Map<Integer, SampleSeries> samples = memory.recent();
        if (windowMs < memory.recentFromMs) {
            samples = archive.hourOf(memory, windowMs);
        }
        return core.attribute(
                known, readings(memory, known.timeline(), samples), window, inForce.charging());
    }

    /** What samples say, by the slot that they are of. */
    private Map<Integer, SlotReadings> readings(
            HostMemory memory, HostTimeline timeline, Map<Integer, SampleSeries> samples) {
        Map<Integer, SortedMap<Integer, SlotReadings.Series>> bySlot = new HashMap<>();
        for (Track track : memory.tracks) {
            SampleSeries all = samples.get(track.id);
            if (all == null || all.isEmpty()) {
                continue;
            }
            SeriesState known = track.series;
            Map<Integer, SampleSeries> parts = timeline.bySlot(known.gpuIndex, all);
            parts.forEach(
                    (slot, part) ->
                            bySlot.computeIfAbsent(slot, s -> new TreeMap<>())
                                    .merge(
                                            known.instance,
                                            new SlotReadings.Series(
                                                    known.slices, known.slicesPerGpu, part),
                                            SlotReadings.Series::and));
        }
        return SlotReadings.bySlot(bySlot, settings.readingRules());
    }

    /** A fault of the core must not stop the job: the window keeps what was written before. */
    private void setAside(
            HostState host,
            String unit,
            long start,
            RuntimeException fault,
            long nowMs,
            Collector<SinkRow> out) {
        LOG.error("cannot attribute host {} in the {} at {}", host.host, unit, start, fault);
        out.collect(
                DeadLetters.unbalanced(
                        host.cluster,
                        "host '%s', %s at %s: %s; this is a fault of the program, report it"
                                .formatted(host.host, unit, Instant.ofEpochMilli(start), fault),
                        nowMs,
                        settings));
    }

    /** What began before this attempt may have been written by the one before it. */
    private boolean isUnsure(long windowMs, long nowMs) {
        if (restored && restoredAtMs == Long.MIN_VALUE) {
            restoredAtMs = nowMs;
        }
        return restored && windowMs < restoredAtMs;
    }
}

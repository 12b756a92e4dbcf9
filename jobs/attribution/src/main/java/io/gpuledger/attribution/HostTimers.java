package io.gpuledger.attribution;

import io.gpuledger.core.time.Span;
import org.apache.flink.streaming.api.TimerService;

/**
 * When a host is looked at again: a timer for each window and hour in which something changed, and
 * a few of its own. Many changes set one timer, so they are looked at together.
 */
final class HostTimers {
    static final long WINDOW_MS = 60_000;
    static final long HOUR_MS = 3_600_000;

    /** How often a host is looked at for what changes by itself. */
    private static final long TICK_MS = 5 * WINDOW_MS;

    /** Timers fire at whole minutes for windows; a millisecond apart for everything else. */
    private static final long HOUR_MARK = 1;

    private static final long TICK_MARK = 2;

    /** Fires with the first watermark, whatever that is. */
    private static final long FIRST_WATERMARK = Long.MIN_VALUE + 1;

    /** The same once there was one. */
    private static final long NEXT_WATERMARK = Long.MIN_VALUE + 2;

    /** What a timer is for. */
    enum Kind {
        FIRST_WATERMARK,
        NEXT_WATERMARK,
        TICK,
        HOUR,
        MINUTE
    }

    private final AttributionSettings settings;

    HostTimers(AttributionSettings settings) {
        this.settings = settings;
    }

    static Kind kindOf(long timestamp) {
        if (timestamp == FIRST_WATERMARK) {
            return Kind.FIRST_WATERMARK;
        }
        if (timestamp == NEXT_WATERMARK) {
            return Kind.NEXT_WATERMARK;
        }
        // Settle is whole minutes, so what is left over tells the kinds of timer apart.
        long mark = Math.floorMod(timestamp, WINDOW_MS);
        return mark == TICK_MARK ? Kind.TICK : mark == HOUR_MARK ? Kind.HOUR : Kind.MINUTE;
    }

    /** Start of the window that a timer is for. */
    long minuteOf(long timestamp) {
        return timestamp - settings.settleMs() - WINDOW_MS;
    }

    /** Start of the hour; a timer of an earlier start, with another settle, lies between two. */
    long hourOf(long timestamp) {
        return floor(timestamp - settings.settleMs(), HOUR_MS) - HOUR_MS;
    }

    static long floor(long ms, long unit) {
        return Math.floorDiv(ms, unit) * unit;
    }

    void onFirstWatermark(TimerService timers) {
        timers.registerEventTimeTimer(FIRST_WATERMARK);
    }

    void onNextWatermark(TimerService timers) {
        timers.registerEventTimeTimer(NEXT_WATERMARK);
    }

    void minute(long start, TimerService timers) {
        timers.registerEventTimeTimer(start + WINDOW_MS + settings.settleMs());
    }

    void hour(long start, TimerService timers) {
        timers.registerEventTimeTimer(start + HOUR_MS + settings.settleMs() + HOUR_MARK);
    }

    void tick(HostState host, long nowMs, TimerService timers) {
        host.tickAtMs = floor(nowMs, TICK_MS) + TICK_MS + TICK_MARK;
        timers.registerEventTimeTimer(host.tickAtMs);
    }

    /**
     * Sets the timers of the windows from one instant to another, both included. Before the first
     * watermark nobody knows how much of a long time is closed: that one touches all of it again.
     */
    void touch(HostMemory memory, long fromMs, long toMs, TimerService timers) {
        if (isTouched(memory, fromMs, toMs, timers)) {
            return;
        }
        long watermark = timers.currentWatermark();
        long changeable = settings.changeableFromMs(watermark == Long.MIN_VALUE ? toMs : watermark);
        for (long window = floor(Math.max(fromMs, changeable), WINDOW_MS);
                window <= toMs;
                window += WINDOW_MS) {
            timers.registerEventTimeTimer(window + WINDOW_MS + settings.settleMs());
            memory.touchedMs = window;
        }
    }

    /** Whether all of a span lies in a window whose timer is set and has not fired. */
    private boolean isTouched(HostMemory memory, long fromMs, long toMs, TimerService timers) {
        return memory.touchedMs <= fromMs
                && toMs < memory.touchedMs + WINDOW_MS
                && timers.currentWatermark() < memory.touchedMs + WINDOW_MS + settings.settleMs();
    }

    /**
     * Evidence of a slot: between it and what was known before, the slot existed as well.
     *
     * @param compared the windows are found by comparing the facts
     */
    void evidence(HostMemory memory, int slot, Span seen, boolean compared, TimerService timers) {
        HostState host = memory.host;
        int i = memory.slot(slot);
        boolean isNew = host.slotFirstMs[i] > host.slotLastMs[i];
        if (!compared && (isNew || seen.startMs() < host.slotFirstMs[i])) {
            touch(memory, seen.startMs(), isNew ? seen.endMs() : host.slotFirstMs[i], timers);
        }
        if (!compared && !isNew && seen.endMs() > host.slotLastMs[i]) {
            touch(memory, host.slotLastMs[i], seen.endMs(), timers);
        }
        host.slotFirstMs[i] = Math.min(host.slotFirstMs[i], seen.startMs());
        host.slotLastMs[i] = Math.max(host.slotLastMs[i], seen.endMs());
    }
}

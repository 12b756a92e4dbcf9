package io.gpuledger.collectors.dcgm;

import java.net.URI;

/**
 * When an exporter is scraped: at whole intervals of UTC, moved by an offset that stays the same
 * for its address, so that a restart does not change it and two hundred do not answer at once.
 *
 * @param intervalMs from one scrape to the next
 * @param aligned all at once, on the whole interval
 */
record ScrapeTimes(long intervalMs, boolean aligned) {
    /** At most: who comes back is seen within a minute. */
    private static final long LONGEST_BACK_OFF_MS = 60_000;

    private static final int DOUBLINGS = 16;

    /** The first scrape after an instant, in epoch milliseconds. */
    long after(URI target, long nowMs) {
        long offset = aligned ? 0 : Math.floorMod(mixed(target.toString().hashCode()), intervalMs);
        return Math.floorDiv(nowMs - offset, intervalMs) * intervalMs + offset + intervalMs;
    }

    /**
     * The next scrape of a target that failed so many times in a row: the intervals between double,
     * but the times stay its own.
     */
    long after(URI target, long nowMs, int failures) {
        if (failures < 2) {
            return after(target, nowMs);
        }
        long pause = intervalMs << Math.min(failures - 1, DOUBLINGS);
        long limit = Math.max(intervalMs, LONGEST_BACK_OFF_MS);
        return after(target, nowMs + Math.min(pause, limit) - intervalMs);
    }

    /** String hashes of names that differ in a digit lie side by side. */
    private static long mixed(int hash) {
        long h = hash * 0x9E3779B97F4A7C15L;
        return (h ^ (h >>> 32)) & Long.MAX_VALUE;
    }
}

package io.gpuledger.attribution;

import java.util.Map;

/**
 * Which job snapshots are in ClickHouse already: a poll mostly repeats what the one before it said,
 * and what is said for days has a row for each hour. Memory only; after a restart there is a row
 * more.
 */
final class WrittenSnapshots {
    private static final int KEPT = 32_768;

    /** By cluster and content the hour of its last row. */
    private final Map<String, Long> hours = new RecentMap<>(KEPT);

    /** Whether a row of it is to be written; it counts as written then. */
    boolean isDue(JobInput input) {
        long hour = Math.floorDiv(input.lastObservedMs, HostTimers.HOUR_MS);
        String key = input.cluster + "/" + input.contentKey;
        Long before = hours.get(key);
        if (before != null && before == hour) {
            return false;
        }
        hours.put(key, hour);
        return true;
    }
}

package io.gpuledger.attribution;

import java.io.Serializable;

/**
 * How the job runs.
 *
 * @param settleMs a window is written this long after its end; whole minutes
 * @param horizonMs how far back later input changes a window, cut at whole hours
 * @param schedulerGapMs polls at most this far apart make the time between them known
 * @param futureMs a record observed this much later than Kafka got it has a wrong clock
 * @param inputDigest 0 live; a backfill marks its rows with the digest of its inputs
 * @param revisionFloor no row gets a revision below this
 */
public record AttributionSettings(
        long settleMs,
        long horizonMs,
        long schedulerGapMs,
        long futureMs,
        long inputDigest,
        long revisionFloor)
        implements Serializable {

    private static final long HOUR_MS = 3_600_000;
    private static final long UNBOUNDED = Long.MAX_VALUE / 4;

    /** DESIGN section 6: settle 2 min, horizon 48 h, scheduler gap 5 min, future 5 min. */
    public static AttributionSettings live(long revisionFloor) {
        return new AttributionSettings(120_000, 48 * HOUR_MS, 300_000, 300_000, 0, revisionFloor);
    }

    /** Nothing is late in a backfill. */
    public static AttributionSettings backfill(long inputDigest, long revisionFloor) {
        return new AttributionSettings(
                120_000, UNBOUNDED, 300_000, UNBOUNDED, inputDigest, revisionFloor);
    }

    /** Nothing is late and nothing was written before. */
    boolean isBackfill() {
        return horizonMs == UNBOUNDED;
    }

    /**
     * The first instant that may still change when event time is at {@code watermarkMs}; {@link
     * Long#MIN_VALUE} when all may.
     */
    long changeableFromMs(long watermarkMs) {
        if (watermarkMs == Long.MIN_VALUE || watermarkMs == Long.MAX_VALUE) {
            return Long.MIN_VALUE;
        }
        return Math.floorDiv(watermarkMs - horizonMs, HOUR_MS) * HOUR_MS;
    }
}

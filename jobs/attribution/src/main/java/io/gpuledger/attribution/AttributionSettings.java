package io.gpuledger.attribution;

import java.io.Serializable;

/**
 * How the job runs.
 *
 * @param settleMs a window is written this long after its end
 * @param horizonMs how far back later input changes a window
 * @param schedulerGapMs polls at most this far apart make the time between them known
 * @param inputDigest 0 live; a backfill marks its rows with the digest of its inputs
 * @param revisionFloor no row gets a revision below this
 */
public record AttributionSettings(
        long settleMs, long horizonMs, long schedulerGapMs, long inputDigest, long revisionFloor)
        implements Serializable {

    /** DESIGN section 6: settle 2 min, horizon 48 h, scheduler gap 5 min. */
    public static AttributionSettings live(long revisionFloor) {
        return new AttributionSettings(120_000, 48 * 3_600_000L, 300_000, 0, revisionFloor);
    }

    /** Nothing is late in a backfill. */
    public static AttributionSettings backfill(long inputDigest, long revisionFloor) {
        return new AttributionSettings(
                120_000, Long.MAX_VALUE / 4, 300_000, inputDigest, revisionFloor);
    }
}

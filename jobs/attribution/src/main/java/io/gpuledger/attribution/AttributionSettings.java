package io.gpuledger.attribution;

import io.gpuledger.core.usage.ReadingRules;
import java.io.Serializable;

/**
 * How the job runs.
 *
 * @param settleMs a window is written this long after its end; whole minutes
 * @param horizonMs how far back later input changes a window, cut at whole hours
 * @param schedulerGapMs polls at most this far apart make the time between them known
 * @param futureMs a record observed this much later than Kafka got it has a wrong clock
 * @param energyGapMs a counter's increase is spread over gaps up to this
 * @param heldIdlePpm held time with at most this activity, in millionths, is idle
 * @param inputDigest 0 live; a backfill marks its rows with the digest of its inputs
 * @param revisionFloor no row gets a revision below this
 * @param isFirst the ledger is empty: no attempt before this one knew more at its end
 */
public record AttributionSettings(
        long settleMs,
        long horizonMs,
        long schedulerGapMs,
        long futureMs,
        long energyGapMs,
        long heldIdlePpm,
        long inputDigest,
        long revisionFloor,
        boolean isFirst)
        implements Serializable {

    private static final long HOUR_MS = 3_600_000;
    private static final long UNBOUNDED = Long.MAX_VALUE / 4;

    /** What a site may choose; the names are those of {@link AttributionSettings}. */
    public record Choice(
            long settleMs,
            long horizonMs,
            long schedulerGapMs,
            long futureMs,
            long energyGapMs,
            long heldIdlePpm) {
        /** DESIGN section 6: settle 2 min, horizon 48 h, scheduler gap 5 min, future 5 min. */
        public static final Choice STANDARD =
                new Choice(
                        120_000,
                        48 * HOUR_MS,
                        300_000,
                        300_000,
                        ReadingRules.STANDARD.energyGapMs(),
                        ReadingRules.STANDARD.idlePpm());
    }

    /** Of a site that chose nothing. */
    public static AttributionSettings live(long revisionFloor) {
        return live(Choice.STANDARD, revisionFloor);
    }

    public static AttributionSettings live(Choice choice, long revisionFloor) {
        return of(choice, choice.horizonMs(), choice.futureMs(), 0, revisionFloor, false);
    }

    /** The same into a ledger that is empty, of records that come to an end. */
    public static AttributionSettings measured() {
        Choice choice = Choice.STANDARD;
        return of(choice, choice.horizonMs(), choice.futureMs(), 0, 1, true);
    }

    /** Of a site that chose nothing. */
    public static AttributionSettings backfill(long inputDigest, long revisionFloor) {
        return backfill(Choice.STANDARD, inputDigest, revisionFloor);
    }

    /** Nothing is late in a backfill. */
    public static AttributionSettings backfill(
            Choice choice, long inputDigest, long revisionFloor) {
        return of(choice, UNBOUNDED, UNBOUNDED, inputDigest, revisionFloor, true);
    }

    private static AttributionSettings of(
            Choice choice,
            long horizonMs,
            long futureMs,
            long inputDigest,
            long revisionFloor,
            boolean isFirst) {
        return new AttributionSettings(
                choice.settleMs(),
                horizonMs,
                choice.schedulerGapMs(),
                futureMs,
                choice.energyGapMs(),
                choice.heldIdlePpm(),
                inputDigest,
                revisionFloor,
                isFirst);
    }

    ReadingRules readingRules() {
        return new ReadingRules(energyGapMs, heldIdlePpm);
    }

    /** Nothing is late. */
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

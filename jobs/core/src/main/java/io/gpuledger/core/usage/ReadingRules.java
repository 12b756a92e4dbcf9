package io.gpuledger.core.usage;

/**
 * What is read into telemetry.
 *
 * @param energyGapMs a counter's increase is spread over gaps up to this, in milliseconds
 * @param idlePpm covered time with at most this activity counts as idle while held, in millionths
 */
public record ReadingRules(long energyGapMs, long idlePpm) {
    /** DESIGN section 6: energy gap 12 h, idle 1 %. */
    public static final ReadingRules STANDARD = new ReadingRules(12 * 3_600_000L, 10_000);
}

package io.gpuledger.core.registry;

/**
 * Shares of the budget, in millionths, at which the state of a grant changes.
 *
 * @param hysteresisPpm how far below a threshold consumption must fall to take its state back
 */
public record Thresholds(long warningPpm, long criticalPpm, long hysteresisPpm) {
    /** The whole budget. */
    public static final long WHOLE_PPM = 1_000_000;

    /** Of a grant that says nothing of it: 80 %, 95 %, 1 %. */
    public static final Thresholds STANDARD = new Thresholds(800_000, 950_000, 10_000);

    public Thresholds {
        if (warningPpm <= 0 || criticalPpm < warningPpm || criticalPpm > WHOLE_PPM) {
            throw new IllegalArgumentException(
                    "thresholds of %d and %d ppm; warning must be above 0, critical between it and %d"
                            .formatted(warningPpm, criticalPpm, WHOLE_PPM));
        }
        if (hysteresisPpm < 0 || hysteresisPpm >= warningPpm) {
            throw new IllegalArgumentException(
                    "a hysteresis of %d ppm with a warning at %d"
                            .formatted(hysteresisPpm, warningPpm));
        }
    }
}

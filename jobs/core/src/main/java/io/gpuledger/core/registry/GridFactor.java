package io.gpuledger.core.registry;

import io.gpuledger.core.time.Span;
import java.math.BigDecimal;
import java.util.List;

/**
 * What the electricity of a grid emits.
 *
 * @param cluster that is fed from it, empty for all
 * @param area of the grid, for people, like DK2
 * @param gramsPerKwh of CO2 equivalents: one for all of the span, or one for each of its hours
 */
public record GridFactor(String cluster, String area, Span effective, List<BigDecimal> gramsPerKwh)
        implements Entry {
    private static final long HOUR_MS = 3_600_000;

    public GridFactor {
        Effective.requireDates(effective);
        gramsPerKwh = List.copyOf(gramsPerKwh);
        if (gramsPerKwh.isEmpty() || gramsPerKwh.stream().anyMatch(g -> g.signum() < 0)) {
            throw new IllegalArgumentException(
                    "a grid factor of area '%s' is one number or more, none below 0"
                            .formatted(area));
        }
        if (gramsPerKwh.size() > 1
                && effective.lengthMs() != Math.multiplyExact(gramsPerKwh.size(), HOUR_MS)) {
            throw new IllegalArgumentException(
                    "%d hourly grid factors for %d ms"
                            .formatted(gramsPerKwh.size(), effective.lengthMs()));
        }
    }

    /** Whether it says each hour on its own. */
    public boolean isHourly() {
        return gramsPerKwh.size() > 1;
    }

    /** The factor of an instant that it is in force at. */
    public BigDecimal at(long instantMs) {
        return isHourly()
                ? gramsPerKwh.get((int) ((instantMs - effective.startMs()) / HOUR_MS))
                : gramsPerKwh.get(0);
    }
}

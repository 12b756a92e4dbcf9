package io.gpuledger.statements.report;

import io.gpuledger.core.registry.Registry;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.Optional;

/**
 * What the electricity of some hours emitted.
 *
 * @param grams CO2 equivalents, rounded once
 * @param energyMj that has a factor
 * @param unknownMj that has none: it is not 0
 */
record Emissions(long grams, long energyMj, long unknownMj) {
    private static final BigDecimal MJ_PER_KWH = BigDecimal.valueOf(3_600_000_000L);

    static Emissions of(Registry registry, List<HourEnergy> hours) {
        BigDecimal sum = BigDecimal.ZERO;
        long known = 0;
        long unknown = 0;
        for (HourEnergy hour : hours) {
            Optional<BigDecimal> factor = registry.gridFactor(hour.cluster(), hour.hourMs());
            if (factor.isPresent()) {
                sum = sum.add(factor.get().multiply(BigDecimal.valueOf(hour.energyMj())));
                known += hour.energyMj();
            } else {
                unknown += hour.energyMj();
            }
        }
        return new Emissions(
                sum.divide(MJ_PER_KWH, 0, RoundingMode.HALF_EVEN).longValueExact(), known, unknown);
    }
}

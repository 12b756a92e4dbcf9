package io.gpuledger.statements.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.registry.GridFactor;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.time.Span;
import java.math.BigDecimal;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What hours of energy emit. */
class EmissionsTest {
    private static final long KWH = 3_600_000_000L;
    private static final long HOUR = 3_600_000;

    @Test
    void the_hours_own_factor_counts_and_energy_without_one_is_not_clean() {
        Registry registry =
                new Registry(
                        List.of("a", "b"),
                        List.of(),
                        List.of(),
                        List.of(),
                        List.of(),
                        List.of(),
                        List.of(
                                new GridFactor(
                                        "a", "DK2", Effective.ALWAYS, List.of(BigDecimal.TEN)),
                                new GridFactor(
                                        "a",
                                        "DK2",
                                        new Span(HOUR, 3 * HOUR),
                                        List.of(new BigDecimal("20.5"), new BigDecimal("30")))));
        Emissions emissions =
                Emissions.of(
                        registry,
                        List.of(
                                new HourEnergy("a", 0, 2 * KWH),
                                new HourEnergy("a", HOUR, KWH),
                                new HourEnergy("a", 2 * HOUR, KWH / 2),
                                new HourEnergy("b", HOUR, 7)));
        assertThat(emissions).isEqualTo(new Emissions(56, 3 * KWH + KWH / 2, 7));
    }
}

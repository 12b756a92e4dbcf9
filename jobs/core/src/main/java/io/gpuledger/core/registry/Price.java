package io.gpuledger.core.registry;

import io.gpuledger.core.time.Span;
import java.math.BigDecimal;

/**
 * What a charged GPU-hour of a model costs, and when.
 *
 * @param gpuModel empty for every model without a price of its own
 * @param perGpuHour in the currency of the list
 */
public record Price(String gpuModel, Span effective, BigDecimal perGpuHour) implements Entry {
    public Price {
        Effective.requireDates(effective);
        if (perGpuHour.signum() < 0) {
            throw new IllegalArgumentException("a price of " + perGpuHour.toPlainString());
        }
    }
}

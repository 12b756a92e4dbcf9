package io.gpuledger.core.statement;

import io.gpuledger.core.registry.BudgetLine;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Currency;

/**
 * The one place that rounds money: half-even, once for each figure of a period as a whole, to the
 * smallest unit of the currency. Corrections are differences of such figures, so nothing is lost.
 */
public final class Money {
    private static final BigDecimal GPU_HOUR = BigDecimal.valueOf(BudgetLine.GPU_US_PER_GPU_HOUR);
    private static final int COMMON_DIGITS = 2;

    private Money() {}

    /** Decimals of the smallest unit. */
    public static int digits(String currency) {
        try {
            return Math.max(0, Currency.getInstance(currency).getDefaultFractionDigits());
        } catch (IllegalArgumentException e) {
            return COMMON_DIGITS; // a site's own: nobody tells its units
        }
    }

    static long amountMinor(long chargedGpuUs, BigDecimal perGpuHour, String currency) {
        return BigDecimal.valueOf(chargedGpuUs)
                .multiply(perGpuHour)
                .movePointRight(digits(currency))
                .divide(GPU_HOUR, 0, RoundingMode.HALF_EVEN)
                .longValueExact();
    }

    static long minor(BigDecimal amount, String currency) {
        return amount.movePointRight(digits(currency))
                .setScale(0, RoundingMode.HALF_EVEN)
                .longValueExact();
    }

    /** What charged GPU time costs, rounded to the smallest unit. */
    public static BigDecimal of(long chargedGpuUs, BigDecimal perGpuHour, String currency) {
        return BigDecimal.valueOf(
                amountMinor(chargedGpuUs, perGpuHour, currency), digits(currency));
    }

    /** As people write it, without the currency. */
    public static String text(long amountMinor, String currency) {
        return BigDecimal.valueOf(amountMinor, digits(currency)).toPlainString();
    }
}

package io.gpuledger.statements.report;

import io.gpuledger.statements.Explanation;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * How the charge of a line is divided: GPUs a run had for itself and used, GPUs it shared with
 * others, GPUs it held idle. FOCUS calls the line the origin charge and its parts allocated
 * charges.
 */
final class CostSplit {
    private static final int DIGITS = 9;

    /** What a part is for. */
    enum Use {
        USED("used", "GPUs held alone"),
        SHARED("shared", "shares of GPUs"),
        IDLE("held-idle", "GPUs held alone and idle");

        final String id;
        final String title;

        Use(String id, String title) {
            this.id = id;
            this.title = title;
        }
    }

    /**
     * An allocated charge. Parts sum to the line in every number, for each is the difference of two
     * rounded sums.
     *
     * @param ratio of the charge, nine digits
     */
    record Part(Use use, BigDecimal ratio, long chargedGpuUs, long heldMs, long amountMinor) {}

    private CostSplit() {}

    /**
     * The parts of a line; none where all of it is {@link Use#USED}, or where a correction takes
     * from one part and gives to another, so that there is no ratio.
     *
     * @param amountMinor the line's
     */
    static List<Part> of(List<Explanation.Part> parts, long amountMinor) {
        Amount shared =
                new Amount(
                        Use.SHARED,
                        sum(parts, p -> p.shared().chargedGpuUs()),
                        sum(parts, p -> p.shared().heldMs()));
        Amount idle =
                new Amount(
                        Use.IDLE,
                        sum(parts, p -> p.idle().chargedGpuUs()),
                        sum(parts, p -> p.idle().heldMs()));
        long total = sum(parts, Explanation.Part::chargedGpuUs);
        Amount used =
                new Amount(
                        Use.USED,
                        total - shared.chargedGpuUs() - idle.chargedGpuUs(),
                        sum(parts, Explanation.Part::heldMs) - shared.heldMs() - idle.heldMs());
        List<Amount> amounts = List.of(used, shared, idle);
        if (total == 0
                || used.chargedGpuUs() == total
                || !amounts.stream().allMatch(a -> a.isPartOf(total))) {
            return List.of();
        }
        List<Part> split = new ArrayList<>();
        long before = 0;
        for (Amount amount : amounts) {
            if (amount.chargedGpuUs() != 0 || amount.heldMs() != 0) {
                long until = before + amount.chargedGpuUs();
                split.add(
                        new Part(
                                amount.use(),
                                share(until, total).subtract(share(before, total)),
                                amount.chargedGpuUs(),
                                amount.heldMs(),
                                amount(amountMinor, until, total)
                                        - amount(amountMinor, before, total)));
                before = until;
            }
        }
        return split;
    }

    private record Amount(Use use, long chargedGpuUs, long heldMs) {
        boolean isPartOf(long total) {
            return chargedGpuUs == 0 || Long.signum(chargedGpuUs) == Long.signum(total);
        }
    }

    private static long sum(List<Explanation.Part> parts, ToLongFunction<Explanation.Part> amount) {
        return parts.stream().mapToLong(amount).sum();
    }

    private static BigDecimal share(long part, long total) {
        return BigDecimal.valueOf(part)
                .divide(BigDecimal.valueOf(total), DIGITS, RoundingMode.HALF_EVEN);
    }

    private static long amount(long minor, long part, long total) {
        return new BigDecimal(BigInteger.valueOf(minor).multiply(BigInteger.valueOf(part)))
                .divide(BigDecimal.valueOf(total), 0, RoundingMode.HALF_EVEN)
                .longValueExact();
    }
}

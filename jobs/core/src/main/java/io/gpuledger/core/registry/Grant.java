package io.gpuledger.core.registry;

import io.gpuledger.core.time.Span;
import java.util.List;

/**
 * The project that pays.
 *
 * @param term when it may be used
 * @param budget in the order of the file; none: not limited
 * @param priceList name of a {@link PriceList}, empty when nothing is paid in money
 */
public record Grant(
        String id,
        String title,
        String pi,
        String institution,
        String funder,
        GrantKind kind,
        Span term,
        List<BudgetLine> budget,
        String priceList,
        Thresholds thresholds,
        Enforcement enforcement)
        implements Entry {
    /** Who uses an account that nobody has mapped; no grant of the registry may be called so. */
    public static final String UNMAPPED = "unmapped";

    public Grant {
        if (id.isEmpty() || id.equals(UNMAPPED)) {
            throw new IllegalArgumentException("a grant cannot be called '%s'".formatted(id));
        }
        Effective.requireDates(term);
        budget = List.copyOf(budget);
    }

    /** Sum of the lines in force at an instant, charged GPU microseconds. */
    public long budgetAt(long instantMs) {
        long sum = 0;
        for (BudgetLine line : budget) {
            if (line.atMs() <= instantMs && instantMs < line.expiresMs()) {
                sum = Math.addExact(sum, line.gpuUs());
            }
        }
        return sum;
    }
}

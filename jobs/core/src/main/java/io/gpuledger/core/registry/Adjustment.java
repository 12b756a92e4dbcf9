package io.gpuledger.core.registry;

import java.math.BigDecimal;

/**
 * A manual credit to a grant; a negative one takes away.
 *
 * @param atMs the instant whose period it belongs to
 * @param gpuUs credited charged GPU microseconds, 0 when only money is credited
 * @param money credited money in the currency of the grant's price list, 0 when only time is
 */
public record Adjustment(
        String id,
        String grantId,
        long atMs,
        long gpuUs,
        BigDecimal money,
        String reason,
        String author)
        implements Entry {
    public Adjustment {
        Effective.requireDate(atMs);
        if (id.isEmpty() || grantId.isEmpty() || reason.isEmpty() || author.isEmpty()) {
            throw new IllegalArgumentException(
                    "adjustment '%s' names its id, grant, reason and author".formatted(id));
        }
    }
}

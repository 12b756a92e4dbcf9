package io.gpuledger.core.statement;

import java.util.Comparator;

/**
 * What is stated in one figure: usage of one model of a cluster at one price in one period, or one
 * adjustment.
 *
 * @param period the month it belongs to
 * @param gpuModel as the ledger's rows say it
 * @param price of a GPU-hour, decimal; empty for a grant that pays no money, and where its list has
 *     no price
 * @param currency empty without money
 * @param adjustmentId empty for usage
 */
public record LineKey(
        String period,
        String cluster,
        String gpuModel,
        String price,
        String currency,
        String adjustmentId)
        implements Comparable<LineKey> {
    private static final Comparator<LineKey> ORDER =
            Comparator.comparing(LineKey::period)
                    .thenComparing(LineKey::adjustmentId)
                    .thenComparing(LineKey::cluster)
                    .thenComparing(LineKey::gpuModel)
                    .thenComparing(LineKey::currency)
                    .thenComparing(LineKey::price);

    static LineKey usage(
            Period period, String cluster, String gpuModel, String price, String currency) {
        return new LineKey(period.name(), cluster, gpuModel, price, currency, "");
    }

    static LineKey adjustment(Period period, String id, String currency) {
        return new LineKey(period.name(), "", "", "", currency, id);
    }

    @Override
    public int compareTo(LineKey other) {
        return ORDER.compare(this, other);
    }
}

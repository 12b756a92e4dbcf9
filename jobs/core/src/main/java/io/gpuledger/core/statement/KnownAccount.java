package io.gpuledger.core.statement;

import io.gpuledger.core.registry.Adjustment;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.PriceList;
import io.gpuledger.core.registry.Registry;
import java.math.BigDecimal;
import java.util.Collections;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Everything that is known of a grant up to the end of a period, priced. What all statements up to
 * that period say is, summed, exactly this.
 *
 * @param figures none of them is nothing
 */
public record KnownAccount(String grantId, SortedMap<LineKey, Figures> figures) {
    public KnownAccount {
        figures = Collections.unmodifiableSortedMap(new TreeMap<>(figures));
    }

    /** The account of a grant, periods after {@code last} left out. */
    public static KnownAccount of(Knowledge knowledge, String grantId, Period last) {
        Registry registry = knowledge.registry();
        Optional<PriceList> prices =
                registry.grant(grantId).map(Grant::priceList).flatMap(registry::priceList);
        String currency = prices.map(PriceList::currency).orElse("");
        SortedMap<LineKey, Figures> used = new TreeMap<>();
        for (KnownUsage usage : knowledge.of(grantId)) {
            Period period = Period.at(usage.fromMs(), last.zone());
            if (period.compareTo(last) > 0) {
                continue;
            }
            String price =
                    prices.flatMap(list -> list.at(usage.gpuModel(), usage.fromMs()))
                            .map(p -> p.perGpuHour().toPlainString())
                            .orElse("");
            used.merge(
                    LineKey.usage(period, usage.cluster(), usage.gpuModel(), price, currency),
                    new Figures(usage.gpuMs(), usage.chargedGpuUs(), 0, 0),
                    Figures::plus);
        }
        SortedMap<LineKey, Figures> figures = new TreeMap<>();
        used.forEach((key, sum) -> put(figures, key, priced(key, sum)));
        for (Adjustment adjustment : Cuts.adjustments(registry, grantId)) {
            Period period = Period.at(adjustment.atMs(), last.zone());
            if (period.compareTo(last) <= 0) {
                put(
                        figures,
                        LineKey.adjustment(period, adjustment.id(), currency),
                        new Figures(
                                0,
                                0,
                                adjustment.gpuUs(),
                                -Money.minor(adjustment.money(), currency)));
            }
        }
        return new KnownAccount(grantId, figures);
    }

    private static Figures priced(LineKey key, Figures sum) {
        return key.price().isEmpty()
                ? sum
                : new Figures(
                        sum.gpuMs(),
                        sum.chargedGpuUs(),
                        0,
                        Money.amountMinor(
                                sum.chargedGpuUs(), new BigDecimal(key.price()), key.currency()));
    }

    private static void put(SortedMap<LineKey, Figures> all, LineKey key, Figures figures) {
        if (!figures.isNone()) {
            all.put(key, figures);
        }
    }

    /** What this says more than an earlier one. */
    SortedMap<LineKey, Figures> since(KnownAccount before) {
        SortedMap<LineKey, Figures> changes = new TreeMap<>();
        figures.forEach(
                (key, now) ->
                        put(
                                changes,
                                key,
                                now.minus(before.figures.getOrDefault(key, Figures.NONE))));
        before.figures.forEach(
                (key, was) -> {
                    if (!figures.containsKey(key)) {
                        put(changes, key, Figures.NONE.minus(was));
                    }
                });
        return changes;
    }
}

package io.gpuledger.core.registry;

import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * All that a site's registry says, in a canonical order: two registries that say the same are
 * equal. Nothing is checked here; {@link RegistryRules} tells what is wrong with one.
 *
 * @param clusters names of the clusters that it is about
 */
public record Registry(
        List<String> clusters,
        List<Grant> grants,
        List<AccountMapping> mappings,
        List<ChargePolicy> policies,
        List<PriceList> priceLists,
        List<Adjustment> adjustments) {
    /** Of a site that has none: all is unmapped and charged as it is. */
    public static final Registry EMPTY =
            new Registry(List.of(), List.of(), List.of(), List.of(), List.of(), List.of());

    public Registry {
        clusters = sorted(clusters, Comparator.naturalOrder());
        grants = sorted(grants, Comparator.comparing(Grant::id));
        mappings =
                sorted(
                        mappings,
                        Comparator.comparing(AccountMapping::cluster)
                                .thenComparing(AccountMapping::account)
                                .thenComparing(AccountMapping::user)
                                .thenComparing(AccountMapping::partition)
                                .thenComparing(AccountMapping::qos)
                                .thenComparingLong(m -> m.effective().startMs())
                                .thenComparing(AccountMapping::grantId)
                                .thenComparingLong(m -> m.effective().endMs()));
        policies =
                sorted(
                        policies,
                        Comparator.comparingLong((ChargePolicy p) -> p.effective().startMs())
                                .thenComparingLong(p -> p.effective().endMs()));
        priceLists = sorted(priceLists, Comparator.comparing(PriceList::name));
        adjustments = sorted(adjustments, Comparator.comparing(Adjustment::id));
    }

    private static <T> List<T> sorted(List<T> entries, Comparator<? super T> order) {
        List<T> sorted = new ArrayList<>(entries);
        sorted.sort(order);
        return List.copyOf(sorted);
    }

    /** Every instant at which a charge may change, sorted. */
    public SortedSet<Long> chargeDates() {
        SortedSet<Long> dates = new TreeSet<>();
        mappings.forEach(m -> add(dates, m.effective()));
        policies.forEach(p -> add(dates, p.effective()));
        return dates;
    }

    private static void add(SortedSet<Long> dates, Span span) {
        if (span.startMs() != Effective.OPEN_START) {
            dates.add(span.startMs());
        }
        if (span.endMs() != Span.OPEN_END) {
            dates.add(span.endMs());
        }
    }

    public Optional<Grant> grant(String id) {
        return grants.stream().filter(g -> g.id().equals(id)).findFirst();
    }

    public Optional<PriceList> priceList(String name) {
        return priceLists.stream().filter(p -> p.name().equals(name)).findFirst();
    }
}

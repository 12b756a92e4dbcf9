package io.gpuledger.core.registry;

import io.gpuledger.core.time.Span;
import java.math.BigDecimal;
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
        List<Adjustment> adjustments,
        List<GridFactor> gridFactors) {
    /** Of a site that has none: all is unmapped and charged as it is. */
    public static final Registry EMPTY =
            new Registry(List.of(), List.of(), List.of(), List.of(), List.of(), List.of());

    /** One that says nothing of electricity. */
    public Registry(
            List<String> clusters,
            List<Grant> grants,
            List<AccountMapping> mappings,
            List<ChargePolicy> policies,
            List<PriceList> priceLists,
            List<Adjustment> adjustments) {
        this(clusters, grants, mappings, policies, priceLists, adjustments, List.of());
    }

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
        gridFactors =
                sorted(
                        gridFactors,
                        Comparator.comparing(GridFactor::cluster)
                                .thenComparing(GridFactor::area)
                                .thenComparing(GridFactor::isHourly)
                                .thenComparingLong(g -> g.effective().startMs())
                                .thenComparingLong(g -> g.effective().endMs()));
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

    /**
     * What electricity of a cluster emits at an instant, grams of CO2 equivalents for each kWh: the
     * cluster's own factor before that of all, that of the hour before that of a longer time.
     */
    public Optional<BigDecimal> gridFactor(String cluster, long instantMs) {
        return gridFactors.stream()
                .filter(
                        g ->
                                (g.cluster().isEmpty() || g.cluster().equals(cluster))
                                        && g.effective().contains(instantMs))
                .max(
                        Comparator.comparing((GridFactor g) -> !g.cluster().isEmpty())
                                .thenComparing(GridFactor::isHourly))
                .map(g -> g.at(instantMs));
    }

    public Optional<Grant> grant(String id) {
        return grants.stream().filter(g -> g.id().equals(id)).findFirst();
    }

    public Optional<PriceList> priceList(String name) {
        return priceLists.stream().filter(p -> p.name().equals(name)).findFirst();
    }
}

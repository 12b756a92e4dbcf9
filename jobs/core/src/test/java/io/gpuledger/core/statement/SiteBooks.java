package io.gpuledger.core.statement;

import io.gpuledger.core.registry.Adjustment;
import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.Enforcement;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.GrantKind;
import io.gpuledger.core.registry.Price;
import io.gpuledger.core.registry.PriceList;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.registry.Thresholds;
import io.gpuledger.core.time.Span;
import io.gpuledger.testkit.StatedSite;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;

/** What a simulated site knew, in the words of the core. */
final class SiteBooks {
    private final StatedSite site;

    SiteBooks(StatedSite site) {
        this.site = site;
    }

    Knowledge at(long knownAtMs, YearMonth lastMonth) {
        int version = 0;
        while (version < site.books().size()
                && site.books().get(version).learnedMs() <= knownAtMs) {
            version++;
        }
        Registry registry = registry(site.books().get(version - 1));
        Period last = new Period(lastMonth, site.zone());
        Period first = new Period(site.closings().get(0).month(), site.zone());
        SortedSet<Long> cuts = new TreeSet<>(Cuts.of(registry, first, last));
        return Knowledge.of(knownAtMs, version, registry, usage(knownAtMs, cuts));
    }

    private List<KnownUsage> usage(long knownAtMs, SortedSet<Long> cuts) {
        Map<String, StatedSite.HourVersion> rows = new HashMap<>();
        for (StatedSite.HourVersion row : site.versions()) {
            if (row.learnedMs() <= knownAtMs && row.hourMs() < cuts.last()) {
                String key = row.cluster() + row.host() + row.gpu() + "@" + row.hourMs();
                rows.merge(key, row, (a, b) -> a.revision() > b.revision() ? a : b);
            }
        }
        List<KnownUsage> usage = new ArrayList<>();
        for (StatedSite.HourVersion row : rows.values()) {
            for (StatedSite.Holder holder : row.holders()) {
                if (!holder.grant().isEmpty()) {
                    usage.add(
                            new KnownUsage(
                                    holder.grant(),
                                    row.cluster(),
                                    row.model(),
                                    cuts.headSet(row.hourMs() + 1).last(),
                                    holder.bucket().equals("OVERHEAD") ? 0 : holder.gpuMs(),
                                    holder.chargedGpuUs()));
                }
            }
        }
        return usage;
    }

    static Registry registry(StatedSite.Book book) {
        Map<String, List<Price>> lists = new HashMap<>();
        for (StatedSite.Tariff t : book.tariffs()) {
            lists.computeIfAbsent(t.list(), l -> new ArrayList<>())
                    .add(new Price(t.model(), new Span(t.fromMs(), t.toMs()), t.perGpuHour()));
        }
        List<PriceList> priceLists = new ArrayList<>();
        lists.forEach(
                (name, prices) ->
                        priceLists.add(
                                new PriceList(name, name.equals("yen") ? "JPY" : "DKK", prices)));
        List<Grant> grants = new ArrayList<>();
        for (StatedSite.GrantTerms g : book.grants()) {
            List<BudgetLine> budget = new ArrayList<>();
            for (StatedSite.Given given : g.budget()) {
                budget.add(
                        new BudgetLine.Funding(
                                given.initial(),
                                given.gpuUs(),
                                given.atMs(),
                                given.expiresMs(),
                                ""));
            }
            grants.add(
                    new Grant(
                            g.id(),
                            "Title of " + g.id(),
                            "PI",
                            "",
                            "",
                            g.priceList().isEmpty() ? GrantKind.VOUCHER : GrantKind.COMMERCIAL,
                            new Span(g.fromMs(), g.toMs()),
                            budget,
                            g.priceList(),
                            Thresholds.STANDARD,
                            Enforcement.STANDARD));
        }
        List<Adjustment> adjustments = new ArrayList<>();
        for (StatedSite.Credit c : book.credits()) {
            adjustments.add(
                    new Adjustment(
                            c.id(), c.grant(), c.atMs(), c.gpuUs(), c.money(), "Cooling", "ida"));
        }
        return new Registry(List.of(), grants, List.of(), List.of(), priceLists, adjustments);
    }
}

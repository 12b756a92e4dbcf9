package io.gpuledger.core.statement;

import io.gpuledger.core.quota.BudgetPlan;
import io.gpuledger.core.registry.Adjustment;
import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.Price;
import io.gpuledger.core.registry.PriceList;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.time.Span;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/** Where hours of the ledger are told apart: at months, prices and budget lines. */
public final class Cuts {
    static final long HOUR_MS = 3_600_000;

    private Cuts() {}

    /**
     * Whole hours from a period's start to the end of another, both included.
     *
     * @param first the period of the earliest usage
     */
    public static SortedSet<Long> of(Registry registry, Period first, Period last) {
        SortedSet<Long> cuts = new TreeSet<>();
        for (Period period = first; period.compareTo(last) <= 0; period = period.next()) {
            cuts.add(period.span().startMs());
        }
        long end = last.span().endMs();
        SortedSet<Long> dates = priceDates(registry);
        for (Grant grant : registry.grants()) {
            dates.addAll(new BudgetPlan(grant.budget(), adjustments(registry, grant.id())).cuts());
        }
        for (long date : dates) {
            long hour = firstHourFrom(date);
            if (first.span().startMs() < hour && hour < end) {
                cuts.add(hour);
            }
        }
        cuts.add(end);
        return cuts;
    }

    /** The start of the first hour that does not begin before an instant. */
    private static long firstHourFrom(long instantMs) {
        return -Math.floorDiv(-instantMs, HOUR_MS) * HOUR_MS;
    }

    static List<Adjustment> adjustments(Registry registry, String grantId) {
        return registry.adjustments().stream().filter(a -> a.grantId().equals(grantId)).toList();
    }

    /**
     * Dates of prices before an instant that lie within an hour, for people: the ledger remembers
     * hours, so a past state of such an hour cannot be divided.
     */
    public static List<String> undividable(Registry registry, long beforeMs) {
        List<String> faults = new ArrayList<>();
        for (PriceList list : registry.priceLists()) {
            for (Price price : list.prices()) {
                for (long date : dates(price.effective())) {
                    if (date < beforeMs && Math.floorMod(date, HOUR_MS) != 0) {
                        faults.add(
                                "price list %s changes at %s, within an hour; let it change with a whole hour of UTC"
                                        .formatted(list.name(), Instant.ofEpochMilli(date)));
                    }
                }
            }
        }
        return faults;
    }

    private static SortedSet<Long> priceDates(Registry registry) {
        SortedSet<Long> dates = new TreeSet<>();
        for (PriceList list : registry.priceLists()) {
            list.prices().forEach(p -> dates.addAll(dates(p.effective())));
        }
        return dates;
    }

    private static List<Long> dates(Span span) {
        List<Long> dates = new ArrayList<>();
        if (span.startMs() != Effective.OPEN_START) {
            dates.add(span.startMs());
        }
        if (span.endMs() != Span.OPEN_END) {
            dates.add(span.endMs());
        }
        return dates;
    }
}

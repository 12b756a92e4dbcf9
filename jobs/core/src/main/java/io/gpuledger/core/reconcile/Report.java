package io.gpuledger.core.reconcile;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * What came out: every run with time in either book, those that need a look first.
 *
 * @param byPayer one total for each account and user, sub-accounts on their own
 */
public record Report(List<Finding> findings, SortedMap<Payer, Total> byPayer, Total total) {
    private static final Comparator<Finding> URGENCY =
            Comparator.comparingLong(Finding::unexplainedMs)
                    .thenComparingLong(f -> Math.abs(f.differenceMs()))
                    .reversed()
                    .thenComparing(Finding::runId)
                    .thenComparing(Finding::payer);

    static Report of(List<Finding> findings) {
        List<Finding> sorted = new ArrayList<>(findings);
        sorted.sort(URGENCY);
        SortedMap<Payer, Total> byPayer = new TreeMap<>();
        Total total = Total.NONE;
        for (Finding finding : sorted) {
            Total before = byPayer.getOrDefault(finding.payer(), Total.NONE);
            byPayer.put(finding.payer(), before.plus(finding));
            total = total.plus(finding);
        }
        return new Report(List.copyOf(sorted), Collections.unmodifiableSortedMap(byPayer), total);
    }

    /** The same of some payers only. */
    public Report only(Predicate<Payer> payers) {
        return of(findings.stream().filter(f -> payers.test(f.payer())).toList());
    }

    /** GPU time of all runs that has no reason, as a size. */
    public long unexplainedMs() {
        return findings.stream().mapToLong(Finding::unexplainedMs).sum();
    }
}

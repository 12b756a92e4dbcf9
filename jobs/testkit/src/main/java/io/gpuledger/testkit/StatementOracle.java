package io.gpuledger.testkit;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** What a site's ledger says at an instant, found by looking at every hour. Shares no code. */
public final class StatementOracle {
    private final StatedSite site;

    /** Of one grant and month. */
    public record Sum(long gpuMs, long chargedGpuUs, long creditedGpuUs, long amountMinor) {
        public static final Sum NONE = new Sum(0, 0, 0, 0);

        public Sum plus(long moreMs, long moreCharged, long moreCredited, long moreAmount) {
            return new Sum(
                    gpuMs + moreMs,
                    chargedGpuUs + moreCharged,
                    creditedGpuUs + moreCredited,
                    amountMinor + moreAmount);
        }
    }

    public StatementOracle(StatedSite site) {
        this.site = site;
    }

    private record Rated(String grant, String month, String cluster, String model, String price) {}

    /** By grant and month, as in {@code payer/2026-03}; what is nothing is left out. */
    public SortedMap<String, Sum> ledger(long knownAtMs) {
        StatedSite.Book book = book(knownAtMs);
        Map<Rated, long[]> rated = new HashMap<>();
        for (StatedSite.HourVersion hour : hours(knownAtMs)) {
            for (StatedSite.Holder holder : hour.holders()) {
                if (holder.grant().isEmpty()) {
                    continue;
                }
                String list = list(book, holder.grant());
                String price = price(book, list, hour.model(), hour.hourMs());
                long[] sum =
                        rated.computeIfAbsent(
                                new Rated(
                                        holder.grant(),
                                        month(hour.hourMs()),
                                        hour.cluster(),
                                        hour.model(),
                                        price),
                                r -> new long[2]);
                if (!holder.bucket().equals("OVERHEAD")) {
                    sum[0] += holder.gpuMs();
                }
                sum[1] += holder.chargedGpuUs();
            }
        }
        SortedMap<String, Sum> all = new TreeMap<>();
        rated.forEach(
                (key, sum) ->
                        add(
                                all,
                                key.grant() + "/" + key.month(),
                                sum[0],
                                sum[1],
                                0,
                                amount(sum[1], key.price(), list(book, key.grant()))));
        for (StatedSite.Credit credit : book.credits()) {
            long money =
                    credit.money()
                            .movePointRight(2)
                            .setScale(0, java.math.RoundingMode.HALF_EVEN)
                            .longValueExact();
            add(all, credit.grant() + "/" + month(credit.atMs()), 0, 0, credit.gpuUs(), -money);
        }
        all.values().removeIf(Sum.NONE::equals);
        return all;
    }

    private static void add(
            SortedMap<String, Sum> all, String key, long ms, long us, long credit, long money) {
        all.put(key, all.getOrDefault(key, Sum.NONE).plus(ms, us, credit, money));
    }

    /** What is left of a budget at the end of a month, burnt down hour by hour. */
    public long left(String grant, YearMonth month, long knownAtMs) {
        StatedSite.GrantTerms terms =
                book(knownAtMs).grants().stream()
                        .filter(g -> g.id().equals(grant))
                        .findFirst()
                        .orElseThrow();
        SortedMap<Long, Long> used = new TreeMap<>();
        for (StatedSite.HourVersion hour : hours(knownAtMs)) {
            for (StatedSite.Holder holder : hour.holders()) {
                if (holder.grant().equals(grant)) {
                    used.merge(hour.hourMs(), holder.chargedGpuUs(), Long::sum);
                }
            }
        }
        List<long[]> lines = new ArrayList<>(); // from, expires, left
        terms.budget().forEach(g -> lines.add(new long[] {g.atMs(), g.expiresMs(), g.gpuUs()}));
        for (StatedSite.Credit credit : book(knownAtMs).credits()) {
            if (credit.grant().equals(grant) && credit.gpuUs() > 0) {
                lines.add(new long[] {nextHour(credit.atMs()), Long.MAX_VALUE, credit.gpuUs()});
            }
        }
        lines.sort(Comparator.comparingLong((long[] l) -> l[1]).thenComparingLong(l -> l[0]));
        long end =
                month.plusMonths(1).atDay(1).atStartOfDay(site.zone()).toInstant().toEpochMilli();
        long debt = 0;
        for (long at = terms.fromMs(); at < end; at += 3_600_000) {
            long burn = debt + used.getOrDefault(at, 0L);
            for (long[] line : lines) {
                if (line[0] <= at && at < line[1]) {
                    long taken = Math.min(burn, line[2]);
                    line[2] -= taken;
                    burn -= taken;
                }
            }
            debt = burn;
        }
        long left = -debt;
        for (long[] line : lines) {
            left += line[0] < end && line[1] >= end ? line[2] : 0;
        }
        return left;
    }

    private static long nextHour(long ms) {
        return (ms + 3_599_999) / 3_600_000 * 3_600_000;
    }

    /** The last version of each hour that was there. */
    private List<StatedSite.HourVersion> hours(long knownAtMs) {
        Map<String, StatedSite.HourVersion> last = new HashMap<>();
        for (StatedSite.HourVersion version : site.versions()) {
            if (version.learnedMs() <= knownAtMs) {
                last.merge(
                        version.slot(), version, (a, b) -> a.learnedMs() > b.learnedMs() ? a : b);
            }
        }
        return List.copyOf(last.values());
    }

    private StatedSite.Book book(long knownAtMs) {
        StatedSite.Book last = site.books().get(0);
        for (StatedSite.Book book : site.books()) {
            last = book.learnedMs() <= knownAtMs ? book : last;
        }
        return last;
    }

    private static String list(StatedSite.Book book, String grant) {
        return book.grants().stream()
                .filter(g -> g.id().equals(grant))
                .map(StatedSite.GrantTerms::priceList)
                .findFirst()
                .orElse("");
    }

    private static String price(StatedSite.Book book, String list, String model, long atMs) {
        String general = "";
        for (StatedSite.Tariff tariff : book.tariffs()) {
            if (tariff.list().equals(list) && tariff.fromMs() <= atMs && atMs < tariff.toMs()) {
                if (tariff.model().equals(model)) {
                    return tariff.perGpuHour().toPlainString();
                }
                general = tariff.model().isEmpty() ? tariff.perGpuHour().toPlainString() : general;
            }
        }
        return general;
    }

    /** Half-even, with whole numbers: price in thousandths. */
    private static long amount(long chargedGpuUs, String price, String list) {
        if (price.isEmpty()) {
            return 0;
        }
        long minorPerUnit = list.equals("yen") ? 1 : 100;
        BigInteger over =
                BigInteger.valueOf(chargedGpuUs)
                        .multiply(new BigDecimal(price).movePointRight(3).toBigIntegerExact())
                        .multiply(BigInteger.valueOf(minorPerUnit));
        BigInteger under = BigInteger.valueOf(3_600_000_000L * 1_000);
        BigInteger[] parts = over.divideAndRemainder(under);
        int half = parts[1].shiftLeft(1).compareTo(under);
        boolean up = half > 0 || (half == 0 && parts[0].testBit(0));
        return parts[0].longValueExact() + (up ? 1 : 0);
    }

    private String month(long ms) {
        return YearMonth.from(Instant.ofEpochMilli(ms).atZone(site.zone())).toString();
    }
}

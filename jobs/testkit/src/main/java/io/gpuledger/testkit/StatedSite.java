package io.gpuledger.testkit;

import java.math.BigDecimal;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a simulated site learned over some months, and when: hours of slots with late ends, hours
 * that another grant turned out to pay for, dearer and cheaper prices, top-ups, credits.
 */
public final class StatedSite {
    private static final long HOUR_MS = 3_600_000;
    private static final long DAY_MS = 24 * HOUR_MS;

    /** Part of a slot's hour. */
    public record Holder(String grant, String bucket, long gpuMs, long chargedGpuUs) {}

    /**
     * One version of a slot's hour.
     *
     * @param learnedMs when it came into the ledger
     * @param revision rises with {@code learnedMs}, but is not always made of it
     */
    public record HourVersion(
            String cluster,
            String host,
            int gpu,
            String model,
            long hourMs,
            long learnedMs,
            long revision,
            List<Holder> holders) {
        String slot() {
            return cluster + "/" + host + "/" + gpu + "@" + hourMs;
        }
    }

    /**
     * A price.
     *
     * @param model empty for all that have none of their own
     */
    public record Tariff(
            String list, String model, long fromMs, long toMs, BigDecimal perGpuHour) {}

    /** Something given to a grant. */
    public record Given(long atMs, long expiresMs, long gpuUs, boolean initial) {}

    /** A grant, without a price list where that is empty. */
    public record GrantTerms(
            String id, String priceList, long fromMs, long toMs, List<Given> budget) {}

    /** A manual credit. */
    public record Credit(String id, String grant, long atMs, long gpuUs, BigDecimal money) {}

    /** All that the registry said from an instant on. */
    public record Book(
            long learnedMs, List<GrantTerms> grants, List<Tariff> tariffs, List<Credit> credits) {}

    /** A month and when it is closed. */
    public record Closing(YearMonth month, long knownAtMs) {}

    private final Dice dice;
    private final ZoneId zone;
    private final YearMonth first;
    private final int months;
    private final int busyPercent;
    private final List<HourVersion> versions = new ArrayList<>();
    private final List<Book> books = new ArrayList<>();
    private final List<Closing> closings = new ArrayList<>();
    private final Map<String, Long> lastRevision = new HashMap<>();

    /**
     * Makes a site.
     *
     * @param busyPercent of the hours of its slots that are in the ledger
     */
    public StatedSite(long seed, YearMonth first, int months, ZoneId zone, int busyPercent) {
        dice = new Dice(seed);
        this.zone = zone;
        this.first = first;
        this.months = months;
        this.busyPercent = busyPercent;
        books();
        slot("north", "n1", 0, "h100");
        slot("north", "n1", 1, "NVIDIA A100-SXM4-80GB");
        slot("south", "s1", 0, "h100");
        for (int i = 0; i < months; i++) {
            YearMonth month = first.plusMonths(i);
            closings.add(
                    new Closing(
                            month,
                            startMs(month.plusMonths(1)) + dice.between(HOUR_MS, 9 * DAY_MS)));
        }
    }

    public List<HourVersion> versions() {
        return versions;
    }

    public List<Book> books() {
        if (!books.isEmpty()) {
            return books;
        }
        long start = startMs(first);
        long end = startMs(first.plusMonths(months));
        long middle = hour((start + end) / 2) + 13 * HOUR_MS;
        // An overrun: far less than what is used.
        GrantTerms voucher =
                new GrantTerms(
                        "voucher",
                        "",
                        start,
                        end,
                        List.of(
                                new Given(start, Long.MAX_VALUE, hours(40), true),
                                new Given(start + 9 * DAY_MS, middle, hours(25), false)));
        GrantTerms payer = new GrantTerms("payer", "dear", start, Long.MAX_VALUE, List.of());
        GrantTerms yen =
                new GrantTerms(
                        "yen",
                        "yen",
                        start,
                        Long.MAX_VALUE,
                        List.of(new Given(start, Long.MAX_VALUE, hours(500), true)));
        // Ends after the first month; what is learned of it later is still stated.
        GrantTerms ended =
                new GrantTerms(
                        "ended",
                        "dear",
                        start,
                        startMs(first.plusMonths(1)),
                        List.of(new Given(start, Long.MAX_VALUE, hours(90), true)));
        Tariff dearBefore = tariff("dear", "h100", Long.MIN_VALUE, middle, "24.005");
        Tariff dearAfter = tariff("dear", "h100", middle, Long.MAX_VALUE, "21.5");
        Tariff all = tariff("dear", "", Long.MIN_VALUE, Long.MAX_VALUE, "11.333");
        Tariff yenOnly = tariff("yen", "h100", Long.MIN_VALUE, Long.MAX_VALUE, "433.7");
        books.add(
                new Book(
                        start - 30 * DAY_MS,
                        List.of(voucher, payer, yen, ended),
                        List.of(dearBefore, dearAfter, all, yenOnly),
                        List.of()));
        // A top-up that is learned of weeks late, and a credit for a month that is closed.
        long later = middle + 20 * DAY_MS;
        GrantTerms topped =
                new GrantTerms(
                        "voucher",
                        "",
                        start,
                        end,
                        List.of(
                                voucher.budget().get(0),
                                voucher.budget().get(1),
                                new Given(middle - 3 * DAY_MS, Long.MAX_VALUE, hours(30), false)));
        Credit credit = new Credit("c1", "payer", start + 5 * DAY_MS, 0, new BigDecimal("129.995"));
        Credit time = new Credit("c2", "voucher", later, hours(7), BigDecimal.ZERO);
        books.add(
                new Book(
                        later,
                        List.of(topped, payer, yen, ended),
                        List.of(dearBefore, dearAfter, all, yenOnly),
                        List.of(credit, time)));
        // The price of the past was wrong, and one credit was an error.
        Tariff wrongBefore = tariff("dear", "h100", Long.MIN_VALUE, middle, "23.995");
        books.add(
                new Book(
                        later + 33 * DAY_MS,
                        List.of(topped, payer, yen, ended),
                        List.of(wrongBefore, dearAfter, all, yenOnly),
                        List.of(time)));
        return books;
    }

    private static Tariff tariff(String list, String model, long from, long to, String price) {
        return new Tariff(list, model, from, to, new BigDecimal(price));
    }

    public List<Closing> closings() {
        return closings;
    }

    public ZoneId zone() {
        return zone;
    }

    private void slot(String cluster, String host, int gpu, String model) {
        for (long hour = startMs(first);
                hour < startMs(first.plusMonths(months));
                hour += HOUR_MS) {
            if (dice.chance(busyPercent)) {
                hour(cluster, host, gpu, model, hour);
            }
        }
    }

    private void hour(String cluster, String host, int gpu, String model, long hour) {
        long learned = hour + HOUR_MS + dice.between(120_000L, 600_000L);
        String grant = dice.of(List.of("voucher", "payer", "yen", "ended", "unmapped"));
        boolean early = hour < startMs(first.plusMonths(1));
        List<Holder> holders = holders(early ? grant : grant.replace("ended", "payer"));
        long revision = learned * 1_000;
        add(cluster, host, gpu, model, hour, learned, revision, holders);
        while (dice.chance(30)) {
            learned += dice.between(HOUR_MS, 50 * DAY_MS);
            List<Holder> known = holders;
            if (dice.chance(50)) {
                // Another grant pays: charged anew, which says nothing of when.
                revision++;
                String other = dice.of(List.of("voucher", "payer", "yen", "ended"));
                holders =
                        known.stream()
                                .map(h -> h.grant().isEmpty() ? h : renamed(h, other))
                                .toList();
            } else {
                revision = Math.max(revision + 1, learned * 1_000);
                holders = holders(known.get(0).grant());
            }
            add(cluster, host, gpu, model, hour, learned, revision, holders);
        }
    }

    private static Holder renamed(Holder holder, String grant) {
        return new Holder(grant, holder.bucket(), holder.gpuMs(), holder.chargedGpuUs());
    }

    /** A whole hour of a slot: one grant, or two, and nobody for the rest. */
    private List<Holder> holders(String grant) {
        List<Holder> holders = new ArrayList<>();
        long left = HOUR_MS;
        String who = grant.isEmpty() ? "payer" : grant;
        for (String bucket : List.of("ALLOCATED", "SUSPENDED", "OVERHEAD")) {
            long ms = dice.chance(50) ? left : dice.between(0L, left);
            left -= ms;
            long weight = bucket.equals("OVERHEAD") ? 0 : dice.of(List.of(1_000, 1_000, 400));
            holders.add(new Holder(who, bucket, ms, ms * weight));
            if (dice.chance(30)) {
                who = dice.of(List.of("voucher", "payer"));
            }
        }
        holders.add(new Holder("", "IDLE", left, 0));
        return holders;
    }

    private void add(
            String cluster,
            String host,
            int gpu,
            String model,
            long hour,
            long learned,
            long revision,
            List<Holder> holders) {
        HourVersion version =
                new HourVersion(cluster, host, gpu, model, hour, learned, revision, holders);
        Long before = lastRevision.put(version.slot(), revision);
        if (before != null && before >= revision) {
            throw new IllegalStateException("revisions of %s fall".formatted(version.slot()));
        }
        versions.add(version);
    }

    private long startMs(YearMonth month) {
        return month.atDay(1).atStartOfDay(zone).toInstant().toEpochMilli();
    }

    private static long hour(long ms) {
        return Math.floorDiv(ms, HOUR_MS) * HOUR_MS;
    }

    private static long hours(long gpuHours) {
        return gpuHours * HOUR_MS * 1_000;
    }
}

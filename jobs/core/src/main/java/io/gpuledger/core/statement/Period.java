package io.gpuledger.core.statement;

import io.gpuledger.core.time.Span;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;

/** A month of a site's zone. */
public record Period(YearMonth month, ZoneId zone) implements Comparable<Period> {
    private static final long HOUR_MS = 3_600_000;

    /** The month that an instant lies in. */
    public static Period at(long instantMs, ZoneId zone) {
        return new Period(YearMonth.from(Instant.ofEpochMilli(instantMs).atZone(zone)), zone);
    }

    public Period next() {
        return new Period(month.plusMonths(1), zone);
    }

    public Period previous() {
        return new Period(month.minusMonths(1), zone);
    }

    public Span span() {
        return new Span(startMs(month), startMs(month.plusMonths(1)));
    }

    private long startMs(YearMonth of) {
        return of.atDay(1).atStartOfDay(zone).toInstant().toEpochMilli();
    }

    /** Whole hours: 743 and 745 where the clocks change. */
    public long hours() {
        return (span().endMs() - span().startMs()) / HOUR_MS;
    }

    /** Whether both of its ends are whole hours of UTC, as the hours of the ledger are. */
    public boolean hasWholeHours() {
        return Math.floorMod(span().startMs(), HOUR_MS) == 0
                && Math.floorMod(span().endMs(), HOUR_MS) == 0;
    }

    /** As {@code 2026-10}. */
    public String name() {
        return month.toString();
    }

    @Override
    public int compareTo(Period other) {
        return month.compareTo(other.month);
    }
}

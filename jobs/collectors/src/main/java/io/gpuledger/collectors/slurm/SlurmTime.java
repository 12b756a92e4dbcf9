package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.Decimals;
import io.gpuledger.collectors.file.Instants;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.ResolverStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.TemporalAccessor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Slurm's times: epoch seconds, ISO, or local times of the cluster's zone. */
public final class SlurmTime {
    private static final BigDecimal BEYOND = BigDecimal.valueOf(99_999_999_999L);

    /** With T or a blank between date and time, and with or without an offset. */
    private static final DateTimeFormatter ISO =
            new DateTimeFormatterBuilder()
                    .append(DateTimeFormatter.ISO_LOCAL_DATE)
                    .appendPattern("['T'][' ']")
                    .append(DateTimeFormatter.ISO_LOCAL_TIME)
                    .appendPattern("[XXX][XX][X]")
                    .toFormatter(Locale.ROOT)
                    .withResolverStyle(ResolverStyle.STRICT);

    private SlurmTime() {}

    /**
     * Submit, start and end in milliseconds.
     *
     * @param later what else the texts may mean where the clock showed an hour twice: the last
     *     reading, the first one being this; null where only one fits
     */
    public record Resolved(
            @Nullable Long submit,
            @Nullable Long start,
            @Nullable Long end,
            @Nullable Resolved later) {
        /** Start or end was a guess. */
        public boolean ambiguous() {
            return later != null;
        }
    }

    /**
     * All instants that a text may mean, the earliest first; none when it says that it is not
     * known.
     */
    static List<Long> candidates(@Nullable String text, ZoneId zone) throws BadRecordException {
        if (text == null) {
            return List.of();
        }
        String s = text.trim();
        if (s.isEmpty()
                || s.equals("0")
                || s.equals("Unknown")
                || s.equals("None")
                || s.equals("N/A")
                || s.equals("(null)")) {
            return List.of();
        }
        if (s.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return List.of(epoch(s));
        }
        try {
            LocalDateTime plain = plain(s);
            if (plain != null) {
                return local(plain, s, zone);
            }
            TemporalAccessor parsed = ISO.parse(s);
            if (parsed.isSupported(ChronoField.OFFSET_SECONDS)) {
                return List.of(checked(OffsetDateTime.from(parsed).toEpochSecond(), s));
            }
            return local(LocalDateTime.from(parsed), s, zone);
        } catch (DateTimeException e) {
            throw new BadRecordException(
                    "BAD_TIME", "'" + s + "' is not a time; set SLURM_TIME_FORMAT=%s", e);
        }
    }

    /** The form that nearly all have, without the cost of a formatter. */
    private static @Nullable LocalDateTime plain(String s) {
        if (s.length() != 19 || s.charAt(4) != '-' || s.charAt(7) != '-' || s.charAt(10) != 'T') {
            return null;
        }
        if (s.charAt(13) != ':' || s.charAt(16) != ':') {
            return null;
        }
        int year = digits(s, 0, 4);
        int month = digits(s, 5, 7);
        int day = digits(s, 8, 10);
        int hour = digits(s, 11, 13);
        int minute = digits(s, 14, 16);
        int second = digits(s, 17, 19);
        boolean all = (year | month | day | hour | minute | second) >= 0;
        return all ? LocalDateTime.of(year, month, day, hour, minute, second) : null;
    }

    /** -1 where something else than a digit stands. */
    private static int digits(String s, int from, int to) {
        int v = 0;
        for (int i = from; i < to; i++) {
            int d = s.charAt(i) - '0';
            if (d < 0 || d > 9) {
                return -1;
            }
            v = v * 10 + d;
        }
        return v;
    }

    private static List<Long> local(LocalDateTime time, String shown, ZoneId zone)
            throws BadRecordException {
        List<ZoneOffset> offsets = zone.getRules().getValidOffsets(time);
        if (offsets.isEmpty()) {
            // A local time that a clock change skipped.
            return List.of(checked(time.atZone(zone).toEpochSecond(), shown));
        }
        List<Long> out = new ArrayList<>();
        for (ZoneOffset o : offsets) {
            out.add(checked(time.toEpochSecond(o), shown));
        }
        out.sort(null);
        return out;
    }

    private static Long epoch(String s) throws BadRecordException {
        return checked(s.length() > 12 ? Long.MAX_VALUE / 1000 : Long.parseLong(s), s);
    }

    /** Slurm's times are whole seconds. */
    private static Long checked(long epochSeconds, String shown) throws BadRecordException {
        // Years of nine digits are times too, but not in milliseconds.
        boolean fits = Math.abs(epochSeconds) < Long.MAX_VALUE / 1000;
        return Instants.checked(fits ? epochSeconds * 1000 : Long.MAX_VALUE, shown);
    }

    /** Epoch seconds with a fraction, as hooks write them. */
    static long stamp(String text) throws BadRecordException {
        BigDecimal seconds = Decimals.parse(text, "ts");
        if (seconds.signum() <= 0 || seconds.compareTo(BEYOND) >= 0) {
            throw new BadRecordException(
                    "BAD_TIME", "ts '" + text + "' is no time in epoch seconds");
        }
        long ms = seconds.movePointRight(3).setScale(0, RoundingMode.FLOOR).longValueExact();
        return Instants.checked(ms, text);
    }

    static @Nullable Long earliest(@Nullable String text, ZoneId zone) throws BadRecordException {
        List<Long> c = candidates(text, zone);
        return c.isEmpty() ? null : c.get(0);
    }

    /**
     * Picks the offsets of a repeated hour for which the times are in order and the length fits.
     */
    public static Resolved resolve(
            @Nullable String submit,
            @Nullable String start,
            @Nullable String end,
            @Nullable Long lengthMs,
            ZoneId zone)
            throws BadRecordException {
        List<Long> submits = candidates(submit, zone);
        List<Long> starts = candidates(start, zone);
        List<Long> ends = candidates(end, zone);
        if (starts.size() < 2 && ends.size() < 2) {
            return new Resolved(first(submits), first(starts), first(ends), null);
        }
        Resolved fit = fit(submits, starts, ends, lengthMs);
        if (fit != null) {
            return fit;
        }
        // The row after a resize keeps the first start: its submit is the later resize.
        Resolved resized = fit(List.of(), starts, ends, lengthMs);
        return resized != null
                ? reading(first(submits), resized.start(), resized.end(), last(submits), resized)
                : reading(
                        first(submits),
                        first(starts),
                        first(ends),
                        last(submits),
                        new Resolved(null, last(starts), last(ends), null));
    }

    /** A reading and the last one, where they differ in start or end. */
    private static Resolved reading(
            @Nullable Long submit,
            @Nullable Long start,
            @Nullable Long end,
            @Nullable Long lastSubmit,
            Resolved others) {
        Resolved last = others.later() == null ? others : others.later();
        boolean same = Objects.equals(start, last.start()) && Objects.equals(end, last.end());
        return new Resolved(
                submit,
                start,
                end,
                same ? null : new Resolved(lastSubmit, last.start(), last.end(), null));
    }

    /**
     * The row after a resize, whose start is that of the row before and whose submit is that one's
     * end: what the one before means tells what this one does.
     */
    static Resolved resized(
            Resolved before, @Nullable String end, @Nullable Long lengthMs, ZoneId zone)
            throws BadRecordException {
        Resolved first = after(before, end, lengthMs, zone);
        Resolved later = before.later();
        return later == null
                ? first
                : reading(
                        first.submit(),
                        first.start(),
                        first.end(),
                        later.end(),
                        after(later, end, lengthMs, zone));
    }

    private static Resolved after(
            Resolved before, @Nullable String end, @Nullable Long lengthMs, ZoneId zone)
            throws BadRecordException {
        Long found = null;
        for (long candidate : candidates(end, zone)) {
            Long resize = before.end();
            Long start = before.start();
            boolean fits = lengthMs == null || start == null || candidate - start == lengthMs;
            if (resize != null && resize <= candidate && (found == null || fits)) {
                found = candidate;
                if (fits) {
                    break;
                }
            }
        }
        return new Resolved(before.end(), before.start(), found, null);
    }

    private static @Nullable Resolved fit(
            List<Long> submits, List<Long> starts, List<Long> ends, @Nullable Long lengthMs) {
        Resolved fit = null;
        Resolved last = null;
        for (Long a : orNull(submits)) {
            for (Long b : orNull(starts)) {
                for (Long c : orNull(ends)) {
                    boolean length =
                            lengthMs == null || b == null || c == null || c - b == lengthMs;
                    if (length && ordered(a, b) && ordered(b, c)) {
                        last = new Resolved(a, b, c, null);
                        fit = fit == null ? last : fit;
                    }
                }
            }
        }
        return fit == null || last == null
                ? null
                : reading(fit.submit(), fit.start(), fit.end(), last.submit(), last);
    }

    private static @Nullable Long first(List<Long> times) {
        return times.isEmpty() ? null : times.get(0);
    }

    private static @Nullable Long last(List<Long> times) {
        return times.isEmpty() ? null : times.get(times.size() - 1);
    }

    /** Of what a text may mean the time nearest to another one. */
    static @Nullable Long nearest(List<Long> candidates, long toMs) {
        return candidates.stream()
                .min(Comparator.comparingLong(c -> Math.abs(c - toMs)))
                .orElse(null);
    }

    private static List<@Nullable Long> orNull(List<Long> times) {
        List<@Nullable Long> out = new ArrayList<>(times);
        if (out.isEmpty()) {
            out.add(null);
        }
        return out;
    }

    private static boolean ordered(@Nullable Long a, @Nullable Long b) {
        return a == null || b == null || a <= b;
    }

    /** {@code [D-]HH:MM:SS} in milliseconds. */
    static @Nullable Long duration(@Nullable String text) throws BadRecordException {
        if (text == null || text.isBlank()) {
            return null;
        }
        String s = text.trim();
        if (s.equals("INVALID") || s.equals("Unknown") || s.equals("None")) {
            return null;
        }
        int dot = s.indexOf('.');
        if (dot >= 0) {
            s = s.substring(0, dot);
        }
        int dash = s.indexOf('-');
        long seconds = 0;
        String[] parts = s.substring(dash + 1).split(":", -1);
        if (parts.length > 3) {
            throw new BadRecordException("BAD_TIME", "'" + text + "' is not a duration");
        }
        for (String part : parts) {
            seconds = seconds * 60 + Integers.parse(part, "duration " + text);
        }
        long days = dash < 0 ? 0 : Integers.parse(s.substring(0, dash), "duration " + text);
        return (days * 86_400 + seconds) * 1000;
    }
}

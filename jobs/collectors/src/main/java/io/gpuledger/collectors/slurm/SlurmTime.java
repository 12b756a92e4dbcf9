package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Slurm's times: epoch seconds, ISO, or local times of the cluster's zone. */
public final class SlurmTime {
    private SlurmTime() {}

    /** Submit, start and end in milliseconds, and whether start or end was a guess. */
    public record Resolved(
            @Nullable Long submit, @Nullable Long start, @Nullable Long end, boolean ambiguous) {}

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
            return List.of(Math.multiplyExact(checkedEpoch(s), 1000L));
        }
        try {
            if (s.length() > 19) {
                return List.of(OffsetDateTime.parse(s).toInstant().toEpochMilli());
            }
            LocalDateTime local = LocalDateTime.parse(s);
            List<ZoneOffset> offsets = zone.getRules().getValidOffsets(local);
            if (offsets.isEmpty()) {
                // A local time that a clock change skipped.
                return List.of(local.atZone(zone).toInstant().toEpochMilli());
            }
            List<Long> out = new ArrayList<>();
            for (ZoneOffset o : offsets) {
                out.add(local.toInstant(o).toEpochMilli());
            }
            out.sort(null);
            return out;
        } catch (DateTimeException e) {
            throw new BadRecordException("BAD_TIME", "'" + s + "' is not a time", e);
        }
    }

    private static long checkedEpoch(String s) throws BadRecordException {
        long v = Integers.parseLong(s, "time");
        if (v > 99_999_999_999L) {
            throw new BadRecordException("BAD_TIME", "'" + s + "' is not a time in epoch seconds");
        }
        return v;
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
        Long su = submits.isEmpty() ? null : submits.get(0);
        Long st = starts.isEmpty() ? null : starts.get(0);
        Long en = ends.isEmpty() ? null : ends.get(0);
        if (starts.size() < 2 && ends.size() < 2) {
            return new Resolved(su, st, en, false);
        }
        Resolved fit = null;
        boolean several = false;
        for (Long a : orNull(submits)) {
            for (Long b : orNull(starts)) {
                for (Long c : orNull(ends)) {
                    boolean fits =
                            ordered(a, b)
                                    && ordered(b, c)
                                    && (lengthMs == null
                                            || b == null
                                            || c == null
                                            || c - b == lengthMs);
                    if (!fits) {
                        continue;
                    }
                    Resolved r = new Resolved(a, b, c, false);
                    if (fit == null) {
                        fit = r;
                    } else {
                        several |= !Objects.equals(fit.start(), b) || !Objects.equals(fit.end(), c);
                    }
                }
            }
        }
        if (fit == null || several) {
            return fit == null
                    ? new Resolved(su, st, en, true)
                    : new Resolved(fit.submit(), fit.start(), fit.end(), true);
        }
        return fit;
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
        int dot = s.indexOf('.');
        if (dot >= 0) {
            s = s.substring(0, dot);
        }
        int dash = s.indexOf('-');
        long seconds = 0;
        for (String part : s.substring(dash + 1).split(":", -1)) {
            seconds = seconds * 60 + Integers.parse(part, "duration " + text);
        }
        long days = dash < 0 ? 0 : Integers.parse(s.substring(0, dash), "duration " + text);
        return (days * 86_400 + seconds) * 1000;
    }
}

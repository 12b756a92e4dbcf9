package io.gpuledger.benchmarks.queries;

import java.time.Duration;
import java.time.Instant;

/**
 * A year to ask questions of: what ran in it follows from the seed.
 *
 * @param gpus whole hosts of {@link #GPUS_PER_HOST}
 * @param days from {@link #START_MS} on
 * @param minuteDays of them the last ones also have minute rows
 * @param grants each with accounts of its own
 */
public record YearPlan(long seed, int gpus, int days, int minuteDays, int grants) {
    public static final String CLUSTER = "gefion";
    public static final int GPUS_PER_HOST = 8;

    /** A fixed past: the same seed gives the same rows on any day. */
    public static final long START_MS = Instant.parse("2026-01-01T00:00:00Z").toEpochMilli();

    private static final int LONGEST_DAYS = 3660;

    public YearPlan {
        require(
                gpus > 0 && gpus % GPUS_PER_HOST == 0,
                "GPUs are %d; give a multiple of %d".formatted(gpus, GPUS_PER_HOST));
        require(
                days > 0 && days <= LONGEST_DAYS,
                "days are %d; give 1 to %d".formatted(days, LONGEST_DAYS));
        require(
                minuteDays > 0 && minuteDays <= days,
                "days with minutes are %d; give 1 to the %d days".formatted(minuteDays, days));
        require(grants > 0, "grants are %d; at least one is needed".formatted(grants));
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }

    int hosts() {
        return gpus / GPUS_PER_HOST;
    }

    /** UTC epoch milliseconds, exclusive. */
    long endMs() {
        return START_MS + Duration.ofDays(days).toMillis();
    }

    long minutesFromMs() {
        return endMs() - Duration.ofDays(minuteDays).toMillis();
    }

    static String host(int host) {
        return "gefion%03d".formatted(host + 1);
    }

    public static String grant(int grant) {
        return "dcai-2026-%03d".formatted(grant + 1);
    }
}

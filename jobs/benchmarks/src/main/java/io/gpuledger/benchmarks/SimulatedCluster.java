package io.gpuledger.benchmarks;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A cluster to measure with: what runs on it and what its GPUs show follow from the seed.
 *
 * @param hosts each has {@link #GPUS_PER_HOST} GPUs
 * @param span whole poll intervals
 * @param scrapeInterval of the exporters; divides the span
 * @param pollInterval of the scheduler, at most five minutes: more would leave time unknown
 * @param jobSpread jobs last two poll intervals and up to so much more, all lengths alike
 */
public record SimulatedCluster(
        long seed,
        int hosts,
        Duration span,
        Duration scrapeInterval,
        Duration pollInterval,
        Duration jobSpread) {

    public static final String NAME = "bench";
    public static final int GPUS_PER_HOST = 8;

    /** A fixed past: the same seed gives the same bytes on any day. */
    public static final long START_MS = Instant.parse("2026-01-01T00:00:00Z").toEpochMilli();

    /** How a host may be shared out: GPUs of each job that runs at the same time. */
    private static final int[][] LAYOUTS = {
        {8}, {4, 4}, {2, 2, 4}, {1, 1, 2, 4}, {1, 1, 1, 1, 1, 1, 1, 1}
    };

    private static final Duration LONGEST_POLL = Duration.ofMinutes(5);
    private static final int ACCOUNTS = 40;
    private static final int USERS = 120;

    public SimulatedCluster {
        require(hosts > 0, "hosts are %d; at least one is needed".formatted(hosts));
        require(
                isMultiple(span, pollInterval) && isMultiple(span, scrapeInterval),
                "the span %s is no multiple of the scrape interval %s and the poll interval %s"
                        .formatted(span, scrapeInterval, pollInterval));
        require(
                pollInterval.compareTo(LONGEST_POLL) <= 0,
                "the poll interval %s is more than %s; the time between two polls would be unknown"
                        .formatted(pollInterval, LONGEST_POLL));
        require(
                jobSpread.toSeconds() > 0,
                "the spread of jobs %s is no second".formatted(jobSpread));
        require(
                pollInterval.toMillis() % 1000 == 0,
                "the poll interval %s is no whole number of seconds".formatted(pollInterval));
    }

    /** Jobs that last up to an hour longer than they must. */
    public SimulatedCluster(
            long seed, int hosts, Duration span, Duration scrapeInterval, Duration pollInterval) {
        this(seed, hosts, span, scrapeInterval, pollInterval, Duration.ofHours(1));
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }

    private static boolean isMultiple(Duration whole, Duration part) {
        return part.toMillis() > 0
                && whole.toMillis() > 0
                && whole.toMillis() % part.toMillis() == 0;
    }

    /** UTC epoch milliseconds, exclusive. */
    public long endMs() {
        return START_MS + span.toMillis();
    }

    public long scrapes() {
        return span.toMillis() / scrapeInterval.toMillis();
    }

    /** GPU samples in all scrapes. */
    public long samples() {
        return scrapes() * hosts * GPUS_PER_HOST;
    }

    static String host(int host) {
        return "n%04d".formatted(host);
    }

    /**
     * Jobs in the order of their hosts: each holds whole GPUs of one host, none overlaps another,
     * all end by the end of the span, and each is seen by at least one poll while it runs.
     */
    public List<SimulatedJob> jobs() {
        List<SimulatedJob> jobs = new ArrayList<>();
        Random random = new Random(seed);
        for (int host = 0; host < hosts; host++) {
            int firstGpu = 0;
            for (int gpus : LAYOUTS[random.nextInt(LAYOUTS.length)]) {
                fill(jobs, random, host, firstGpu, gpus);
                firstGpu += gpus;
            }
        }
        return jobs;
    }

    private void fill(List<SimulatedJob> jobs, Random random, int host, int firstGpu, int gpus) {
        long shortest = 2 * pollInterval.toMillis();
        long start = START_MS + seconds(random, 120);
        while (start + shortest <= endMs()) {
            long length = shortest + seconds(random, (int) jobSpread.toSeconds());
            long end = Math.min(start + length, endMs());
            int account = random.nextInt(ACCOUNTS);
            jobs.add(
                    new SimulatedJob(
                            jobs.size() + 1L,
                            host,
                            firstGpu,
                            gpus,
                            start,
                            end,
                            "g%02d".formatted(account),
                            "u%03d".formatted((account + ACCOUNTS * random.nextInt(3)) % USERS)));
            start = end + seconds(random, 120);
        }
    }

    private static long seconds(Random random, int bound) {
        return 1000L * random.nextInt(bound);
    }
}

package io.gpuledger.benchmarks.queries;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Who held what in a {@link YearPlan}. Hosts form blocks of eight; a job takes GPUs of one host, or
 * whole hosts of one block. The hosts of the first block but one are cut into instances of 3, 2 and
 * 2 sevenths, so that several runs share a slot.
 */
final class YearSchedule {
    /** What a slot, or an instance of it, is given to. */
    record Hold(YearJob job, long overheadUntilMs) {}

    /**
     * One slot, or one instance of it, in the order of time.
     *
     * @param instance -1 for the whole GPU
     * @param sevenths share of the GPU
     */
    record Track(int host, int gpu, int instance, int sevenths, List<Hold> holds) {}

    /** While a host is out, what nobody holds of it is down. */
    record Outage(long startMs, long endMs) {}

    private static final int BLOCK_HOSTS = 8;
    private static final int GPUS = YearPlan.GPUS_PER_HOST;
    private static final int[] INSTANCES = {3, 2, 2};

    /** GPUs of a job and how many of a hundred jobs have as many. */
    private static final int[][] SIZES = {
        {1, 34}, {2, 14}, {4, 18}, {8, 20}, {16, 7}, {32, 5}, {64, 2}
    };

    private static final double MEDIAN_LENGTH_MS = 2.5 * 3600_000;
    private static final double LENGTH_SPREAD = 1.4;
    private static final long SHORTEST_MS = 60_000;
    private static final long LONGEST_MS = 7 * 86_400_000L;
    private static final int USERS_PER_GRANT = 7;
    private static final long FIRST_JOB = 1000;

    private final YearPlan plan;
    private final SplittableRandom random;
    private final List<YearJob> jobs = new ArrayList<>();
    private final List<Track> tracks = new ArrayList<>();
    private final List<List<Outage>> outages = new ArrayList<>();

    YearSchedule(YearPlan plan) {
        this.plan = plan;
        this.random = new SplittableRandom(plan.seed());
        for (int first = 0; first < plan.hosts(); first += BLOCK_HOSTS) {
            int hosts = Math.min(BLOCK_HOSTS, plan.hosts() - first);
            for (int host = first; host < first + hosts; host++) {
                outages.add(outagesOfAHost());
            }
            if (first == BLOCK_HOSTS) {
                shareOut(first, hosts);
            } else {
                fill(first, hosts);
            }
        }
    }

    List<YearJob> jobs() {
        return jobs;
    }

    /** By host, GPU and instance. */
    List<Track> tracks() {
        return tracks;
    }

    List<Outage> outages(int host) {
        return outages.get(host);
    }

    private List<Outage> outagesOfAHost() {
        List<Outage> all = new ArrayList<>();
        long at = YearPlan.START_MS + random.nextLong(120 * 86_400_000L);
        while (at < plan.endMs()) {
            long end = at + 600_000 + random.nextLong(36 * 3_600_000L);
            all.add(new Outage(at, end));
            at = end + random.nextLong(240 * 86_400_000L);
        }
        return all;
    }

    private void fill(int firstHost, int hosts) {
        List<Track> block = new ArrayList<>();
        for (int host = firstHost; host < firstHost + hosts; host++) {
            for (int gpu = 0; gpu < GPUS; gpu++) {
                block.add(new Track(host, gpu, -1, 7, new ArrayList<>()));
            }
        }
        long[] freeFrom = new long[hosts * GPUS];
        Arrays.fill(freeFrom, YearPlan.START_MS);
        while (Arrays.stream(freeFrom).min().orElseThrow() < plan.endMs()) {
            int[] taken = place(size(hosts), hosts, freeFrom);
            long free = YearPlan.START_MS;
            for (int slot : taken) {
                free = Math.max(free, freeFrom[slot]);
            }
            YearJob job = job(taken.length, free);
            long overhead = job.endMs() + 2000 + random.nextLong(28_000);
            for (int slot : taken) {
                freeFrom[slot] = overhead;
                if (job.startMs() < plan.endMs()) {
                    block.get(slot).holds().add(new Hold(job, overhead));
                }
            }
        }
        tracks.addAll(block);
    }

    private int size(int hosts) {
        int draw = random.nextInt(100);
        for (int[] size : SIZES) {
            draw -= size[1];
            if (draw < 0) {
                return Math.min(size[0], hosts * GPUS);
            }
        }
        throw new IllegalStateException("the sizes do not come to a hundred");
    }

    /** The slots that are free first: of one host, or whole hosts. */
    private static int[] place(int size, int hosts, long[] freeFrom) {
        if (size < GPUS) {
            int[] best = {};
            long bestFrom = Long.MAX_VALUE;
            for (int host = 0; host < hosts; host++) {
                int[] slots = byTime(host * GPUS, GPUS, freeFrom);
                long from = freeFrom[slots[size - 1]];
                if (from < bestFrom) {
                    bestFrom = from;
                    best = Arrays.copyOf(slots, size);
                }
            }
            return best;
        }
        long[] hostFrom = new long[hosts];
        for (int slot = 0; slot < freeFrom.length; slot++) {
            int host = slot / GPUS;
            hostFrom[host] = Math.max(hostFrom[host], freeFrom[slot]);
        }
        return Arrays.stream(byTime(0, hosts, hostFrom))
                .limit(size / GPUS)
                .flatMap(host -> IntStream.range(host * GPUS, (host + 1) * GPUS))
                .toArray();
    }

    private static int[] byTime(int first, int count, long[] from) {
        return IntStream.range(first, first + count)
                .boxed()
                .sorted(Comparator.comparingLong(i -> from[i]))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    private void shareOut(int firstHost, int hosts) {
        for (int host = firstHost; host < firstHost + hosts; host++) {
            for (int gpu = 0; gpu < GPUS; gpu++) {
                for (int instance = 0; instance < INSTANCES.length; instance++) {
                    Track track =
                            new Track(
                                    host,
                                    gpu,
                                    instance + 1,
                                    INSTANCES[instance],
                                    new ArrayList<>());
                    long at = YearPlan.START_MS;
                    while (at < plan.endMs()) {
                        YearJob job = job(1, at);
                        at = job.endMs() + 2000 + random.nextLong(28_000);
                        if (job.startMs() < plan.endMs()) {
                            track.holds().add(new Hold(job, at));
                        }
                    }
                    tracks.add(track);
                }
            }
        }
    }

    private YearJob job(int gpus, long freeMs) {
        long length =
                (long) (MEDIAN_LENGTH_MS * Math.exp(LENGTH_SPREAD * random.nextGaussian()))
                        / 1000
                        * 1000;
        // One in eight finds nobody waiting.
        long gap = random.nextInt(8) == 0 ? random.nextLong(3 * 3_600_000L) : 1000;
        long start = (freeMs + gap + 999) / 1000 * 1000;
        // A few grants use most: the square of a draw.
        double draw = random.nextDouble();
        int grant = (int) (draw * draw * plan.grants());
        YearJob job =
                new YearJob(
                        FIRST_JOB + jobs.size(),
                        grant,
                        "acc%03d%s".formatted(grant + 1, random.nextInt(4) == 0 ? "-b" : ""),
                        "u%04d"
                                .formatted(
                                        grant * USERS_PER_GRANT + random.nextInt(USERS_PER_GRANT)),
                        gpus >= GPUS ? "large" : "defq",
                        random.nextInt(10) == 0 ? "high" : "normal",
                        gpus,
                        start,
                        start + Math.max(SHORTEST_MS, Math.min(LONGEST_MS, length)),
                        random.nextInt(20) == 0 ? 0 : 300_000 + random.nextLong(680_000),
                        2_000 + random.nextLong(76_000));
        if (job.startMs() < plan.endMs()) {
            jobs.add(job);
        }
        return job;
    }
}

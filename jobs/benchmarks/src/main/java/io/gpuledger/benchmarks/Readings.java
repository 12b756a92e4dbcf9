package io.gpuledger.benchmarks;

import java.util.List;
import java.util.SplittableRandom;

/** What the GPUs of one host show, scrape after scrape; values in the order of the encoder's. */
final class Readings {
    static final int ENERGY = 6;

    private static final int FIELDS = ScrapeEncoder.FIELDS.length;
    private static final int GPUS = SimulatedCluster.GPUS_PER_HOST;

    private final SplittableRandom random;
    private final List<SimulatedJob> jobs;
    private final String[] uuids = new String[GPUS];
    private final long[] values = new long[GPUS * FIELDS];
    private long atMs;

    Readings(SimulatedCluster cluster, int host, List<SimulatedJob> jobsOfHost) {
        random = new SplittableRandom(cluster.seed() * 31 + host);
        jobs = jobsOfHost;
        for (int gpu = 0; gpu < GPUS; gpu++) {
            uuids[gpu] = ScrapeEncoder.uuid(SimulatedCluster.host(host), gpu);
            values[gpu * FIELDS + ENERGY] = random.nextLong(1_000_000_000_000L);
        }
    }

    /** Reads all GPUs; {@code sinceMs} have gone by since the scrape before. */
    void scrape(long instantMs, long sinceMs) {
        atMs = instantMs;
        for (int gpu = 0; gpu < GPUS; gpu++) {
            boolean busy = isBusy(gpu, instantMs);
            long engine = busy ? 600_000 + random.nextLong(400_000) : 0;
            long power = busy ? 300_000 + random.nextLong(350_000) : 70_000;
            int v = gpu * FIELDS;
            values[v] = engine;
            values[v + 1] = engine / 10_000 * 10_000;
            values[v + 2] = engine * 8 / 10;
            values[v + 3] = engine * 4 / 10;
            values[v + 4] = engine * 3 / 10;
            values[v + 5] = busy ? 60_000 + random.nextLong(16) : 4;
            values[v + ENERGY] += power * sinceMs / 1000;
            values[v + 7] = power;
        }
    }

    private boolean isBusy(int gpu, long instantMs) {
        for (SimulatedJob job : jobs) {
            if (job.runsAt(instantMs)
                    && job.firstGpu() <= gpu
                    && gpu < job.firstGpu() + job.gpus()) {
                return true;
            }
        }
        return false;
    }

    long atMs() {
        return atMs;
    }

    String uuid(int gpu) {
        return uuids[gpu];
    }

    /** Millionths, MiB, millijoules or milliwatts. */
    long value(int gpu, int field) {
        return values[gpu * FIELDS + field];
    }
}

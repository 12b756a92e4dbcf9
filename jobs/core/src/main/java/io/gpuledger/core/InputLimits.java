package io.gpuledger.core;

/**
 * What an input may hold at most. One place for all of them: what a reader of files lets pass the
 * job must not refuse, and what one of them refuses no other way in may let pass. All are far
 * beyond any machine, and near enough that one broken record costs little.
 */
public final class InputLimits {
    /**
     * 2000-01-01T00:00Z: nothing that Slurm or DCGM tells is older, 1970 is a time that is unset.
     */
    public static final long EARLIEST_MS = 946_684_800_000L;

    /** 2100-01-01T00:00Z, exclusive. */
    public static final long LATEST_MS = 4_102_444_800_000L;

    /** Ten years. Usage is written minute by minute: one absurd end must not fill the disk. */
    public static final long LONGEST_RUN_MS = 3_653L * 86_400_000;

    /** An hour between two scrapes is the most that {@code --scrape-interval} takes. */
    public static final int LONGEST_INTERVAL_MS = 3_600_000;

    /** Characters of a host's name: the longest host name there is. */
    public static final int NAME_LENGTH = 255;

    /** Characters of a cluster, account, user, partition, QOS or model. */
    public static final int TEXT_LENGTH = 1_024;

    /** Hosts of one job. */
    public static final int HOSTS = 16_384;

    /** GPUs, or MIG instances, that the scheduler counts on one host. */
    public static final int GPUS = 1_024;

    /** GPUs and MIG instances in one scrape, and the numbers that NVML may give them. */
    public static final int SERIES = 4_096;

    /** Shards on one host: of MPS a hundred a card. */
    public static final int SHARDS = 65_536;

    /** Compute slices of one card. */
    public static final int SLICES = 64;

    /** GPUs, or shards, of one job. */
    public static final int JOB_GPUS = 1_000_000;

    /** Devices of one job and their indices: eight cards on each of sixteen thousand hosts. */
    public static final int JOB_DEVICES = 1 << 18;

    /** Kinds of GPU on one host or of one job. */
    public static final int TYPES = 64;

    /** States of one host: more than Slurm has. */
    public static final int STATES = 32;

    /** Millionths: an activity of 100 %. */
    public static final long FULL_PPM = 1_000_000;

    /** Exclusive. DCGM's 32-bit values from about here on say that it does not know. */
    public static final long BLANK_32 = 2_147_000_000L;

    /**
     * Exclusive. DCGM's floating point values from about here on say that it does not know. In
     * millijoules 39 MWh: no driver stays loaded for as long as a card takes to that.
     */
    public static final long BLANK_FLOAT = 140_737_000_000_000L;

    private InputLimits() {}

    /** Whether an input may speak of this instant, in UTC epoch milliseconds. */
    public static boolean isInstant(long ms) {
        return EARLIEST_MS <= ms && ms < LATEST_MS;
    }
}

package io.gpuledger.quota;

import java.io.Serializable;

/**
 * How the job runs.
 *
 * @param horizonMs a run that ended longer ago is folded into its grant's sum and changes no more
 * @param schedulerGapMs an open run is thought to hold on this long after it was heard of
 * @param futureMs a record observed this much later than Kafka got it has a wrong clock
 * @param burnWindowMs the trailing forecast goes on as the grant burnt in this time
 * @param quietMs without records for so long there is nothing left to catch up with
 * @param registryVersion nothing is decided by an older registry than this
 */
public record QuotaSettings(
        long horizonMs,
        long schedulerGapMs,
        long futureMs,
        long burnWindowMs,
        long quietMs,
        long registryVersion)
        implements Serializable {
    private static final long DAY_MS = 86_400_000;

    /** DESIGN section 6; a week of burning evens out days and nights. */
    public static QuotaSettings standard(long registryVersion) {
        return new QuotaSettings(2 * DAY_MS, 300_000, 300_000, 7 * DAY_MS, 10_000, registryVersion);
    }
}

package io.gpuledger.core.run;

import java.util.Arrays;

/** The instants at which every live job of a cluster was listed: who is absent then has ended. */
public final class CompletePolls {
    public static final CompletePolls NONE = new CompletePolls(new long[0]);

    private final long[] sortedMs;

    public CompletePolls(long[] instantsMs) {
        sortedMs = instantsMs.clone();
        Arrays.sort(sortedMs);
    }

    /** The first poll later than the instant, -1 when there is none. */
    public long firstAfter(long instantMs) {
        int at = Arrays.binarySearch(sortedMs, instantMs);
        int next = at < 0 ? -at - 1 : at + 1;
        while (next < sortedMs.length && sortedMs[next] <= instantMs) {
            next++;
        }
        return next < sortedMs.length ? sortedMs[next] : -1;
    }
}

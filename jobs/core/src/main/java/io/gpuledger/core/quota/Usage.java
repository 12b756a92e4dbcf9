package io.gpuledger.core.quota;

/** Charged GPU microseconds that were used before an instant: never falls as time goes on. */
@FunctionalInterface
public interface Usage {
    /** What was used in all the time before {@code instantMs}. */
    long until(long instantMs);

    /**
     * The first instant at which at least an amount is used.
     *
     * @param fromMs the first instant that is looked at
     * @param toMs the last one
     * @return -1 when it is not reached by {@code toMs}
     */
    default long firstReaching(long gpuUs, long fromMs, long toMs) {
        if (fromMs > toMs || until(toMs) < gpuUs) {
            return -1;
        }
        long before = fromMs - 1; // not reached, or not looked at
        long reached = toMs;
        while (reached - before > 1) {
            long middle = before + (reached - before) / 2;
            if (until(middle) >= gpuUs) {
                reached = middle;
            } else {
                before = middle;
            }
        }
        return reached;
    }
}

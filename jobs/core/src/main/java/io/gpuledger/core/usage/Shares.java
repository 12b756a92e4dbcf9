package io.gpuledger.core.usage;

/**
 * The one place that rounds shared time. With C the cumulated share numerators over N, a part's
 * time in {@code [from, to)} is a difference of floors of absolute instants, so parts of
 * neighbouring spans and of neighbouring holders add up to the whole without a lost millisecond.
 */
final class Shares {
    private Shares() {}

    static long part(
            long fromMs, long toMs, long cumulatedBefore, long cumulatedAfter, long denominator) {
        return upTo(toMs, cumulatedBefore, cumulatedAfter, denominator)
                - upTo(fromMs, cumulatedBefore, cumulatedAfter, denominator);
    }

    private static long upTo(
            long atMs, long cumulatedBefore, long cumulatedAfter, long denominator) {
        return Math.floorDiv(Math.multiplyExact(atMs, cumulatedAfter), denominator)
                - Math.floorDiv(Math.multiplyExact(atMs, cumulatedBefore), denominator);
    }

    /** A quantity cut at cumulated shares. */
    static long cut(long amount, long cumulatedBefore, long cumulatedAfter, long denominator) {
        return Math.floorDiv(Math.multiplyExact(amount, cumulatedAfter), denominator)
                - Math.floorDiv(Math.multiplyExact(amount, cumulatedBefore), denominator);
    }
}

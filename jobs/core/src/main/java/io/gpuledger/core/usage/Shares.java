package io.gpuledger.core.usage;

import java.math.BigInteger;

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
        return share(atMs, cumulatedAfter, denominator) - share(atMs, cumulatedBefore, denominator);
    }

    /** A quantity cut at cumulated shares. */
    static long cut(long amount, long cumulatedBefore, long cumulatedAfter, long denominator) {
        return share(amount, cumulatedAfter, denominator)
                - share(amount, cumulatedBefore, denominator);
    }

    /** floor(amount * cumulated / denominator), also where the product leaves 64 bits. */
    private static long share(long amount, long cumulated, long denominator) {
        long product = amount * cumulated;
        if (Math.multiplyHigh(amount, cumulated) == product >> 63) {
            return Math.floorDiv(product, denominator);
        }
        return floorOfLarge(amount, cumulated, denominator);
    }

    private static long floorOfLarge(long amount, long cumulated, long denominator) {
        BigInteger[] parts =
                BigInteger.valueOf(amount)
                        .multiply(BigInteger.valueOf(cumulated))
                        .divideAndRemainder(BigInteger.valueOf(denominator));
        long quotient = parts[0].longValueExact();
        return parts[1].signum() < 0 ? quotient - 1 : quotient;
    }
}

package io.gpuledger.core.usage;

import java.math.BigInteger;

/**
 * A part of a card, between two cumulated share numerators, and the one place that rounds what is
 * shared (DESIGN 6.3). All it cuts are differences of floors of quantities that only grow with
 * time, so parts of neighbouring spans and of neighbouring holders add up to the whole without a
 * lost unit.
 *
 * @param before numerators of the holders before this one
 * @param after with this one
 * @param of the numerators of the card
 */
record Share(long before, long after, long of) {
    static final Share WHOLE = new Share(0, 1, 1);

    boolean isWhole() {
        return before == 0 && after == of;
    }

    /** Milliseconds of the absolute span. */
    long ms(long fromMs, long toMs) {
        return isWhole() ? toMs - fromMs : cut(fromMs, toMs);
    }

    /**
     * What was added between two readings of a quantity, both counted from an instant that does not
     * depend on the span asked for.
     */
    long cut(long from, long to) {
        if (isWhole()) {
            return to - from;
        }
        return floor(to, after, of)
                - floor(from, after, of)
                - (floor(to, before, of) - floor(from, before, of));
    }

    /**
     * A rate over {@code [fromMs, toMs)} of a time that began at {@code originMs}: what it gives
     * follows from the milliseconds that the part has of that time. A rate of one all along gives
     * exactly those, and no part from the origin on gives more than its rate at full.
     */
    long rate(long rate, long fromMs, long toMs, long originMs, long unit) {
        if (isWhole()) {
            return rateUpTo(1, 1, rate, fromMs, toMs, originMs, unit);
        }
        return rateUpTo(after, of, rate, fromMs, toMs, originMs, unit)
                - rateUpTo(before, of, rate, fromMs, toMs, originMs, unit);
    }

    private static long rateUpTo(
            long cumulated, long of, long rate, long fromMs, long toMs, long originMs, long unit) {
        long origin = floor(originMs, cumulated, of);
        long to = floor(floor(toMs, cumulated, of) - origin, rate, unit);
        return fromMs == originMs
                ? to
                : to - floor(floor(fromMs, cumulated, of) - origin, rate, unit);
    }

    /** floor(amount * numerator / denominator), also where the product leaves 64 bits. */
    static long floor(long amount, long numerator, long denominator) {
        long product = amount * numerator;
        if (Math.multiplyHigh(amount, numerator) == product >> 63) {
            return Math.floorDiv(product, denominator);
        }
        return floorOfLarge(amount, numerator, denominator);
    }

    private static long floorOfLarge(long amount, long numerator, long denominator) {
        BigInteger[] parts =
                BigInteger.valueOf(amount)
                        .multiply(BigInteger.valueOf(numerator))
                        .divideAndRemainder(BigInteger.valueOf(denominator));
        long quotient = parts[0].longValueExact();
        return parts[1].signum() < 0 ? quotient - 1 : quotient;
    }
}

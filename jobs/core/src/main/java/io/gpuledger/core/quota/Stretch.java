package io.gpuledger.core.quota;

import io.gpuledger.core.time.Span;

/**
 * A span in which a run has a fixed share of GPUs at a fixed weight.
 *
 * @param toMs exclusive; {@link Span#OPEN_END} while it goes on
 * @param numerator of the share: 2 of 1 are two whole GPUs, 3 of 7 three slices of one
 * @param weightMilli thousandths
 */
public record Stretch(long fromMs, long toMs, long numerator, long denominator, int weightMilli) {
    /**
     * No amount is greater: what would be, says this. A whole Gefion uses it up in five thousand
     * years, and a forecast asks for times that far away.
     */
    public static final long MOST_GPU_US = 1L << 58;

    public Stretch {
        if (toMs < fromMs || numerator < 0 || denominator < 1 || weightMilli < 0) {
            throw new IllegalArgumentException(
                    "a stretch from %d to %d of %d/%d GPUs with weight %d"
                            .formatted(fromMs, toMs, numerator, denominator, weightMilli));
        }
    }

    public boolean isOpen() {
        return toMs == Span.OPEN_END;
    }

    /**
     * Held GPU time before an instant. Parts of a GPU are rounded on absolute time, so that two
     * stretches that follow each other have together what one over both has.
     */
    public long gpuMsUntil(long instantMs) {
        long end = Math.min(toMs, instantMs);
        if (end <= fromMs) {
            return 0;
        }
        return denominator == 1 ? product(end - fromMs, numerator) : share(end) - share(fromMs);
    }

    private long share(long atMs) {
        return Math.floorDiv(product(atMs, numerator), denominator);
    }

    /** The same time charged. */
    public long gpuUsUntil(long instantMs) {
        return product(gpuMsUntil(instantMs), weightMilli);
    }

    /** Of two that are not negative, at most {@link #MOST_GPU_US}. */
    static long product(long a, long b) {
        long low = a * b;
        boolean fits = Math.multiplyHigh(a, b) == 0 && low >= 0;
        return fits ? Math.min(low, MOST_GPU_US) : MOST_GPU_US;
    }

    /** Likewise. */
    public static long sum(long a, long b) {
        return Math.min(a + b, MOST_GPU_US);
    }
}

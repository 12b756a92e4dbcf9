package io.gpuledger.core.quota;

import io.gpuledger.core.time.Span;
import java.util.List;

/**
 * What one run takes from one grant.
 *
 * @param limitMs nothing is counted from here on: of an open run how far it may be thought to hold
 *     on without being heard of, else {@link Span#OPEN_END}
 * @param allowedToMs when the time limit of an open run is over, {@link Long#MIN_VALUE} without one
 * @param flags bits of {@link io.gpuledger.core.run.RunFlag}
 */
public record Consumption(
        String grantId,
        String cluster,
        String runId,
        boolean isOpen,
        long limitMs,
        long allowedToMs,
        List<Stretch> stretches,
        int flags)
        implements Usage {
    public Consumption {
        stretches = List.copyOf(stretches);
        if (!isOpen && stretches.stream().anyMatch(Stretch::isOpen)) {
            throw new IllegalArgumentException("run " + runId + " has ended and goes on");
        }
    }

    @Override
    public long until(long instantMs) {
        long at = Math.min(limitMs, instantMs);
        long sum = 0;
        for (Stretch stretch : stretches) {
            sum = Stretch.sum(sum, stretch.gpuUsUntil(at));
        }
        return sum;
    }

    /**
     * What an open run may still use if it lasts as long as it may. Nothing without a time limit,
     * and nothing of a run that is not thought to hold on.
     */
    public long committed(long nowMs) {
        if (!isOpen || nowMs >= limitMs || allowedToMs <= nowMs) {
            return 0;
        }
        long all = 0;
        for (Stretch stretch : stretches) {
            all = Stretch.sum(all, stretch.gpuUsUntil(allowedToMs));
        }
        return all - until(nowMs);
    }

    /** Held GPU time before an instant, whatever its weight. */
    public long gpuMsUntil(long instantMs) {
        long at = Math.min(limitMs, instantMs);
        long sum = 0;
        for (Stretch stretch : stretches) {
            sum = Stretch.sum(sum, stretch.gpuMsUntil(at));
        }
        return sum;
    }

    /** When the last stretch ends, {@link Long#MIN_VALUE} without any. */
    public long endMs() {
        long end = Long.MIN_VALUE;
        for (Stretch stretch : stretches) {
            end = Math.max(end, stretch.toMs());
        }
        return end;
    }

    /** More than any run can take: some number that it was made of is wrong. */
    public boolean isAbsurd(long nowMs) {
        return until(nowMs) >= Stretch.MOST_GPU_US >> 2;
    }

    /** Thousandths of whole GPUs that it has at an instant. */
    public long gpuMilliAt(long instantMs) {
        long milli = 0;
        for (Stretch stretch : stretches) {
            if (stretch.fromMs() <= instantMs && instantMs < Math.min(limitMs, stretch.toMs())) {
                milli += 1_000 * stretch.numerator() / stretch.denominator();
            }
        }
        return milli;
    }
}

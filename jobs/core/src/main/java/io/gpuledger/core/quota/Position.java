package io.gpuledger.core.quota;

import java.util.List;

/**
 * Budget and use of a grant at an instant, in charged GPU microseconds.
 *
 * @param budgetGpuUs all that was given, less what lapsed unused
 * @param usedGpuUs all that was used
 * @param lapsedGpuUs what expired before it was used
 * @param lines what became of each line, in the order in which they burn
 */
public record Position(
        long atMs, long budgetGpuUs, long usedGpuUs, long lapsedGpuUs, List<Line> lines) {
    /**
     * What became of one line that gives.
     *
     * @param burntGpuUs used up or taken away
     * @param lapsedGpuUs expired unused
     */
    public record Line(
            long atMs,
            long expiresMs,
            long givenGpuUs,
            long burntGpuUs,
            long lapsedGpuUs,
            String note) {
        public long leftGpuUs() {
            return givenGpuUs - burntGpuUs - lapsedGpuUs;
        }
    }

    public Position {
        lines = List.copyOf(lines);
    }

    /** Negative: more was used than there is. */
    public long leftGpuUs() {
        return budgetGpuUs - usedGpuUs;
    }
}

package io.gpuledger.collectors.slurm;

import org.jspecify.annotations.Nullable;

/** What accounting's texts and JSON have in common. */
final class AccountingRows {
    static final String NOT_STARTED = "not started";

    private AccountingRows() {}

    /**
     * A waiting job has no run, whatever times and allocation are left over from its last one; but
     * an operator's requeue may close a run in state PENDING, and that one has lasted.
     */
    static boolean waits(
            String state,
            @Nullable Long start,
            @Nullable Long end,
            @Nullable Long lengthMs,
            boolean onNodes) {
        if (start == null) {
            return true;
        }
        boolean cancelledInQueue = !onNodes && (start.equals(end) || isZero(lengthMs));
        if (cancelledInQueue) {
            return true;
        }
        boolean lasted = end != null && end > start && (lengthMs == null || lengthMs > 0);
        return state.equals("PENDING") && !lasted;
    }

    private static boolean isZero(@Nullable Long lengthMs) {
        return lengthMs != null && lengthMs == 0;
    }

    static boolean isClosed(String state, @Nullable Long end) {
        return end != null && (JobStates.closedRow(state) || state.equals("PENDING"));
    }
}

package io.gpuledger.core.reconcile;

import java.util.List;

/**
 * One run in the books of both. The parts sum to exactly the difference; there are none where both
 * have the same.
 */
public record Finding(
        String runId,
        long rawJobId,
        String jobId,
        Payer payer,
        long schedulerMs,
        long ledgerMs,
        List<Part> parts) {

    public Finding {
        parts = List.copyOf(parts);
    }

    public long differenceMs() {
        return schedulerMs - ledgerMs;
    }

    public boolean differs() {
        return schedulerMs != ledgerMs;
    }

    /** GPU time without a reason, as a size: too much here does not excuse too little there. */
    public long unexplainedMs() {
        long sum = 0;
        for (Part part : parts) {
            sum += part.reason() == Reason.UNEXPLAINED ? Math.abs(part.gpuMs()) : 0;
        }
        return sum;
    }
}

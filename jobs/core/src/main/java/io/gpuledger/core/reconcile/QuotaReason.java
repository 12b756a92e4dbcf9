package io.gpuledger.core.reconcile;

import io.gpuledger.core.run.RunFlag;

/** Why the ledger and the quota balance differ: the differences that DESIGN section 9 allows. */
public enum QuotaReason {
    OPEN("the run goes on: the balance counts to now, the ledger to its last written minute"),
    SHARED_SLOT("several runs on one GPU: the balance counts it for each, the ledger divides it"),
    DOUBLE_HOLD("another run started on its GPUs before its end: the ledger gave it the overlap"),
    PARTS("parts of a GPU: each is rounded by itself in the balance, all together in the ledger"),
    END_ESTIMATED("no source stated its end: each estimates it from what it has heard"),
    OVERHEAD("the time until its nodes were free: the ledger gives it to the next holder, if any"),
    BACKFILLED("the ledger has it from files, which the quota job does not read"),
    UNEXPLAINED("nothing known accounts for it: look at this first");

    private static final long SECOND_MS = 1_000;

    private final String legend;

    QuotaReason(String legend) {
        this.legend = legend;
    }

    /** One line for people. */
    public String legend() {
        return legend;
    }

    /** Of a run whose numbers differ; the first that fits. */
    public static QuotaReason of(GrantRun run) {
        int flags = run.ledgerFlags() | run.quotaFlags();
        boolean more = run.differenceGpuUs() > 0;
        long differenceMs = Math.abs(run.quotaGpuMs() - heldMs(run));
        if (run.open()) {
            return OPEN;
        }
        if (has(flags, RunFlag.SHARED_SLOT) && more) {
            return SHARED_SLOT;
        }
        if (has(flags, RunFlag.DOUBLE_HOLD) && more) {
            return DOUBLE_HOLD;
        }
        if (run.divided() && differenceMs < SECOND_MS) {
            return PARTS;
        }
        if (has(flags, RunFlag.END_ESTIMATED)) {
            return END_ESTIMATED;
        }
        if (run.backfilled() && !run.quotaKnows()) {
            return BACKFILLED;
        }
        if (run.ledgerOverheadGpuMs() > 0 && more) {
            return OVERHEAD;
        }
        return UNEXPLAINED;
    }

    private static long heldMs(GrantRun run) {
        return run.ledgerGpuMs() + run.ledgerOverheadGpuMs();
    }

    private static boolean has(int flags, RunFlag flag) {
        return (flags & flag.bit()) != 0;
    }
}

package io.gpuledger.core.reconcile;

/**
 * Why the scheduler's accounting and the ledger differ. The rules of Slurm were observed on a real
 * Slurm 22.05 and are not in its manuals. A difference is positive where accounting counts more.
 */
public enum Reason {
    /** Slurm: the row after a resize keeps the first Start, its Submit is the resize. */
    RESIZE(
            "accounting counts the row after a resize from the job's first start, the ledger from the resize"),
    /** Slurm: {@code scontrol requeue} of a finished job rewrites the row that had ended. */
    REQUEUE_REWRITE(
            "the job had ended and was requeued later: accounting moved its end to the requeue"),
    /** Slurm: a job that is cancelled or requeued while suspended ends at its suspension. */
    SUSPENDED_CANCEL(
            "cancelled or requeued while suspended: accounting ends it at the suspension, it held its GPUs until then"),
    /** Slurm: a launch on a dead node that is requeued is overwritten by the next start. */
    LOST_RUN("accounting overwrote this start with the job's next one; polls or hooks saw it"),
    /** A prolog comes up to 2 s after StartTime. */
    LATE_START("the ledger knows the start from a hook only, which comes up to 2 s after it"),
    LATE_END("polls or hooks saw the run hold its GPUs after the end in accounting"),
    /** Slurm: AllocTRES of a job with shards has gres/shard and no gres/gpu. */
    SHARD("a job with shards: accounting counts no gres/gpu, the ledger its share of the card"),
    MIG_SHARE("MIG instances: accounting counts each as a GPU, the ledger its share of the card"),
    SHARED_SLOT("several runs on one GPU: accounting counts it for each, the ledger divides it"),
    DOUBLE_HOLD("another run started on its GPUs before its end: the ledger gave it the overlap"),
    OPEN("accounting has no end of it yet: it counts until the file was made"),
    IN_HORIZON("the ledger has not heard of its end yet and will correct itself"),
    /** Slurm calls these runaway jobs: {@code sacctmgr show runaway}. */
    RUNAWAY("accounting says that it still runs, polls or hooks saw it end"),
    END_ESTIMATED("no source stated its end: the ledger's end is an estimate"),
    NO_TRES("accounting names no GPUs of it (does the site track gres/gpu?), the controller does"),
    NOT_RECORDED("the ledger has no rows at all of these hours"),
    UNEXPLAINED("nothing known accounts for it: look at this first");

    private final String legend;

    Reason(String legend) {
        this.legend = legend;
    }

    /** One line for people. */
    public String legend() {
        return legend;
    }
}

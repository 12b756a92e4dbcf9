package io.gpuledger.core.enforcement;

/**
 * The two limits that enforcement sets, as Slurm has them ({@code sacctmgr(1)}): {@code
 * GrpTRES=gres/gpu} and {@code GrpSubmitJobs}. A limit of GPUs names no type: a typed one is
 * escaped by an untyped request.
 *
 * @param gpus that may run at once, {@link #NONE} for no limit
 * @param submitted jobs that may be pending or running at once, {@link #NONE} for no limit
 */
public record Limits(long gpus, long submitted) {
    /** Slurm's way to say and to set that there is no limit. */
    public static final long NONE = -1;

    /** Of an association that nobody limits. */
    public static final Limits UNLIMITED = new Limits(NONE, NONE);
}

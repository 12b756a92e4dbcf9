package io.gpuledger.core.reconcile;

import org.jspecify.annotations.Nullable;

/**
 * One row of {@code sacct -D}. All times are UTC epoch milliseconds.
 *
 * @param submitMs null when the file does not say; with the raw job id it is what identifies a row
 *     (Slurm rewrites rows in place)
 * @param endMs null while accounting says that it runs
 * @param state Slurm's base state, {@code REQUEUED} or {@code RESIZING}
 * @param gpus gres/gpu of the allocation, 0 when it has none
 * @param shards gres/shard of the allocation
 * @param observedAtMs when the file was made: until then a row without an end counts
 */
public record AccountingRow(
        long rawJobId,
        String jobId,
        @Nullable Long submitMs,
        long startMs,
        @Nullable Long endMs,
        String state,
        int gpus,
        int shards,
        String account,
        String user,
        long observedAtMs) {

    boolean isOpen() {
        return endMs == null;
    }

    /** Exclusive end of what counts: a row that runs counts until it was read. */
    long countedEndMs() {
        return Math.max(startMs, endMs == null ? observedAtMs : endMs);
    }

    /** The latest reading of one row; a finished row beats the same row read while it ran. */
    static AccountingRow later(AccountingRow a, AccountingRow b) {
        int order = Long.compare(a.observedAtMs, b.observedAtMs);
        if (order == 0) {
            order = Boolean.compare(b.isOpen(), a.isOpen());
        }
        if (order == 0) {
            order = Long.compare(a.countedEndMs(), b.countedEndMs());
        }
        if (order == 0) {
            // Equals in all that orders them: any rule will do that does not depend on the order.
            order = a.toString().compareTo(b.toString());
        }
        return order >= 0 ? a : b;
    }
}

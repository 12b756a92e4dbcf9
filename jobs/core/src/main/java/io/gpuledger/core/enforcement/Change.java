package io.gpuledger.core.enforcement;

/**
 * Limits to be set.
 *
 * @param before the limits there are
 * @param after the limits there should be
 * @param original what will come back in the end
 * @param drift somebody changed what was set before
 */
public record Change(Desired desired, Limits before, Limits after, Limits original, boolean drift) {
    /** Nothing is to be set in Slurm; the log only learns that this measure holds now. */
    public boolean isOnlyNoted() {
        return before.equals(after);
    }
}

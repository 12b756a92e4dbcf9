package io.gpuledger.core.enforcement;

import io.gpuledger.core.registry.Action;

/**
 * What was decided on a grant last.
 *
 * @param sequence of the decision
 * @param dryRun it must not be carried out
 */
public record Verdict(Action action, long sequence, boolean dryRun) {
    /** What has to be done. */
    public Measure measure() {
        return dryRun ? Measure.NONE : Measure.of(action);
    }
}

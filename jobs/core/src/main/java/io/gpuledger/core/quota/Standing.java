package io.gpuledger.core.quota;

import io.gpuledger.core.registry.Action;
import io.gpuledger.core.time.Span;

/**
 * How a grant stood at the last decision: all that the next one needs of the past.
 *
 * @param level of use alone, whatever the term says
 * @param exhaustedSinceMs when the level became EXHAUSTED, {@link Span#OPEN_END} when it is not
 * @param sequence of the last decision, 0 before the first
 */
public record Standing(
        QuotaState state,
        QuotaState level,
        long exhaustedSinceMs,
        Action action,
        boolean dryRun,
        long sequence) {
    /** Of a grant of which nothing was ever decided: it may be used. */
    public static final Standing NONE =
            new Standing(QuotaState.OK, QuotaState.OK, Span.OPEN_END, Action.ALLOW, false, 0);
}

package io.gpuledger.core.registry;

/**
 * What is done in each state of a grant.
 *
 * @param graceMs how long a grant may stay exhausted or expired before that is enforced
 * @param countsCommitted whether what running jobs may still use by their time limits counts as
 *     used when a decision is made
 * @param dryRun decisions are made and published, but marked as not to be carried out
 */
public record Enforcement(
        Action onWarning,
        Action onCritical,
        Action onExhausted,
        Action onExpired,
        long graceMs,
        boolean countsCommitted,
        boolean dryRun) {
    /** Of a grant that says nothing of it. */
    public static final Enforcement STANDARD =
            new Enforcement(
                    Action.WARN, Action.WARN, Action.REFUSE, Action.REFUSE, 0, false, false);

    public Enforcement {
        if (graceMs < 0) {
            throw new IllegalArgumentException("a grace of %d ms".formatted(graceMs));
        }
    }
}

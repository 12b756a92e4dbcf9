package io.gpuledger.core.quota;

/** How a grant stands, best first; the words of {@code QuotaDecisionRecord}. */
public enum QuotaState {
    OK,
    WARNING,
    CRITICAL,
    /** All is used. */
    EXHAUSTED,
    /** Outside the grant's term. */
    EXPIRED
}

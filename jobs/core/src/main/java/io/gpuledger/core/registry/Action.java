package io.gpuledger.core.registry;

/** What the enforcer must do, mildest first; the words of {@code QuotaDecisionRecord}. */
public enum Action {
    /** Nothing. */
    ALLOW,
    /** Tell people. */
    WARN,
    /** Pending jobs stay pending. */
    HOLD,
    /** New jobs are refused. */
    REFUSE,
    /** Running jobs are ended too. */
    DRAIN
}

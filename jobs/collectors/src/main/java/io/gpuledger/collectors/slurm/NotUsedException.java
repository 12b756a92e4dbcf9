package io.gpuledger.collectors.slurm;

/** One record that is not meant to be used, and why. */
final class NotUsedException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String reason;

    /** The reasons are few and fixed: they become the names of counters. */
    NotUsedException(String reason) {
        super(reason);
        this.reason = reason;
    }

    String reason() {
        return reason;
    }
}

package io.gpuledger.core.usage;

/** The buckets of a slot do not sum to the time it existed: a fault of this program. */
public final class UnbalancedRowException extends IllegalStateException {
    private static final long serialVersionUID = 1L;

    UnbalancedRowException(String message) {
        super(message);
    }
}

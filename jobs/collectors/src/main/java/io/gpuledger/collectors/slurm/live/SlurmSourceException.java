package io.gpuledger.collectors.slurm.live;

import org.jspecify.annotations.Nullable;

/** Slurm did not answer, or with something that is no answer. */
public final class SlurmSourceException extends Exception {
    private static final long serialVersionUID = 1L;

    public SlurmSourceException(String message) {
        super(message);
    }

    public SlurmSourceException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}

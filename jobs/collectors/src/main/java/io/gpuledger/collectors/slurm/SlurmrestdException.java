package io.gpuledger.collectors.slurm;

/** slurmrestd does not answer, or not with what it was asked for: one line saying what to do. */
public final class SlurmrestdException extends Exception {
    private static final long serialVersionUID = 1L;

    public SlurmrestdException(String message) {
        super(message);
    }

    public SlurmrestdException(String message, Throwable cause) {
        super(message, cause);
    }
}

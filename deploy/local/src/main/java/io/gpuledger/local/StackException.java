package io.gpuledger.local;

/**
 * A service cannot be had; one line for the person at the terminal, naming the log where there is
 * one.
 */
public final class StackException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public StackException(String message) {
        super(message);
    }

    public StackException(String message, Throwable cause) {
        super(message, cause);
    }
}

package io.gpuledger.statements;

/** What was asked for cannot be; the message says why and what to do. */
public final class StatementException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public StatementException(String message) {
        super(message);
    }
}

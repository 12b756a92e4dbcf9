package io.gpuledger.benchmarks;

/** A run ended with other sums than were generated: its speed means nothing. */
public final class WrongLedgerException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    WrongLedgerException(String message) {
        super(message);
    }
}

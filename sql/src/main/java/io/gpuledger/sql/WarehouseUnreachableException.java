package io.gpuledger.sql;

/** ClickHouse does not answer; the message is one line for the person on call. */
public final class WarehouseUnreachableException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public WarehouseUnreachableException(String message, Throwable cause) {
        super(message, cause);
    }
}

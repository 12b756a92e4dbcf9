package io.gpuledger.sql;

import org.jspecify.annotations.Nullable;

/** ClickHouse does not answer; the message is one line for the person on call. */
public final class WarehouseUnreachableException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public WarehouseUnreachableException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}

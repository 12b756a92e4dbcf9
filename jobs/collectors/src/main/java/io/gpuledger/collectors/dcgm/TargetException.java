package io.gpuledger.collectors.dcgm;

import org.jspecify.annotations.Nullable;

/** A list of exporters cannot be read; the message names where and what to do. */
public final class TargetException extends Exception {
    private static final long serialVersionUID = 1L;

    TargetException(String message) {
        super(message);
    }

    TargetException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}

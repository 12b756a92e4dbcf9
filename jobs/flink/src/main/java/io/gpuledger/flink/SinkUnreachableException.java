package io.gpuledger.flink;

import java.io.IOException;

/** ClickHouse did not take rows; the job starts again from its last checkpoint or ends. */
public final class SinkUnreachableException extends IOException {
    private static final long serialVersionUID = 1L;

    public SinkUnreachableException(String message, Throwable cause) {
        super(message, cause);
    }
}

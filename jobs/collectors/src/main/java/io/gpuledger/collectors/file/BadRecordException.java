package io.gpuledger.collectors.file;

/** A record inside a good file that cannot be used; becomes a dead letter. */
public final class BadRecordException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String reason;

    public BadRecordException(String reason, String detail) {
        super(detail);
        this.reason = reason;
    }

    public BadRecordException(String reason, String detail, Throwable cause) {
        super(detail, cause);
        this.reason = reason;
    }

    public String reason() {
        return reason;
    }

    public String detail() {
        return String.valueOf(getMessage());
    }
}

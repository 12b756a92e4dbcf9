package io.gpuledger.flink.records;

/** A record that decodes and yet cannot be true: a dead letter with this reason and detail. */
public final class RefusedRecordException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String reason;
    private final String detail;

    public RefusedRecordException(String reason, String detail) {
        super(reason + ": " + detail, null, false, false); // a reason is no place in the code
        this.reason = reason;
        this.detail = detail;
    }

    /** A code in capitals. */
    public String reason() {
        return reason;
    }

    /** What was found and what to do. */
    public String detail() {
        return detail;
    }
}

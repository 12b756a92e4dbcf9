package io.gpuledger.attribution;

/** A record that decodes and yet cannot be true: a dead letter with this reason and detail. */
final class RefusedRecordException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String reason;
    private final String detail;

    RefusedRecordException(String reason, String detail) {
        super(reason + ": " + detail, null, false, false); // a reason is no place in the code
        this.reason = reason;
        this.detail = detail;
    }

    String reason() {
        return reason;
    }

    String detail() {
        return detail;
    }
}

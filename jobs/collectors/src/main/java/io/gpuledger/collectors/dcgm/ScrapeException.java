package io.gpuledger.collectors.dcgm;

import java.io.IOException;
import java.util.Locale;

/** Why an exporter could not be read, in a sentence for people. */
public final class ScrapeException extends IOException {
    private static final long serialVersionUID = 1L;

    /** What went wrong, for metrics. */
    public enum Kind {
        UNREACHABLE,
        TIMEOUT,
        STATUS,
        TOO_LONG,
        NOT_METRICS,
        NO_GPUS,
        BROKEN;

        /** The value of a metric's label. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private final Kind kind;

    ScrapeException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }
}

package io.gpuledger.enforcement;

import org.jspecify.annotations.Nullable;

/** The scheduler did not do what it was asked, in a sentence for people. */
public final class SchedulerException extends Exception {
    private static final long serialVersionUID = 1L;

    SchedulerException(String message) {
        super(message);
    }

    SchedulerException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}

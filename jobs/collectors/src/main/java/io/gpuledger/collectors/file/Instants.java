package io.gpuledger.collectors.file;

import io.gpuledger.core.InputLimits;

/**
 * The times that inputs may hold, in epoch milliseconds: a run from 1970 or to the year 5000 is a
 * broken record and would be spread over millions of windows.
 */
public final class Instants {
    private Instants() {}

    public static long checked(long ms, String shown) throws BadRecordException {
        if (!InputLimits.isInstant(ms)) {
            throw new BadRecordException(
                    "BAD_TIME", "'" + shown + "' is not a time between the years 2000 and 2100");
        }
        return ms;
    }
}

package io.gpuledger.collectors.file;

/**
 * The times that inputs may hold, in epoch milliseconds: a run from 1970 or to the year 5000 is a
 * broken record and would be spread over millions of windows.
 */
public final class Instants {
    private static final long EARLIEST_MS = 946_684_800_000L;
    private static final long LATEST_MS = 4_102_444_800_000L;

    private Instants() {}

    public static long checked(long ms, String shown) throws BadRecordException {
        if (ms < EARLIEST_MS || ms >= LATEST_MS) {
            throw new BadRecordException(
                    "BAD_TIME", "'" + shown + "' is not a time between the years 2000 and 2100");
        }
        return ms;
    }
}

package io.gpuledger.attribution;

import io.gpuledger.core.InputLimits;
import io.gpuledger.flink.AvroCursor;
import io.gpuledger.flink.records.SnapshotConversion;
import io.gpuledger.schemas.JobSnapshotRecord;
import java.util.Arrays;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Job snapshots that were decoded, checked and digested. A poll says of nearly every job what the
 * one before it said, but for the time: the bytes around that are compared, and all that follows
 * from them is known.
 */
final class RepeatedJobs {
    private static final int KEPT = 32_768;

    private final Map<Body, Known> known = new RecentMap<>(KEPT);

    /** What a record came to, the first time. */
    private record Known(JobInput input, @Nullable Long startMs, @Nullable Long endMs) {
        /** Of {@link RecordLimits} only the length of a run without an end grows with the time. */
        boolean isPossibleAt(long atMs) {
            if (atMs < input.firstObservedMs || !InputLimits.isInstant(atMs)) {
                return false;
            }
            return startMs == null || endMs != null || atMs - startMs <= InputLimits.LONGEST_RUN_MS;
        }
    }

    /** A record without its time of observation. */
    private static final class Body {
        private final byte[] encoded;
        private final int timeFrom;
        private final int timeTo;
        private final long atMs;
        private final int hash;

        Body(byte[] encoded) {
            AvroCursor in = new AvroCursor(encoded);
            in.skipHeader();
            in.skipString(); // cluster
            in.readLong(); // raw job id
            timeFrom = in.at();
            atMs = in.readLong();
            timeTo = in.at();
            CRC32C sum = new CRC32C();
            sum.update(encoded, 0, timeFrom);
            sum.update(encoded, timeTo, encoded.length - timeTo);
            hash = (int) sum.getValue();
            this.encoded = encoded;
        }

        @Override
        public int hashCode() {
            return hash;
        }

        @Override
        public boolean equals(@Nullable Object o) {
            return o instanceof Body other
                    && Arrays.equals(encoded, 0, timeFrom, other.encoded, 0, other.timeFrom)
                    && Arrays.equals(
                            encoded,
                            timeTo,
                            encoded.length,
                            other.encoded,
                            other.timeTo,
                            other.encoded.length);
        }
    }

    /**
     * What a record says that another one said before.
     *
     * @param encoded with the header of a job snapshot
     * @return null when it is to be decoded
     */
    @Nullable JobInput again(byte[] encoded) {
        Body body = new Body(encoded);
        Known before = known.get(body);
        if (before == null || !before.isPossibleAt(body.atMs)) {
            return null;
        }
        return before.input.at(body.atMs, WireConversion.latestMs(before.endMs, body.atMs));
    }

    /** Of a record that was checked; a hook's time is what it says, so it does not repeat. */
    void remember(byte[] encoded, JobSnapshotRecord record, JobInput input) {
        if (!SnapshotConversion.isHook(record)) {
            known.put(
                    new Body(encoded),
                    new Known(
                            input.at(input.firstObservedMs, input.latestMs),
                            record.getStartMs(),
                            record.getEndMs()));
        }
    }
}

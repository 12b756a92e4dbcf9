package io.gpuledger.attribution;

import io.gpuledger.core.InputLimits;
import io.gpuledger.flink.AvroCursor;
import io.gpuledger.flink.records.RecordLimits;
import io.gpuledger.flink.records.RefusedRecordException;
import java.util.Arrays;
import java.util.Map;

/**
 * Reads of a scrape whose it is and when it was made, which is all that is needed to bring it to
 * its host. What else it says is decoded there, once.
 */
final class ScrapeHeads {
    private static final int HOSTS = 4_096;

    /** No names that {@link io.gpuledger.flink.records.RecordLimits} lets pass need as much. */
    private static final int LONGEST = 4_096;

    /** By the hash of their bytes. */
    private final Map<Integer, Names> known = new RecentMap<>(HOSTS);

    @SuppressWarnings("ArrayRecordComponent") // compared by content, below
    private record Names(byte[] bytes, String cluster, String host) {
        boolean are(byte[] encoded, int end) {
            return Arrays.equals(bytes, 0, bytes.length, encoded, AvroCursor.HEADER, end);
        }
    }

    private final ScrapeDecoder decoder;

    ScrapeHeads(RecordLimits limits) {
        decoder = new ScrapeDecoder(limits);
    }

    /**
     * The input for a record whose header is that of a scrape.
     *
     * @throws RefusedRecordException where the beginning is none
     */
    HostInput of(byte[] encoded) throws RefusedRecordException {
        AvroCursor in = new AvroCursor(encoded);
        in.skipHeader();
        in.skipString(); // cluster
        in.skipString(); // host
        int end = in.at();
        long at = in.readLong();
        if (in.isBroken() || end > LONGEST || !InputLimits.isInstant(at)) {
            decoder.decode(encoded); // says what is wrong with it
            throw new RefusedRecordException(
                    "UNREADABLE",
                    "a scrape whose names end at byte %d, observed at %d".formatted(end, at));
        }
        Names names = names(encoded, end);
        HostInput input = new HostInput();
        input.kind = HostInput.SAMPLES;
        input.cluster = names.cluster();
        input.host = names.host();
        input.observedAtMs = at;
        input.scrape = encoded;
        return input;
    }

    private Names names(byte[] encoded, int end) {
        int hash = 1;
        for (int i = AvroCursor.HEADER; i < end; i++) {
            hash = 31 * hash + encoded[i];
        }
        Names names = known.get(hash);
        if (names == null || !names.are(encoded, end)) {
            AvroCursor in = new AvroCursor(encoded);
            in.skipHeader();
            names =
                    new Names(
                            Arrays.copyOfRange(encoded, AvroCursor.HEADER, end),
                            in.readString(),
                            in.readString());
            known.put(hash, names);
        }
        return names;
    }
}

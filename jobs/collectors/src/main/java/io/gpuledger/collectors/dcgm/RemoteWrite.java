package io.gpuledger.collectors.dcgm;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.WireFormat;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.collectors.file.KnownRecords;
import io.gpuledger.schemas.HostScrapeRecord;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.xerial.snappy.Snappy;

/**
 * Prometheus remote write 1.0: a snappy block with a {@code prometheus.WriteRequest}. Series of
 * other metrics are counted and left; those of a host at one instant become one scrape, as far as
 * the sender put them into one request (samples of one instant merge).
 */
public final class RemoteWrite {
    private static final int TIME_SERIES = 1;
    private static final int LABELS = 1;
    private static final int SAMPLES = 2;
    private static final int VALUE = 1;
    private static final int TIMESTAMP = 2;

    private final String cluster;
    private final int intervalMs;
    private final int unpackedLimit;

    /** A request that cannot be read; nothing of it was used. */
    public static final class BadRequestException extends IOException {
        private static final long serialVersionUID = 1L;

        BadRequestException(String message) {
            super(message);
        }
    }

    /**
     * A reader for one cluster.
     *
     * @param unpackedLimit bytes of the largest request, unpacked
     */
    public RemoteWrite(String cluster, int intervalMs, int unpackedLimit) {
        this.cluster = cluster;
        this.intervalMs = intervalMs;
        this.unpackedLimit = unpackedLimit;
    }

    /**
     * Reads one request whole, then hands on its scrapes.
     *
     * @param origin who sent it
     * @throws BadRequestException when it is no such request
     */
    public void read(byte[] body, String origin, InputSink sink) throws BadRequestException {
        List<SampleLine> lines = new ArrayList<>();
        InputTally tally = new InputTally(cluster, origin, sink);
        parse(unpacked(body), lines, tally);
        lines.sort(SampleLine.ORDER);
        List<HostScrapeRecord> scrapes = new ArrayList<>();
        DcgmText text =
                new DcgmText(
                        cluster,
                        intervalMs,
                        origin,
                        null,
                        "",
                        tally,
                        new KnownRecords(),
                        scrapes::add);
        long number = 0;
        for (SampleLine line : lines) {
            text.line(line.text(), ++number);
        }
        text.flush();
        scrapes.forEach(sink::scrape);
        tally.close();
    }

    private byte[] unpacked(byte[] body) throws BadRequestException {
        try {
            int length = Snappy.uncompressedLength(body);
            if (length > unpackedLimit) {
                throw new BadRequestException(
                        "request of %d bytes unpacked, more than %d; lower max_samples_per_send"
                                .formatted(length, unpackedLimit));
            }
            return Snappy.uncompress(body);
        } catch (BadRequestException e) {
            throw e;
        } catch (IOException e) {
            throw new BadRequestException("body is no snappy block: " + e.getMessage());
        }
    }

    private static void parse(byte[] request, List<SampleLine> lines, InputTally tally)
            throws BadRequestException {
        try {
            CodedInputStream in = CodedInputStream.newInstance(request);
            for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
                if (WireFormat.getTagFieldNumber(tag) == TIME_SERIES) {
                    int end = in.pushLimit(in.readRawVarint32());
                    series(in, lines, tally);
                    in.popLimit(end);
                } else {
                    in.skipField(tag);
                }
            }
        } catch (InvalidProtocolBufferException e) {
            throw new BadRequestException("body is no WriteRequest: " + e.getMessage());
        } catch (IOException e) {
            throw new BadRequestException("body ends too early: " + e.getMessage());
        }
    }

    private static void series(CodedInputStream in, List<SampleLine> lines, InputTally tally)
            throws IOException {
        Map<String, String> labels = new LinkedHashMap<>();
        List<Double> values = new ArrayList<>();
        List<Long> times = new ArrayList<>();
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            int field = WireFormat.getTagFieldNumber(tag);
            if (field != LABELS && field != SAMPLES) {
                in.skipField(tag);
                continue;
            }
            int end = in.pushLimit(in.readRawVarint32());
            if (field == LABELS) {
                String name = "";
                String value = "";
                for (int part = in.readTag(); part != 0; part = in.readTag()) {
                    switch (WireFormat.getTagFieldNumber(part)) {
                        case 1 -> name = in.readString();
                        case 2 -> value = in.readString();
                        default -> in.skipField(part);
                    }
                }
                labels.put(name, value);
            } else {
                double value = 0;
                long time = 0;
                for (int part = in.readTag(); part != 0; part = in.readTag()) {
                    switch (WireFormat.getTagFieldNumber(part)) {
                        case VALUE -> value = in.readDouble();
                        case TIMESTAMP -> time = in.readInt64();
                        default -> in.skipField(part);
                    }
                }
                values.add(value);
                times.add(time);
            }
            in.popLimit(end);
        }
        boolean ours = DcgmField.isDcgm(labels.getOrDefault("__name__", ""));
        for (int i = 0; i < values.size(); i++) {
            if (ours) {
                lines.add(SampleLine.of(labels, SampleLine.number(values.get(i)), times.get(i)));
            } else {
                tally.ignored("other metric");
            }
        }
    }
}

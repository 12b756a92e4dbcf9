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

    /** Prometheus sends 2,000 at once if nobody tells it otherwise. */
    private static final int SAMPLES_LIMIT = 200_000;

    /** Characters; dcgm-exporter with the labels of a pod has some hundreds. */
    private static final int SERIES_LIMIT = 16_384;

    /** A copy of 64 bytes costs three: no snappy block unpacks to more. */
    private static final int SNAPPY_RATIO = 22;

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
     * Reads one request whole, then hands on its scrapes. One at a time: unpacked they are large.
     *
     * @param origin who sent it
     * @throws BadRequestException when it is no such request
     */
    public synchronized void read(byte[] body, String origin, InputSink sink)
            throws BadRequestException {
        List<SampleLine> lines = new ArrayList<>();
        List<String> tooLong = new ArrayList<>();
        InputTally tally = new InputTally(cluster, origin, sink);
        parse(unpacked(body), lines, tooLong, tally);
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
        for (String series : tooLong) {
            tally.deadLetter(
                    "UNREADABLE",
                    "series with labels of more than %d characters".formatted(SERIES_LIMIT),
                    ++number,
                    series);
        }
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
            if (length > (long) SNAPPY_RATIO * body.length) {
                throw new BadRequestException("body is no snappy block: its length is a lie");
            }
            return Snappy.uncompress(body);
        } catch (BadRequestException e) {
            throw e;
        } catch (IOException e) {
            throw new BadRequestException("body is no snappy block: " + e.getMessage());
        }
    }

    private static void parse(
            byte[] request, List<SampleLine> lines, List<String> tooLong, InputTally tally)
            throws BadRequestException {
        try {
            CodedInputStream in = CodedInputStream.newInstance(request);
            for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
                if (WireFormat.getTagFieldNumber(tag) == TIME_SERIES) {
                    int end = in.pushLimit(in.readRawVarint32());
                    series(in, lines, tooLong, tally);
                    in.popLimit(end);
                } else {
                    in.skipField(tag);
                }
            }
        } catch (BadRequestException e) {
            throw e;
        } catch (InvalidProtocolBufferException e) {
            throw new BadRequestException("body is no WriteRequest: " + e.getMessage());
        } catch (IOException e) {
            throw new BadRequestException("body ends too early: " + e.getMessage());
        }
    }

    private static void series(
            CodedInputStream in, List<SampleLine> lines, List<String> tooLong, InputTally tally)
            throws IOException {
        Map<String, String> labels = new LinkedHashMap<>();
        List<Long> times = new ArrayList<>();
        List<Double> values = new ArrayList<>();
        int length = 0;
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            int field = WireFormat.getTagFieldNumber(tag);
            if (field != LABELS && field != SAMPLES) {
                in.skipField(tag);
                continue;
            }
            int end = in.pushLimit(in.readRawVarint32());
            if (field == LABELS) {
                length += label(in, labels);
            } else {
                sample(in, times, values);
                if (lines.size() + values.size() > SAMPLES_LIMIT) {
                    throw new BadRequestException(
                            "request with more than %d samples; lower max_samples_per_send"
                                    .formatted(SAMPLES_LIMIT));
                }
            }
            in.popLimit(end);
        }
        String metric = labels.getOrDefault("__name__", "");
        if (!DcgmField.isDcgm(metric)) {
            values.forEach(v -> tally.ignored("other metric"));
        } else if (length > SERIES_LIMIT) {
            tooLong.add(metric);
        } else {
            SampleLine.Series ours = SampleLine.series(labels);
            for (int i = 0; i < values.size(); i++) {
                lines.add(new SampleLine(times.get(i), ours, values.get(i)));
            }
        }
    }

    /** The characters of the label. */
    private static int label(CodedInputStream in, Map<String, String> labels) throws IOException {
        String name = "";
        String value = "";
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            switch (WireFormat.getTagFieldNumber(tag)) {
                case 1 -> name = in.readString();
                case 2 -> value = in.readString();
                default -> in.skipField(tag);
            }
        }
        labels.put(name, value);
        return name.length() + value.length();
    }

    private static void sample(CodedInputStream in, List<Long> times, List<Double> values)
            throws IOException {
        double value = 0;
        long time = 0;
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            switch (WireFormat.getTagFieldNumber(tag)) {
                case VALUE -> value = in.readDouble();
                case TIMESTAMP -> time = in.readInt64();
                default -> in.skipField(tag);
            }
        }
        values.add(value);
        times.add(time);
    }
}

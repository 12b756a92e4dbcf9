package io.gpuledger.collectors;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import org.xerial.snappy.Snappy;

/** Prometheus' {@code WriteRequest} as its wire format has it, written field by field. */
final class WriteRequests {
    private final ByteArrayOutputStream request = new ByteArrayOutputStream();

    private interface Part {
        void write(CodedOutputStream out) throws IOException;
    }

    /** One series with samples of one value at several times. */
    WriteRequests series(Map<String, String> labels, double value, long... times) {
        byte[] series =
                bytes(
                        out -> {
                            for (Map.Entry<String, String> label : labels.entrySet()) {
                                out.writeByteArray(
                                        1,
                                        bytes(
                                                pair -> {
                                                    pair.writeString(1, label.getKey());
                                                    pair.writeString(2, label.getValue());
                                                }));
                            }
                            for (long time : times) {
                                out.writeByteArray(
                                        2,
                                        bytes(
                                                sample -> {
                                                    sample.writeDouble(1, value);
                                                    sample.writeInt64(2, time);
                                                }));
                            }
                            // An exemplar and a histogram of later versions: not ours to read.
                            out.writeByteArray(3, bytes(e -> e.writeDouble(2, 1)));
                            out.writeByteArray(4, bytes(h -> h.writeDouble(3, 1)));
                        });
        request.writeBytes(bytes(out -> out.writeByteArray(1, series)));
        return this;
    }

    /** Metadata, which Prometheus sends from time to time. */
    WriteRequests metadata() {
        request.writeBytes(
                bytes(out -> out.writeByteArray(3, bytes(m -> m.writeString(2, "a_metric")))));
        return this;
    }

    byte[] plain() {
        return request.toByteArray();
    }

    byte[] packed() {
        try {
            return Snappy.compress(plain());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] bytes(Part part) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        try {
            part.write(out);
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }
}

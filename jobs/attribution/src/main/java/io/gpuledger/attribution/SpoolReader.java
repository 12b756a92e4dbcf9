package io.gpuledger.attribution;

import io.gpuledger.flink.WireMessage;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;

/**
 * Reads one spool file for the one element it gets: a bounded source without a connector of its
 * own.
 */
final class SpoolReader extends ProcessFunction<Long, WireMessage> {
    private static final long serialVersionUID = 1L;

    private final String file;

    SpoolReader(Path file) {
        this.file = file.toString();
    }

    @Override
    public void processElement(Long ignored, Context context, Collector<WireMessage> out)
            throws IOException {
        try (DataInputStream in =
                new DataInputStream(
                        new BufferedInputStream(Files.newInputStream(Path.of(file)), 1 << 18))) {
            for (long position = 0; ; position++) {
                int length = next(in);
                if (length < 0) {
                    return;
                }
                byte[] value = new byte[length];
                in.readFully(value);
                out.collect(new WireMessage(value, file, 0, position));
            }
        }
    }

    private static int next(DataInputStream in) throws IOException {
        int first = in.read();
        if (first < 0) {
            return -1;
        }
        int length = first;
        for (int i = 0; i < 3; i++) {
            int more = in.read();
            if (more < 0) {
                throw new EOFException("spool file ends inside a record length");
            }
            length = (length << 8) | more;
        }
        return length;
    }
}

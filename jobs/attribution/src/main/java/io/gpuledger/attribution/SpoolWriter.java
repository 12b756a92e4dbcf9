package io.gpuledger.attribution;

import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Keeps the records of a backfill on disk between reading the files, all of which must be good
 * before anything is written, and the bounded run over them.
 */
public final class SpoolWriter implements AutoCloseable {
    static final String SCHEDULER = "scheduler.records";
    static final String TELEMETRY = "telemetry.records";

    private final DataOutputStream scheduler;
    private final DataOutputStream telemetry;

    public SpoolWriter(Path directory) throws IOException {
        Files.createDirectories(directory);
        scheduler = open(directory.resolve(SCHEDULER));
        telemetry = open(directory.resolve(TELEMETRY));
    }

    private static DataOutputStream open(Path file) throws IOException {
        return new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file), 1 << 18));
    }

    /** A job snapshot, host snapshot or heartbeat in single-object encoding. */
    public void scheduler(ByteBuffer record) throws IOException {
        write(scheduler, record);
    }

    /** A host scrape in single-object encoding. */
    public void telemetry(ByteBuffer record) throws IOException {
        write(telemetry, record);
    }

    private static void write(DataOutputStream out, ByteBuffer record) throws IOException {
        byte[] bytes = new byte[record.remaining()];
        record.duplicate().get(bytes);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    @Override
    public void close() throws IOException {
        try (DataOutputStream first = scheduler;
                DataOutputStream second = telemetry) {
            first.flush();
            second.flush();
        }
    }
}

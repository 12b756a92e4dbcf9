package io.gpuledger.schemas;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;

/**
 * Every schema version that was ever written to a topic, the current one included. A reader that
 * knows them decodes records of any age by the fingerprint they carry.
 */
public final class ReleasedSchemas {
    private static final int NEWEST_VERSION = 5;

    private ReleasedSchemas() {}

    /**
     * All versions of a record, oldest first.
     *
     * @param record simple name, {@code HostSnapshotRecord}
     * @throws IllegalArgumentException when no version of it was released
     */
    public static List<Schema> of(String record) {
        List<Schema> versions = new ArrayList<>();
        for (int version = 1; version <= NEWEST_VERSION; version++) {
            String path = "released/" + version + "/" + record + ".avsc";
            try (InputStream in = ReleasedSchemas.class.getResourceAsStream(path)) {
                if (in != null) {
                    versions.add(new Schema.Parser().parse(in));
                }
            } catch (IOException e) {
                throw new UncheckedIOException("schema " + path + " in the jar is unreadable", e);
            }
        }
        if (versions.isEmpty()) {
            throw new IllegalArgumentException("no version of " + record + " was released");
        }
        return versions;
    }
}

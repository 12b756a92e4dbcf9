package io.gpuledger.cli;

import io.gpuledger.flink.LocalFlink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.configuration.Configuration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the state of a directory of checkpoints lives. Two days of a large cluster are hundreds of
 * megabytes: RocksDB writes what changed of it every few seconds, state in memory all of it. What
 * one has written the other cannot read.
 */
final class CheckpointedBackend {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointedBackend.class);

    private final Path note;

    private CheckpointedBackend(Path note) {
        this.note = note;
    }

    static CheckpointedBackend in(Path checkpoints) {
        return new CheckpointedBackend(checkpoints.resolve("backend"));
    }

    /**
     * What a job is to begin with: RocksDB, but where it goes on from checkpoints without a note,
     * which are of a release that had state in memory only.
     *
     * @param goesOn from a checkpoint of this directory
     */
    Configuration begin(Configuration flink, boolean goesOn) throws IOException {
        if (goesOn && !Files.exists(note)) {
            LOG.warn(
                    "the checkpoints in {} were begun with state in memory and are written whole each time; give another directory in attribution.checkpoints to read Kafka again from its beginning with state in RocksDB",
                    note.getParent());
            return flink;
        }
        Files.writeString(note, "rocksdb\n");
        return LocalFlink.stateOnDisk(flink);
    }
}

package io.gpuledger.flink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.ExternalizedCheckpointRetention;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.configuration.WebOptions;

/**
 * Flink inside one process: pages on loopback, checkpoints on disk, and on after a kill from the
 * last one.
 */
public final class LocalFlink {
    /** For caches and what is not yet on disk, of all subtasks together. */
    private static final MemorySize ROCKSDB_MEMORY = MemorySize.ofMebiBytes(256);

    private LocalFlink() {}

    /** Options of an embedded job whose checkpoints are in {@code directory}. */
    public static Configuration configuration(int webPort, Path directory) throws IOException {
        Files.createDirectories(directory);
        Configuration c = new Configuration();
        c.set(RestOptions.BIND_ADDRESS, "127.0.0.1");
        c.set(RestOptions.ADDRESS, "127.0.0.1");
        c.set(RestOptions.PORT, webPort);
        c.set(RestOptions.BIND_PORT, Integer.toString(webPort));
        c.set(JobManagerOptions.ADDRESS, "127.0.0.1");
        c.set(WebOptions.SUBMIT_ENABLE, false);
        c.setString("local.start-webserver", "true");
        c.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        c.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, directory.toUri().toString());
        c.set(
                CheckpointingOptions.EXTERNALIZED_CHECKPOINT_RETENTION,
                ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION);
        c.set(RestartStrategyOptions.RESTART_STRATEGY, "exponential-delay");
        latestCheckpoint(directory)
                .ifPresent(
                        path ->
                                c.set(
                                        StateRecoveryOptions.SAVEPOINT_PATH,
                                        path.toUri().toString()));
        return c;
    }

    /** The same with state in RocksDB, of which a checkpoint writes what changed. */
    public static Configuration stateOnDisk(Configuration base) {
        Configuration c = new Configuration(base);
        c.set(StateBackendOptions.STATE_BACKEND, "rocksdb");
        c.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
        c.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, ROCKSDB_MEMORY);
        return c;
    }

    /**
     * Everything that a Flink in this process writes on the way goes below one directory: by itself
     * it leaves its unpacked RPC library, 21 MB, in the machine's.
     */
    public static Configuration temporaryIn(Path directory, Configuration base) {
        Configuration c = new Configuration(base);
        c.set(CoreOptions.TMP_DIRS, directory.toString());
        c.set(WebOptions.TMP_DIR, directory.toString());
        c.set(WebOptions.UPLOAD_DIR, directory.toString());
        return c;
    }

    /** A checkpoint is complete when its metadata is there. */
    static Optional<Path> latestCheckpoint(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory, 3)) {
            return files.filter(f -> f.endsWith("_metadata"))
                    .max(Comparator.comparing(LocalFlink::modified))
                    .map(Path::getParent);
        }
    }

    private static FileTime modified(Path file) {
        try {
            return Files.getLastModifiedTime(file);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}

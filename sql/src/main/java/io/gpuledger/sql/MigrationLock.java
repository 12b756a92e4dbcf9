package io.gpuledger.sql;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * One migration of a database at a time, among the processes of a user on a machine: two that
 * exchange the same tables undo each other. ClickHouse has no lock that a killed process gives
 * back, the system takes file locks back. Processes on different machines are not kept apart.
 */
final class MigrationLock {
    /** File locks are the process's, and know no threads. */
    private static final ReentrantLock IN_PROCESS = new ReentrantLock();

    private MigrationLock() {}

    /**
     * Waits for whoever migrates the database now, then does it.
     *
     * @throws UncheckedIOException when there can be no file among the temporary ones
     */
    static <T> T alone(Warehouse warehouse, Supplier<T> work) {
        Path path = file(warehouse);
        IN_PROCESS.lock();
        try (FileChannel file =
                        FileChannel.open(
                                path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = file.lock()) {
            if (!lock.isValid()) {
                throw new IllegalStateException("the lock %s was lost".formatted(path));
            }
            return work.get();
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "cannot lock %s; is the directory of temporary files writable?".formatted(path),
                    e);
        } finally {
            IN_PROCESS.unlock();
        }
    }

    private static Path file(Warehouse warehouse) {
        String database = warehouse.url() + "/" + warehouse.database();
        return Path.of(
                System.getProperty("java.io.tmpdir", "/tmp"),
                "gpu-ledger-migrate-%s-%08x.lock"
                        .formatted(
                                System.getProperty("user.name", "unknown"), database.hashCode()));
    }
}

package io.gpuledger.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** A directory that is gone when this process is, interrupted or not. */
final class ScratchDirectory implements AutoCloseable {
    private final Path path;
    private final Thread hook = new Thread(this::delete, "delete-scratch");

    private ScratchDirectory(Path path) {
        this.path = path;
    }

    static ScratchDirectory create(String prefix) throws IOException {
        return hooked(Files.createTempDirectory(prefix));
    }

    /** At a place of its own: what a killed process left there is removed first. */
    static ScratchDirectory anew(Path path) throws IOException {
        delete(path);
        return hooked(Files.createDirectories(path));
    }

    private static ScratchDirectory hooked(Path path) {
        ScratchDirectory scratch = new ScratchDirectory(path);
        Runtime.getRuntime().addShutdownHook(scratch.hook);
        return scratch;
    }

    Path path() {
        return path;
    }

    @Override
    public void close() {
        delete();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The process is ending: the hook finds nothing left to do.
            return;
        }
    }

    private synchronized void delete() {
        delete(path);
    }

    /** What cannot be removed is said, for it would fill the disk in time. */
    static void delete(Path directory) {
        if (!Files.exists(directory)) {
            return;
        }
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException | UncheckedIOException e) {
            System.err.println("gpu-ledger: could not remove " + directory + ": " + e.getMessage());
        }
    }
}

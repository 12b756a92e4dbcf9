package io.gpuledger.cli;

import io.gpuledger.local.Presence;
import io.gpuledger.local.StackException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A directory that is gone when this process is, interrupted or not. What a killed process left is
 * removed by the next one that comes by.
 */
final class ScratchDirectory implements AutoCloseable {
    /** What all names begin with: they may be among those of other programs. */
    static final String PREFIX = "gpu-ledger-";

    private final Presence presence;
    private final Path path;
    private final Thread hook = new Thread(this::delete, "delete-scratch");

    private ScratchDirectory(Presence presence) throws IOException {
        this.presence = presence;
        this.path =
                Files.createDirectory(
                        presence.sign().companion(),
                        PosixFilePermissions.asFileAttribute(
                                PosixFilePermissions.fromString("rwx------")));
    }

    /**
     * Removed on close, at the latest when this process ends.
     *
     * @param what is done in it, a word
     */
    static ScratchDirectory below(Path parent, String what) {
        clear(parent, PREFIX + what + "-", left -> {});
        ScratchDirectory scratch = untilClosed(parent, what);
        Runtime.getRuntime().addShutdownHook(scratch.hook);
        return scratch;
    }

    /** Removed on close only: for one who has other things to stop before that. */
    static ScratchDirectory untilClosed(Path parent, String what) {
        try {
            Files.createDirectories(parent);
            return new ScratchDirectory(Presence.show(parent, PREFIX + what));
        } catch (IOException e) {
            throw new StackException(
                    "cannot write in %s (%s); give another --data directory"
                            .formatted(parent, e.getMessage()),
                    e);
        }
    }

    /**
     * Removes what killed processes left.
     *
     * @param prefix of the names
     * @param first done with each directory before
     */
    static void clear(Path parent, String prefix, Consumer<Path> first) {
        try {
            Presence.clear(
                    parent,
                    prefix,
                    sign -> {
                        first.accept(sign.companion());
                        remove(sign.companion());
                    });
        } catch (IOException | UncheckedIOException e) {
            report(parent, e);
        }
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
        try {
            presence.close();
        } catch (IOException e) {
            report(presence.sign().file(), e);
        }
    }

    private static void delete(Path directory) {
        try {
            remove(directory);
        } catch (UncheckedIOException e) {
            report(directory, e);
        }
    }

    private static void remove(Path directory) {
        try {
            Files.walkFileTree(directory, new Removal());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Flink removes its own files at the same time: what is gone is gone. */
    private static final class Removal extends SimpleFileVisitor<Path> {
        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
            if (e instanceof NoSuchFileException) {
                return FileVisitResult.CONTINUE;
            }
            throw e;
        }

        @Override
        public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException e)
                throws IOException {
            if (e != null && !(e instanceof NoSuchFileException)) {
                throw e;
            }
            Files.deleteIfExists(directory);
            return FileVisitResult.CONTINUE;
        }
    }

    /** What cannot be removed is said, for it would fill the disk in time. */
    private static void report(Path path, Exception e) {
        System.err.println("gpu-ledger: could not remove " + path + ": " + e.getMessage());
    }
}

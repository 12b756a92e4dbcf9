package io.gpuledger.cli;

import io.gpuledger.local.Presence;
import io.gpuledger.local.StackException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.function.Consumer;
import java.util.stream.Stream;

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
        if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What cannot be removed is said, for it would fill the disk in time. */
    private static void report(Path path, Exception e) {
        System.err.println("gpu-ledger: could not remove " + path + ": " + e.getMessage());
    }
}

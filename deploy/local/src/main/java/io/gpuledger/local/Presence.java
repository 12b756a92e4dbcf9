package io.gpuledger.local;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Shows other processes that this one is at work in a directory: a file of its own that stays
 * locked while it is. The system gives the lock back however the process ends, so a file that is
 * not locked is what somebody left who was killed.
 */
public final class Presence implements AutoCloseable {
    private static final String SUFFIX = ".live";

    /** What is done, by which process; the last part makes the name unique. */
    private static final Pattern NAME = Pattern.compile("(.+)-(\\d+)-\\d+\\.live");

    /**
     * Locked by this process, and not to be opened by it again: closing any channel on a file gives
     * up all locks that the process has on it (POSIX).
     */
    private static final Set<Path> HERE = new HashSet<>();

    /**
     * What a file says.
     *
     * @param work what the process does
     */
    public record Sign(Path file, String work, long pid) {
        /** Whatever belongs to the sign is called like it, without the suffix. */
        public Path companion() {
            String name = file.getFileName().toString();
            return file.resolveSibling(name.substring(0, name.length() - SUFFIX.length()));
        }

        @Override
        public String toString() {
            return work + " (process " + pid + ")";
        }
    }

    private final Sign sign;
    private final FileChannel channel;

    private Presence(Sign sign, FileChannel channel) {
        this.sign = sign;
        this.channel = channel;
    }

    /** Shows this process until it is closed or ends; the directory must exist. */
    public static Presence show(Path directory, String work) throws IOException {
        synchronized (HERE) {
            while (true) {
                Path file = unlocked(directory.toRealPath(), work);
                FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
                FileLock lock = channel.lock();
                // Between creating and locking it looked like one that was left behind.
                if (lock.isValid() && Files.exists(file)) {
                    HERE.add(file);
                    return new Presence(sign(file), channel);
                }
                channel.close();
            }
        }
    }

    private static Path unlocked(Path directory, String work) throws IOException {
        String prefix = work + "-" + ProcessHandle.current().pid() + "-";
        return Files.createTempFile(directory, prefix, SUFFIX);
    }

    public Sign sign() {
        return sign;
    }

    /** Those at work in a directory, in this process and in others. */
    public static List<Sign> of(Path directory) throws IOException {
        List<Sign> living = new ArrayList<>();
        visit(directory, "", living::add, dead -> {});
        return living;
    }

    /**
     * Removes the signs of processes that are gone.
     *
     * @param prefix only of work that begins so
     * @param first done before a sign is removed; what fails there is tried again next time
     */
    public static void clear(Path directory, String prefix, Consumer<Sign> first)
            throws IOException {
        List<IOException> failed = new ArrayList<>();
        visit(
                directory,
                prefix,
                living -> {},
                dead -> {
                    first.accept(dead);
                    try {
                        Files.deleteIfExists(dead.file());
                    } catch (IOException e) {
                        failed.add(e);
                    }
                });
        if (!failed.isEmpty()) {
            throw failed.get(0);
        }
    }

    private static void visit(
            Path directory, String prefix, Consumer<Sign> living, Consumer<Sign> dead)
            throws IOException {
        synchronized (HERE) {
            if (!Files.isDirectory(directory)) {
                return;
            }
            try (DirectoryStream<Path> files =
                    Files.newDirectoryStream(directory.toRealPath(), prefix + "*" + SUFFIX)) {
                for (Path file : files) {
                    if (NAME.matcher(file.getFileName().toString()).matches()) {
                        visit(file, living, dead);
                    }
                }
            }
        }
    }

    private static void visit(Path file, Consumer<Sign> living, Consumer<Sign> dead)
            throws IOException {
        if (HERE.contains(file)) {
            living.accept(sign(file));
            return;
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            (lock == null ? living : dead).accept(sign(file));
        } catch (AccessDeniedException e) {
            // Another user's, in a directory that many share: not ours to judge.
            living.accept(sign(file));
        } catch (NoSuchFileException e) {
            // It ended meanwhile and took its sign away.
            return;
        }
    }

    private static Sign sign(Path file) {
        Matcher name = NAME.matcher(file.getFileName().toString());
        if (!name.matches()) {
            throw new IllegalStateException(file + " is not named like a sign");
        }
        return new Sign(file, name.group(1), Long.parseLong(name.group(2)));
    }

    /** The file is removed while it is locked, so nobody can find it without an owner. */
    @Override
    public void close() throws IOException {
        synchronized (HERE) {
            if (HERE.remove(sign.file())) {
                try {
                    Files.deleteIfExists(sign.file());
                } finally {
                    channel.close();
                }
            }
        }
    }
}

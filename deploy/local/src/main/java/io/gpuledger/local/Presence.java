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
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

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
                Optional<Presence> shown = lock(file, FileChannel::lock);
                if (shown.isPresent()) {
                    // Until it was locked it looked like one that was left behind.
                    if (Files.exists(file)) {
                        return shown.get();
                    }
                    shown.get().release();
                }
            }
        }
    }

    /**
     * Shows this process unless one is at work in the directory, which is created: of several that
     * begin at once one is shown.
     *
     * @param refusal of this one, told who is there
     */
    public static Presence alone(
            Path directory, String work, Function<Sign, ? extends RuntimeException> refusal)
            throws IOException {
        Files.createDirectories(directory);
        synchronized (HERE) {
            try (FileChannel gate =
                            FileChannel.open(
                                    directory.resolve("gate"),
                                    StandardOpenOption.CREATE,
                                    StandardOpenOption.WRITE);
                    FileLock lock = gate.lock()) {
                if (!lock.isValid()) {
                    throw new IOException("the lock in " + directory + " was lost");
                }
                Optional<Sign> other = of(directory).stream().findFirst();
                if (other.isPresent()) {
                    throw refusal.apply(other.get());
                }
                clear(directory, "", left -> {});
                return show(directory, work);
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
        for (Path file : files(directory, "")) {
            Optional<Presence> dead = adopt(file);
            if (dead.isPresent()) {
                dead.get().release();
            } else if (Files.exists(file)) {
                living.add(sign(file));
            }
        }
        return living;
    }

    /**
     * Removes the signs of processes that are gone.
     *
     * @param prefix only of work that begins so
     * @param first done before a sign is removed; when it fails the sign stays for the next time
     */
    public static void clear(Path directory, String prefix, Consumer<Sign> first)
            throws IOException {
        for (Path file : files(directory, prefix)) {
            Optional<Presence> dead = adopt(file);
            if (dead.isPresent()) {
                try {
                    first.accept(dead.get().sign());
                    dead.get().close();
                } finally {
                    dead.get().release();
                }
            }
        }
    }

    private static List<Path> files(Path directory, String prefix) throws IOException {
        List<Path> signs = new ArrayList<>();
        if (Files.isDirectory(directory)) {
            try (DirectoryStream<Path> files =
                    Files.newDirectoryStream(directory.toRealPath(), prefix + "*" + SUFFIX)) {
                for (Path file : files) {
                    if (NAME.matcher(file.getFileName().toString()).matches()) {
                        signs.add(file);
                    }
                }
            }
        }
        return signs;
    }

    /** Takes over the sign of a process that is gone; empty when its process is at work. */
    private static Optional<Presence> adopt(Path file) throws IOException {
        synchronized (HERE) {
            return HERE.contains(file) ? Optional.empty() : lock(file, FileChannel::tryLock);
        }
    }

    private interface Locking {
        @Nullable FileLock lock(FileChannel channel) throws IOException;
    }

    private static Optional<Presence> lock(Path file, Locking locking) throws IOException {
        FileChannel channel;
        try {
            channel = FileChannel.open(file, StandardOpenOption.WRITE);
        } catch (AccessDeniedException | NoSuchFileException e) {
            // Of another user, in a directory that many share; or taken away meanwhile.
            return Optional.empty();
        }
        if (locking.lock(channel) == null) {
            channel.close();
            return Optional.empty();
        }
        HERE.add(file);
        return Optional.of(new Presence(sign(file), channel));
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
            if (HERE.contains(sign.file())) {
                try {
                    Files.deleteIfExists(sign.file());
                } finally {
                    release();
                }
            }
        }
    }

    private void release() throws IOException {
        synchronized (HERE) {
            if (HERE.remove(sign.file())) {
                channel.close();
            }
        }
    }
}

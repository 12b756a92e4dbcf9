package io.gpuledger.local;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Timer;
import java.util.TimerTask;

/** Bounds what a service writes: its log and one before that, each a few megabytes. */
public final class ServiceLog {
    /** Bytes. */
    static final long LIMIT = 8L << 20;

    private static final String PROPERTY = "gpuledger.log";
    private static final long INTERVAL_MS = 10_000;

    private ServiceLog() {}

    /** Tells a service started with this option where its output goes. */
    static String option(Path log) {
        return "-D" + PROPERTY + "=" + log;
    }

    /** Bounds the log of this process for as long as it lives, when it is a service. */
    public static void bound() {
        String log = System.getProperty(PROPERTY);
        if (log != null) {
            Path path = Path.of(log);
            TimerTask task =
                    new TimerTask() {
                        @Override
                        public void run() {
                            tend(path);
                        }
                    };
            new Timer("bound-log", true).schedule(task, INTERVAL_MS, INTERVAL_MS);
        }
    }

    private static void tend(Path log) {
        try {
            rotate(log, LIMIT);
        } catch (IOException e) {
            System.out.println("cannot rotate " + log + ": " + e);
        }
    }

    /** Moves what a log holds aside when that is more than {@code limit} bytes. */
    static void rotate(Path log, long limit) throws IOException {
        if (!Files.exists(log) || Files.size(log) <= limit) {
            return;
        }
        Path previous = log.resolveSibling(log.getFileName() + ".1");
        Files.copy(log, previous, StandardCopyOption.REPLACE_EXISTING);
        // Emptied, not renamed: the service goes on appending to this very file.
        try (FileChannel channel = FileChannel.open(log, StandardOpenOption.WRITE)) {
            channel.truncate(0);
        }
    }
}

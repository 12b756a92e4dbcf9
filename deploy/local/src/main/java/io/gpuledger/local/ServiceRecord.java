package io.gpuledger.local;

import java.io.IOException;
import java.io.Reader;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.Optional;
import java.util.Properties;

/**
 * The note a running service leaves: who it is and where it listens.
 *
 * @param startedAtMs start of the process: a pid alone may have been given to somebody else
 * @param onDemand started by a command that needed it: the last one to use it stops it
 */
record ServiceRecord(
        Service service, long pid, long startedAtMs, int port, Path log, boolean onDemand) {

    /** The start is reckoned from the boot time, which moves a little when the clock is set. */
    private static final long START_TOLERANCE_MS = 10_000;

    static Optional<ServiceRecord> read(Path runDirectory, Service service) throws IOException {
        Path file = file(runDirectory, service);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        Properties p = new Properties();
        try (Reader in = Files.newBufferedReader(file)) {
            p.load(in);
        }
        return Optional.of(
                new ServiceRecord(
                        service,
                        Long.parseLong(p.getProperty("pid")),
                        Long.parseLong(p.getProperty("started")),
                        Integer.parseInt(p.getProperty("port")),
                        Path.of(p.getProperty("log")),
                        Boolean.parseBoolean(p.getProperty("on-demand"))));
    }

    /** The same service, staying until somebody stops it. */
    ServiceRecord lasting() {
        return new ServiceRecord(service, pid, startedAtMs, port, log, false);
    }

    void write(Path runDirectory) throws IOException {
        Properties p = new Properties();
        p.setProperty("pid", Long.toString(pid));
        p.setProperty("started", Long.toString(startedAtMs));
        p.setProperty("port", Integer.toString(port));
        p.setProperty("log", log.toString());
        p.setProperty("on-demand", Boolean.toString(onDemand));
        Path file = file(runDirectory, service);
        Path draft = file.resolveSibling(file.getFileName() + ".draft");
        try (Writer out = Files.newBufferedWriter(draft)) {
            p.store(out, null);
        }
        Files.move(
                draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    static void delete(Path runDirectory, Service service) throws IOException {
        Files.deleteIfExists(file(runDirectory, service));
    }

    private static Path file(Path runDirectory, Service service) {
        return runDirectory.resolve(service.label() + ".properties");
    }

    /** The process, when it still is the one that left the note. */
    Optional<ProcessHandle> process() {
        return ProcessHandle.of(pid)
                .filter(ProcessHandle::isAlive)
                .filter(
                        h ->
                                Math.abs(
                                                h.info()
                                                                .startInstant()
                                                                .map(Instant::toEpochMilli)
                                                                .orElse(0L)
                                                        - startedAtMs)
                                        <= START_TOLERANCE_MS);
    }
}

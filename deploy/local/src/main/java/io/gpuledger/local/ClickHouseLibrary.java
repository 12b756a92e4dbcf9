package io.gpuledger.local;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The chDB library, fetched once with npm at the version that package.json pins. */
final class ClickHouseLibrary {
    private static final List<String> RESOURCES =
            List.of("package.json", "package-lock.json", ".npmrc");
    private static final String LIBRARY = "libchdb.so";

    private ClickHouseLibrary() {}

    /** Path of libchdb.so below the cache, installing it first when it is not there. */
    static Path install(Path cache) throws IOException {
        Path home = cache.resolve("clickhouse-" + Integer.toHexString(pin().hashCode()));
        Optional<Path> present = find(home);
        if (present.isPresent()) {
            return present.get();
        }
        Files.createDirectories(cache);
        Path draft = Files.createTempDirectory(cache, "install-");
        for (String name : RESOURCES) {
            try (InputStream in = resource(name)) {
                Files.copy(in, draft.resolve(name));
            }
        }
        Path log = draft.resolve("npm.log");
        run(draft, log);
        if (find(draft).isEmpty()) {
            throw new StackException(
                    "npm has no ClickHouse library for this machine (Linux on x86-64 is needed);"
                            + " give --clickhouse URL");
        }
        try {
            Files.move(draft, home, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            // Another process may have been faster, and then its copy is as good.
            Path other = find(home).orElseThrow(() -> e);
            delete(draft);
            return other;
        }
        return find(home).orElseThrow();
    }

    /** A copy is half a gigabyte: not to be left behind. */
    private static void delete(Path directory) throws IOException {
        List<Path> all;
        try (Stream<Path> files = Files.walk(directory)) {
            all = files.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path file : all) {
            Files.delete(file);
        }
    }

    private static void run(Path directory, Path log) throws IOException {
        Process npm;
        try {
            npm =
                    new ProcessBuilder("npm", "ci", "--no-audit", "--no-fund")
                            .directory(directory.toFile())
                            .redirectErrorStream(true)
                            .redirectOutput(log.toFile())
                            .start();
        } catch (IOException e) {
            delete(directory);
            throw new StackException(
                    "npm is not on the PATH: install Node.js with npm, or give --clickhouse URL",
                    e);
        }
        try {
            int status = npm.waitFor();
            if (status != 0) {
                throw new StackException(
                        "npm could not fetch the ClickHouse library (status %d); see %s"
                                .formatted(status, log));
            }
        } catch (InterruptedException e) {
            npm.destroy();
            Thread.currentThread().interrupt();
            throw new StackException("interrupted while npm fetched the ClickHouse library", e);
        }
    }

    private static String pin() throws IOException {
        try (InputStream in = resource("package.json")) {
            return new String(in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        }
    }

    private static InputStream resource(String name) {
        InputStream in = ClickHouseLibrary.class.getResourceAsStream("/clickhouse/" + name);
        if (in == null) {
            throw new IllegalStateException("clickhouse/" + name + " is not packaged");
        }
        return in;
    }

    private static Optional<Path> find(Path home) throws IOException {
        if (!Files.isDirectory(home)) {
            return Optional.empty();
        }
        try (Stream<Path> files = Files.walk(home, 4)) {
            return files.filter(f -> f.endsWith(LIBRARY)).findFirst();
        }
    }
}

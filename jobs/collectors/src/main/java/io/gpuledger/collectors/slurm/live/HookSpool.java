package io.gpuledger.collectors.slurm.live;

import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFormat;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.live.CollectorMetrics;
import io.gpuledger.collectors.slurm.SlurmFileReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What prolog and epilog left in a directory: a file for each call, written under a name that
 * begins with a dot and renamed when it is whole. A file goes when Kafka has what it says.
 */
public final class HookSpool {
    private static final Logger LOG = LoggerFactory.getLogger(HookSpool.class);
    private static final int AT_ONCE = 1_000;
    private static final String BAD = "unreadable";

    private final Path directory;
    private final SlurmFileReader reader;
    private final InputSink sink;
    private final SlurmCollector.Delivered delivered;
    private final CollectorMetrics metrics;

    public HookSpool(
            Path directory,
            SlurmFileReader reader,
            InputSink sink,
            SlurmCollector.Delivered delivered,
            CollectorMetrics metrics) {
        this.directory = directory;
        this.reader = reader;
        this.sink = sink;
        this.delivered = delivered;
        this.metrics = metrics;
    }

    /**
     * Takes what is there.
     *
     * @return how many files went
     */
    public int take() throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.list(directory)) {
            files =
                    all.filter(f -> !String.valueOf(f.getFileName()).startsWith("."))
                            .filter(Files::isRegularFile)
                            .sorted()
                            .limit(AT_ONCE)
                            .toList();
        }
        if (files.isEmpty() || delivered.waiting()) {
            return 0;
        }
        long began = System.nanoTime();
        int bad = 0;
        for (Path file : files) {
            try {
                reader.read(new InputFile(file, InputFormat.HOOKS), sink);
            } catch (InputException e) {
                bad++;
                LOG.warn("{}; kept in {}", e.getMessage(), BAD);
                Files.createDirectories(directory.resolve(BAD));
                Files.move(
                        file,
                        directory.resolve(BAD).resolve(file.getFileName()),
                        StandardCopyOption.REPLACE_EXISTING);
            }
        }
        if (!delivered.all()) {
            return 0;
        }
        for (Path file : files) {
            Files.deleteIfExists(file);
        }
        metrics.request(
                "hook_spool",
                bad == 0 ? "ok" : "unreadable",
                Duration.ofNanos(System.nanoTime() - began));
        return files.size();
    }
}

package io.gpuledger.cli;

import io.gpuledger.cli.config.Configuration;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.collectors.dcgm.DcgmFileReader;
import io.gpuledger.collectors.dcgm.PrometheusHistory;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFiles;
import io.gpuledger.collectors.live.CollectorMetrics;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What a Prometheus server kept while nobody collected. */
@Command(
        name = "prometheus",
        mixinStandardHelpOptions = true,
        description = {
            "Reads past samples from a Prometheus server: into Kafka, which heals a gap within the horizon,"
                    + " or with --out into a file that backfill takes as --dcgm."
        })
final class CollectPrometheusCommand implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    @CommandLine.ParentCommand CollectCommand collect;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--url",
            required = true,
            paramLabel = "URL",
            description = "The server, for example http://prometheus:9090.")
    URI url = URI.create("");

    @Option(names = "--from", required = true, description = "ISO 8601, inclusive, whole minutes.")
    String from = "";

    @Option(names = "--to", required = true, description = "ISO 8601, exclusive, whole minutes.")
    String to = "";

    @Option(names = "--zone", description = "Zone of times without one (default: key zone, UTC).")
    @Nullable String zone;

    @Option(
            names = "--match",
            defaultValue = "",
            paramLabel = "MATCHERS",
            description = "Only these series, for example 'cluster=\"gefion\"'.")
    String match = "";

    @Option(
            names = "--cluster",
            paramLabel = "NAME",
            description = "Cluster of these exporters (default: key cluster).")
    @Nullable String givenCluster;

    @Option(
            names = "--interval",
            paramLabel = "SECONDS",
            description = "How often they were scraped (default: key scrape_interval, 30 s).")
    @Nullable String interval;

    @Option(names = "--out", paramLabel = "FILE", description = "Write OpenMetrics text there.")
    @Nullable Path out;

    @Override
    public Integer call() throws Exception {
        Configuration configuration = collect.ledger.configuration();
        ZoneId zoneId = configuration.get(Keys.ZONE, "--zone", zone);
        Instant begin = UsageCommand.instant("--from", from, zoneId);
        Instant end = UsageCommand.instant("--to", to, zoneId);
        if (!begin.isBefore(end)) {
            throw new UsageException("--from is not before --to; exchange or correct them");
        }
        if (url.getHost() == null || !String.valueOf(url.getScheme()).startsWith("http")) {
            throw new UsageException(
                    "--url %s is no server; give one like http://prometheus:9090".formatted(url));
        }
        if (out != null) {
            long samples = fetch(begin, end, out);
            spec.commandLine().getOut().printf("%d samples in %s%n", samples, out);
            return samples == 0 ? ExitCode.FINDINGS : ExitCode.DONE;
        }
        String cluster = collect.ledger.cluster(givenCluster);
        int intervalMs =
                (int)
                        configuration
                                .get(
                                        Keys.SCRAPE_INTERVAL,
                                        "--interval",
                                        GpuLedger.seconds(interval))
                                .toMillis();
        try (ScratchDirectory scratch =
                        ScratchDirectory.below(collect.ledger.scratch(), "prometheus");
                CollectorEnds ends = CollectorEnds.open(collect.ledger, new CollectorMetrics())) {
            Path file = scratch.path().resolve("samples.txt");
            long samples = fetch(begin, end, file);
            if (samples > 0) {
                publish(file, new DcgmFileReader.Options(cluster, intervalMs, null), ends);
            }
            spec.commandLine().getOut().printf("%d samples published%n", samples);
            return samples == 0 || !ends.troubles().isEmpty() ? ExitCode.FINDINGS : ExitCode.DONE;
        }
    }

    private static void publish(Path file, DcgmFileReader.Options options, CollectorEnds ends)
            throws InputException {
        for (InputFile input : InputFiles.expand(List.of(file)).files()) {
            new DcgmFileReader(options).read(input, ends.sink());
        }
        ends.publisher().flush();
    }

    private long fetch(Instant begin, Instant end, Path file)
            throws IOException, InterruptedException {
        PrintWriter err = spec.commandLine().getErr();
        HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
        PrometheusHistory history =
                new PrometheusHistory(
                        http,
                        url,
                        match,
                        PATIENCE,
                        CollectorEnds.firstLine(
                                collect.ledger.configuration().get(Keys.DCGM_BEARER_FILE)));
        try (BufferedWriter writer = Files.newBufferedWriter(file)) {
            long samples =
                    history.read(
                            begin.toEpochMilli(),
                            end.toEpochMilli(),
                            line -> write(writer, line),
                            reached -> progress(err, begin, end, reached));
            writer.write("# EOF\n");
            return samples;
        } catch (UncheckedIOException e) {
            throw new UsageException(
                    "%s cannot be written (%s); check the disk and its rights"
                            .formatted(file, e.getCause()));
        }
    }

    private static void write(BufferedWriter writer, String line) {
        try {
            writer.write(line);
            writer.write('\n');
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void progress(PrintWriter err, Instant begin, Instant end, long reachedMs) {
        if (Boolean.getBoolean("gpuledger.terminal")) {
            long whole = end.toEpochMilli() - begin.toEpochMilli();
            err.printf(
                    "\r%3d %%  %s",
                    100 * (reachedMs - begin.toEpochMilli()) / whole,
                    Instant.ofEpochMilli(reachedMs));
            if (reachedMs >= end.toEpochMilli()) {
                err.println();
            }
            err.flush();
        }
    }
}

package io.gpuledger.cli;

import io.gpuledger.cli.config.Configuration;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFormat;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.live.CollectorMetrics;
import io.gpuledger.collectors.live.CollectorServer;
import io.gpuledger.collectors.slurm.SlurmFileReader;
import io.gpuledger.collectors.slurm.Slurmrestd;
import io.gpuledger.collectors.slurm.SlurmrestdException;
import io.gpuledger.collectors.slurm.live.HookSpool;
import io.gpuledger.collectors.slurm.live.JobcompTopic;
import io.gpuledger.collectors.slurm.live.SlurmCollector;
import io.gpuledger.collectors.slurm.live.SlurmCommands;
import io.gpuledger.collectors.slurm.live.SlurmSource;
import io.gpuledger.collectors.slurm.live.SlurmrestdSource;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.ZoneId;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A real Slurm into Kafka. */
@Command(
        name = "slurm",
        mixinStandardHelpOptions = true,
        description = {
            "Asks a Slurm for jobs, nodes, reservations and accounting, and publishes what it says, until it is stopped.",
            "Takes what prolog, epilog and jobcomp send as well; see deploy/slurm/README.md for the site's side."
        })
final class CollectSlurmCommand implements Callable<Integer> {
    private static final Logger LOG = LoggerFactory.getLogger(CollectSlurmCommand.class);
    private static final int BODY_LIMIT = 16 << 20;
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
    private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(60);
    private static final Duration SPOOL_EVERY = Duration.ofMillis(500);

    /** slurmdbd gets ends within seconds; its queue is drained within less than this. */
    private static final Duration ACCOUNTING_LAG = Duration.ofMinutes(2);

    @CommandLine.ParentCommand CollectCommand collect;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--cluster",
            paramLabel = "NAME",
            description = "What this cluster is called in the ledger (default: key cluster).")
    @Nullable String givenCluster;

    @Option(
            names = "--slurmrestd",
            paramLabel = "URL",
            description =
                    "Ask slurmrestd, with the token of SLURM_JWT or collect.slurm.token_file (default: key collect.slurm.slurmrestd; without one, Slurm's commands are run).")
    @Nullable String slurmrestd;

    @Option(
            names = "--poll",
            paramLabel = "DURATION",
            description = "How often to ask for jobs (default: key collect.slurm.poll, 5s).")
    @Nullable String poll;

    @Option(
            names = "--hook-spool",
            paramLabel = "DIR",
            description =
                    "Directory with what prolog and epilog left (key collect.slurm.hook_spool).")
    @Nullable String hookSpool;

    @Option(
            names = "--listen",
            paramLabel = "HOST:PORT",
            description =
                    "Where /metrics, /healthz, /hooks and jobcomp's /{index}/_doc are; off for none (default: key collect.slurm.listen, 127.0.0.1:9411).")
    @Nullable String listen;

    @Option(names = "--zone", description = "Zone of times without one (default: key zone, UTC).")
    @Nullable String zone;

    @Override
    public Integer call() throws Exception {
        Configuration configuration = collect.ledger.configuration();
        String cluster = collect.ledger.cluster(givenCluster);
        ZoneId zoneId = configuration.get(Keys.ZONE, "--zone", zone);
        SlurmSource source = source(configuration);
        CollectorMetrics metrics = new CollectorMetrics();
        ScheduledExecutorService threads = Executors.newScheduledThreadPool(3);
        try (ScratchDirectory scratch =
                        ScratchDirectory.below(collect.ledger.scratch(), "collect-slurm");
                CollectorEnds ends = CollectorEnds.open(collect.ledger, metrics)) {
            SlurmFileReader reader =
                    new SlurmFileReader(new SlurmFileReader.Options(cluster, zoneId, null));
            SlurmCollector collector =
                    new SlurmCollector(
                            new SlurmCollector.Settings(
                                    cluster,
                                    zoneId,
                                    configuration.get(Keys.SLURM_POLL, "--poll", poll),
                                    configuration.get(Keys.SLURM_NODES),
                                    configuration.get(Keys.SLURM_ACCOUNTING),
                                    configuration.get(Keys.SLURM_OVERLAP),
                                    configuration.get(Keys.SLURM_REACH),
                                    ACCOUNTING_LAG),
                            source,
                            ends.sink(),
                            ends.delivered(),
                            metrics,
                            Clock.systemUTC(),
                            scratch.path());
            serve(configuration, ends, collector, reader, scratch.path());
            Optional<Path> spool =
                    configuration.get(Keys.SLURM_HOOK_SPOOL, "--hook-spool", hookSpool);
            if (spool.isPresent()) {
                watch(spool.get(), reader, ends, metrics, threads);
            }
            String topic = configuration.get(Keys.SLURM_JOBCOMP_TOPIC);
            if (!topic.isEmpty()) {
                follow(topic, cluster, reader, ends, scratch.path(), threads);
            }
            ends.listen();
            PrintWriter err = spec.commandLine().getErr();
            err.printf(
                    "Asking %s of %s%s; Ctrl-C stops it.%n", source.name(), cluster, ends.where());
            err.flush();
            collector.run();
        } finally {
            threads.shutdownNow();
        }
        return ExitCode.DONE;
    }

    private SlurmSource source(Configuration configuration) {
        String url = configuration.get(Keys.SLURM_SLURMRESTD, "--slurmrestd", slurmrestd);
        if (url.isEmpty()) {
            return new SlurmCommands(configuration.get(Keys.SLURM_COMMANDS), Map.of());
        }
        Optional<Path> file = configuration.get(Keys.SLURM_TOKEN_FILE);
        String user = configuration.get(Keys.SLURM_USER);
        String own = user.isEmpty() ? System.getProperty("user.name") : user;
        boolean hasToken = file.isPresent() || System.getenv("SLURM_JWT") != null;
        return new SlurmrestdSource(
                new Slurmrestd.Options(
                        URI.create(url),
                        hasToken ? own : null,
                        () -> token(file),
                        CONNECT_TIMEOUT,
                        ANSWER_TIMEOUT));
    }

    /** {@code scontrol token} prints SLURM_JWT=...; its whole output may be the file. */
    private static @Nullable String token(Optional<Path> file) throws SlurmrestdException {
        if (file.isEmpty()) {
            return System.getenv("SLURM_JWT");
        }
        try {
            String first = Files.readString(file.get()).lines().findFirst().orElse("").strip();
            return first.startsWith("SLURM_JWT=") ? first.substring("SLURM_JWT=".length()) : first;
        } catch (IOException e) {
            throw new SlurmrestdException(
                    "token file %s cannot be read (%s); check the path and its rights"
                            .formatted(file.get(), e.getClass().getSimpleName()),
                    e);
        }
    }

    private void serve(
            Configuration configuration,
            CollectorEnds ends,
            SlurmCollector collector,
            SlurmFileReader reader,
            Path scratch) {
        CollectorServer server =
                ends.serve(configuration.get(Keys.SLURM_LISTEN, "--listen", listen), BODY_LIMIT);
        if (server == null) {
            return;
        }
        server.health(
                () -> {
                    Map<String, String> troubles = collector.troubles();
                    troubles.putAll(ends.troubles());
                    return troubles;
                });
        server.receive("/hooks", "hooks", ends.receiver(body(InputFormat.HOOKS, reader, scratch)));
        // Slurm's JobCompLoc is http://HOST:PORT/INDEX/_doc.
        CollectorServer.Receiver jobcomp =
                ends.receiver(body(InputFormat.JOBCOMP, reader, scratch));
        server.receive("/{index}/_doc", "jobcomp", jobcomp);
        server.receive("/{index}/{type}", "jobcomp", jobcomp);
    }

    private static CollectorEnds.BodyReader body(
            InputFormat format, SlurmFileReader reader, Path scratch) {
        return (body, from, sink) -> read(body, format, from, reader, scratch, sink);
    }

    private static void read(
            byte[] body,
            InputFormat format,
            String from,
            SlurmFileReader reader,
            Path scratch,
            InputSink sink)
            throws InputException {
        try {
            Path file = Files.createTempFile(scratch, "received-", "-" + format);
            try {
                Files.write(file, body);
                reader.read(new InputFile(file, format), sink);
            } finally {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "what %s sent cannot be kept for reading; check the disk".formatted(from), e);
        }
    }

    private static void watch(
            Path directory,
            SlurmFileReader reader,
            CollectorEnds ends,
            CollectorMetrics metrics,
            ScheduledExecutorService threads) {
        if (!Files.isDirectory(directory)) {
            throw new UsageException(
                    "--hook-spool %s is no directory; make it, or correct the path"
                            .formatted(directory));
        }
        HookSpool spool = new HookSpool(directory, reader, ends.sink(), ends.delivered(), metrics);
        var unused =
                threads.scheduleWithFixedDelay(
                        () -> {
                            try {
                                spool.take();
                            } catch (IOException | RuntimeException e) {
                                LOG.warn("{} cannot be emptied: {}", directory, e.toString());
                            }
                        },
                        0,
                        SPOOL_EVERY.toMillis(),
                        TimeUnit.MILLISECONDS);
    }

    private void follow(
            String topic,
            String cluster,
            SlurmFileReader reader,
            CollectorEnds ends,
            Path scratch,
            ScheduledExecutorService threads) {
        String brokers = collect.ledger.configuration().get(Keys.KAFKA_BROKERS);
        if (brokers.isEmpty()) {
            throw new UsageException(
                    "collect.slurm.jobcomp_topic needs the brokers that Slurm writes to; give kafka.brokers");
        }
        SlurmCollector.Delivered delivered = ends.delivered();
        JobcompTopic documents = new JobcompTopic(brokers, topic, cluster);
        Runtime.getRuntime().addShutdownHook(new Thread(documents::close, "stop-jobcomp"));
        var unused =
                threads.submit(
                        () ->
                                documents.run(
                                        (lines, origin) -> {
                                            if (delivered.waiting()) {
                                                return false;
                                            }
                                            try {
                                                read(
                                                        lines,
                                                        InputFormat.JOBCOMP,
                                                        origin,
                                                        reader,
                                                        scratch,
                                                        ends.sink());
                                            } catch (InputException | RuntimeException e) {
                                                LOG.warn(
                                                        "{}: {}; reading it again",
                                                        origin,
                                                        e.toString());
                                                return false;
                                            }
                                            return delivered.all();
                                        }));
    }
}

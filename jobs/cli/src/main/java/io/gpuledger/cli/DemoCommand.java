package io.gpuledger.cli;

import io.gpuledger.collectors.dcgm.DcgmFileReader;
import io.gpuledger.collectors.dcgm.DcgmScraper;
import io.gpuledger.collectors.dcgm.Exporter;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFiles;
import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.collectors.kafka.KafkaPublisher;
import io.gpuledger.collectors.slurm.SlurmFileReader;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.local.SimulatedExporters;
import io.gpuledger.local.StackException;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.UsageQuery;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The whole product on one machine, on recorded jobs and simulated GPUs. */
@Command(
        name = "demo",
        mixinStandardHelpOptions = true,
        description = {
            "Runs the whole product on this machine with nothing installed: Kafka, ClickHouse and Flink start, a recorded"
                    + " Slurm is replayed faster than it was, simulated DCGM exporters are scraped, and the usage of each account is shown.",
            "Its data is thrown away at the end, unless --data is given."
        })
final class DemoCommand implements Callable<Integer> {
    private static final int SCRAPE_INTERVAL_S = 10;
    private static final int PAGE_LIMIT = 1 << 20;

    /** Event time after the last record: the last window must end; then it settles. */
    private static final long TAIL_MS = 90_000;

    private static final Duration PATIENCE = Duration.ofSeconds(90);

    /** Longer than the job's ticks at this speed. */
    private static final Duration QUIET = Duration.ofSeconds(6);

    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(names = "--once", description = "Stop everything after the table.")
    boolean once;

    @Option(
            names = "--speed",
            defaultValue = "12",
            description = "How much faster than it was (default: ${DEFAULT-VALUE}).")
    int speed = 12;

    private volatile boolean stopping;

    @Override
    public Integer call() throws Exception {
        if (speed < 1 || speed > 60) {
            throw new UsageException("--speed %d is out of range; give 1 to 60".formatted(speed));
        }
        ledger.refuseServers("demo");
        Optional<ScratchDirectory> scratch =
                ledger.data == null ? Optional.of(throwAway()) : Optional.empty();
        LocalStack stack =
                ledger.stackIn(
                        scratch.map(ScratchDirectory::path).orElseGet(ledger::stackDirectory));
        // First of all: one that is refused must not clean up after the other.
        refuseTwin(stack);
        ScratchDirectory work =
                ScratchDirectory.untilClosed(GpuLedger.scratchIn(stack.directory()), "replay");
        // Ctrl-C ends this process; what it started must not outlive it.
        Thread cleanup =
                new Thread(
                        () -> {
                            stopping = true;
                            if (scratch.isPresent()) {
                                // Whoever else uses it: its data goes.
                                stack.down();
                            }
                            stack.close();
                            work.close();
                            scratch.ifPresent(ScratchDirectory::close);
                        },
                        "stop-demo");
        Runtime.getRuntime().addShutdownHook(cleanup);
        try {
            play(stack, work);
        } catch (Exception e) {
            if (!stopping) {
                throw e;
            }
            // Ctrl-C took away what it was talking to, or writing in.
        }
        return ExitCode.DONE;
    }

    /** A demo that was killed left its services, which nobody else knows of, and its data. */
    private ScratchDirectory throwAway() {
        Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
        ScratchDirectory.clear(
                temporary,
                ScratchDirectory.PREFIX + "demo-",
                killed -> ledger.stackIn(killed).down());
        return ScratchDirectory.untilClosed(temporary, "demo");
    }

    private void play(LocalStack stack, ScratchDirectory work) throws Exception {
        PrintWriter err = spec.commandLine().getErr();
        say(err, "Starting ClickHouse, Kafka and the attribution job ...");
        Warehouse warehouse = ledger.localWarehouse(stack);
        Migrator.migrate(warehouse);
        stack.ensureUp(EnumSet.allOf(Service.class));
        DemoRecording recording = DemoRecording.load();
        ReplayClock clock = new ReplayClock(recording.beginMs() - 30_000, speed);
        try (SimulatedExporters exporters =
                        new SimulatedExporters(
                                DemoRecording.gpusByHost(), recording.loads(), clock);
                KafkaPublisher publisher = new KafkaPublisher(stack.kafkaBrokers(), clock)) {
            say(
                    err,
                    "Replaying %d records of a Slurm with 11 nodes, %d times as fast; scraping %d exporters over HTTP"
                            .formatted(recording.items().size(), speed, exporters.urls().size()));
            replay(work.path(), recording, exporters, publisher, clock, err);
            work.close();
            awaitSettled(warehouse, recording);
            show(warehouse, stack, exporters, recording);
            if (!once) {
                say(err, "Everything keeps running; Ctrl-C stops it.");
                new CountDownLatch(1).await();
            }
        }
    }

    /** Two would publish the same jobs on two clocks into the same topics. */
    private static void refuseTwin(LocalStack stack) {
        stack.joinUnlessAnotherDoes()
                .ifPresent(
                        other -> {
                            throw new UsageException(
                                    "another %s runs in %s; use its data, or give another --data directory"
                                            .formatted(other, stack.directory()));
                        });
    }

    /**
     * Publishes as it was.
     *
     * @param work where the records pass through the file reader
     */
    private void replay(
            Path work,
            DemoRecording recording,
            SimulatedExporters exporters,
            KafkaPublisher publisher,
            ReplayClock clock,
            PrintWriter err)
            throws IOException, InputException, InterruptedException {
        SlurmFileReader slurm =
                new SlurmFileReader(
                        new SlurmFileReader.Options(DemoRecording.CLUSTER, ZoneOffset.UTC, null));
        publish(
                slurm,
                publisher,
                work,
                recording.beginMs() / 1000 + ".nodes.txt",
                recording.nodes());
        List<DcgmScraper> scrapers = scrapers(exporters, clock);
        long end = recording.endMs() + TAIL_MS + ledger.attribution().settleMs();
        long nextScrape = clock.millis();
        int next = 0;
        boolean accounted = false;
        long total = end - clock.millis();
        while (clock.millis() < end) {
            long now = clock.millis();
            while (next < recording.items().size() && recording.items().get(next).atMs() <= now) {
                DemoRecording.Item item = recording.items().get(next++);
                publish(slurm, publisher, work, item.fileName(), item.text());
            }
            if (!accounted && next == recording.items().size()) {
                accounted = true;
                publish(
                        slurm,
                        publisher,
                        work,
                        recording.endMs() / 1000 + ".sacct.psv",
                        recording.accounting());
            }
            if (now >= nextScrape) {
                nextScrape += SCRAPE_INTERVAL_S * 1000L;
                for (DcgmScraper scraper : scrapers) {
                    InputTally tally = new InputTally(DemoRecording.CLUSTER, "scrape", publisher);
                    for (HostScrapeRecord scrape : scraper.scrape(tally)) {
                        publisher.scrape(scrape);
                    }
                }
                publisher.flush();
                progress(err, total - (end - now), total, now);
            }
            TimeUnit.MILLISECONDS.sleep(20);
        }
        progress(err, total, total, end);
        err.println();
        publisher.flush();
    }

    private static List<DcgmScraper> scrapers(SimulatedExporters exporters, ReplayClock clock) {
        HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build();
        List<DcgmScraper> scrapers = new ArrayList<>();
        for (String url : exporters.urls()) {
            scrapers.add(
                    new DcgmScraper(
                            new Exporter(
                                    http,
                                    URI.create(url),
                                    Duration.ofSeconds(5),
                                    PAGE_LIMIT,
                                    Optional.empty()),
                            new DcgmFileReader.Options(
                                    DemoRecording.CLUSTER, SCRAPE_INTERVAL_S * 1000, null),
                            clock));
        }
        return scrapers;
    }

    /** Through the same reader that a backfill uses: the demo has no parser of its own. */
    private static void publish(
            SlurmFileReader slurm, KafkaPublisher publisher, Path work, String name, String text)
            throws IOException, InputException {
        Path file = work.resolve(name);
        Files.writeString(file, text);
        // One poll of the recording met a restarting controller and says nothing of jobs.
        for (InputFile input : InputFiles.expand(List.of(work)).files()) {
            slurm.read(input, publisher);
        }
        Files.delete(file);
    }

    private void progress(PrintWriter err, long done, long total, long eventMs) {
        // The launcher knows whether somebody watches; a log file gets the last line only.
        if (!Boolean.getBoolean("gpuledger.terminal") && done < total) {
            return;
        }
        int width = 40;
        int filled = (int) (width * done / total);
        err.print(
                "\r[%s%s] %3d %%  %s"
                        .formatted(
                                "=".repeat(filled),
                                " ".repeat(width - filled),
                                100 * done / total,
                                Instant.ofEpochMilli(eventMs / 1000 * 1000)));
        err.flush();
    }

    /**
     * Waits until every host has its last minute and no row came for a while: what is learned late
     * corrects what was written.
     */
    private void awaitSettled(Warehouse warehouse, DemoRecording recording)
            throws InterruptedException {
        String lastMinute = Long.toString(Math.floorDiv(recording.endMs(), 60_000L) * 60);
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        String last = "";
        long lastChange = System.nanoTime();
        while (System.nanoTime() < deadline) {
            List<String> answer =
                    warehouse
                            .query(
                                    """
                                    SELECT uniqIf(host, window_start >= toDateTime({last:Int64}, 'UTC')),
                                           max(revision), count()
                                    FROM usage_minute WHERE cluster = {cluster:String}
                                    """,
                                    Map.of("cluster", DemoRecording.CLUSTER, "last", lastMinute))
                            .get(0);
            boolean complete = Integer.parseInt(answer.get(0)) == DemoRecording.gpusByHost().size();
            if (!answer.toString().equals(last)) {
                last = answer.toString();
                lastChange = System.nanoTime();
            } else if (complete && System.nanoTime() - lastChange > QUIET.toNanos()) {
                return;
            }
            TimeUnit.MILLISECONDS.sleep(250);
        }
        throw new StackException(
                "usage of the last minute did not settle within %d s; see the logs below --data"
                        .formatted(PATIENCE.toSeconds()));
    }

    private void show(
            Warehouse warehouse,
            LocalStack stack,
            SimulatedExporters exporters,
            DemoRecording recording) {
        Instant from = Instant.ofEpochMilli(recording.beginMs() / 3_600_000 * 3_600_000);
        // To the last whole minute of the recording: what follows is only there to settle it.
        Instant to = Instant.ofEpochMilli(recording.endMs() / 60_000 * 60_000 + 60_000);
        UsageQuery.Result result =
                new UsageQuery(
                                List.of("account"),
                                from,
                                to,
                                DemoRecording.CLUSTER,
                                "",
                                "",
                                ZoneOffset.UTC,
                                UsageQuery.Basis.HELD)
                        .run(warehouse, new ScheduledCharges(Registry.EMPTY));
        String broken =
                warehouse
                        .query(
                                "SELECT count() FROM usage_minute FINAL"
                                        + " WHERE arraySum(holders.gpu_ms) != exists_ms",
                                Map.of())
                        .get(0)
                        .get(0);
        PrintWriter out = spec.commandLine().getOut();
        out.println();
        out.println("GPU-hours by account (the row without a name is time nobody held):");
        out.println();
        out.print(result.table());
        out.println();
        out.println("Rows that break the closed balance: " + broken);
        if (!once) {
            out.println("ClickHouse  " + stack.clickHouseUrl() + "/play");
            out.println("Flink       " + stack.flinkUrl());
            out.println("Exporter    " + exporters.urls().get(0));
        }
        out.println();
        out.println("Try next:");
        String where = " --clickhouse " + stack.clickHouseUrl();
        if (once) {
            String kept = ledger.data == null ? "demo-data" : ledger.data;
            where = " --data " + kept;
            if (ledger.data == null) {
                out.println(
                        "  deploy/gpu-ledger%s demo --once     (keeps the data, for)"
                                .formatted(where));
            }
        }
        out.println(
                "  deploy/gpu-ledger%s usage --by run,bucket --from %s --to %s"
                        .formatted(where, from, to));
        out.println("  deploy/gpu-ledger backfill --cluster NAME --slurm FILES... --dcgm FILES...");
        out.flush();
    }

    private static void say(PrintWriter err, String text) {
        err.println(text);
        err.flush();
    }
}

package io.gpuledger.cli;

import io.gpuledger.cli.config.Keys;
import io.gpuledger.collectors.dcgm.DcgmFileReader;
import io.gpuledger.collectors.dcgm.DcgmScraper;
import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.collectors.kafka.KafkaPublisher;
import io.gpuledger.local.LocalStack;
import io.gpuledger.schemas.HostScrapeRecord;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Scrapes exporters on a timer; one that fails is reported and never holds up another. */
@Command(
        name = "dcgm",
        mixinStandardHelpOptions = true,
        description = "Scrapes dcgm-exporters and publishes what they say.")
final class CollectDcgmCommand implements Callable<Integer> {
    private static final int THREADS = 8;

    @CommandLine.ParentCommand CollectCommand collect;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--cluster",
            paramLabel = "NAME",
            description = "Cluster of these exporters (default: key cluster).")
    @Nullable String givenCluster;

    @Option(
            names = "--target",
            required = true,
            arity = "1..*",
            paramLabel = "URL",
            description = "Exporter, for example http://node1:9400/metrics.")
    List<URI> targets = new ArrayList<>();

    @Option(
            names = "--interval",
            paramLabel = "SECONDS",
            description = "Scrape interval (default: key scrape_interval, 30 s).")
    @Nullable String interval;

    private String cluster = "";

    @Override
    public Integer call() throws InterruptedException, ExecutionException {
        cluster = collect.ledger.cluster(givenCluster);
        int intervalS =
                (int)
                        collect.ledger
                                .configuration()
                                .get(
                                        Keys.SCRAPE_INTERVAL,
                                        "--interval",
                                        GpuLedger.seconds(interval))
                                .toSeconds();
        HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
        ScheduledExecutorService timers = Executors.newScheduledThreadPool(THREADS);
        try (LocalStack stack = collect.ledger.stack();
                KafkaPublisher publisher =
                        new KafkaPublisher(collect.ledger.brokers(stack), Clock.systemUTC())) {
            List<ScheduledFuture<?>> running = new ArrayList<>();
            for (int i = 0; i < targets.size(); i++) {
                URI target = targets.get(i);
                if (target.getHost() == null
                        || !String.valueOf(target.getScheme()).startsWith("http")) {
                    throw new UsageException(
                            "--target %s is no HTTP address; give one like http://node1:9400/metrics"
                                    .formatted(target));
                }
                DcgmScraper scraper =
                        new DcgmScraper(
                                http,
                                target,
                                new DcgmFileReader.Options(cluster, intervalS * 1000, null),
                                Duration.ofSeconds(Math.max(1, intervalS / 2)),
                                Clock.systemUTC());
                // Spread over the interval: a thousand scrapes in one instant help nobody.
                long delayMs = intervalS * 1000L * i / targets.size();
                running.add(
                        timers.scheduleAtFixedRate(
                                () -> scrape(scraper, target, publisher),
                                delayMs,
                                intervalS * 1000L,
                                TimeUnit.MILLISECONDS));
            }
            for (ScheduledFuture<?> future : running) {
                future.get(); // returns only when a collector failed for good
            }
        } finally {
            timers.shutdownNow();
        }
        return ExitCode.DONE;
    }

    private void scrape(DcgmScraper scraper, URI target, KafkaPublisher publisher) {
        PrintWriter err = spec.commandLine().getErr();
        try {
            InputTally tally = new InputTally(cluster, target.toString(), publisher);
            for (HostScrapeRecord record : scraper.scrape(tally)) {
                publisher.scrape(record);
            }
            publisher.flush();
        } catch (IOException e) {
            err.println("gpu-ledger: " + e.getMessage() + "; trying again");
            err.flush();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

package io.gpuledger.cli;

import io.gpuledger.cli.config.Configuration;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.collectors.dcgm.DcgmCollector;
import io.gpuledger.collectors.dcgm.RemoteWrite;
import io.gpuledger.collectors.dcgm.TargetAddress;
import io.gpuledger.collectors.dcgm.TargetException;
import io.gpuledger.collectors.dcgm.TargetFile;
import io.gpuledger.collectors.dcgm.TargetList;
import io.gpuledger.collectors.dcgm.TargetName;
import io.gpuledger.collectors.live.CollectorMetrics;
import io.gpuledger.collectors.live.CollectorServer;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Scrapes exporters on a timer, and takes what a Prometheus writes. */
@Command(
        name = "dcgm",
        mixinStandardHelpOptions = true,
        description = {
            "Scrapes dcgm-exporters and publishes what they say, until it is stopped.",
            "One that is down, slow or no exporter is reported, asked less often and never holds up another."
        })
final class CollectDcgmCommand implements Callable<Integer> {
    /** An exporter of 16 GPUs in seven instances each, every field on, answers with about 1 MB. */
    private static final int PAGE_LIMIT = 8 << 20;

    private static final int WRITE_LIMIT = 32 << 20;
    private static final int UNPACKED_LIMIT = 128 << 20;

    @CommandLine.ParentCommand CollectCommand collect;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--cluster",
            paramLabel = "NAME",
            description = "Cluster of these exporters (default: key cluster).")
    @Nullable String givenCluster;

    @Option(
            names = "--target",
            arity = "1..*",
            paramLabel = "HOST:PORT",
            description =
                    "Exporter, for example node1:9400 or http://node1:9400/metrics (key collect.dcgm.targets).")
    List<String> targets = new ArrayList<>();

    @Option(
            names = "--target-file",
            arity = "1..*",
            paramLabel = "FILE",
            description =
                    "Exporters in a file, one a line, or Prometheus' file_sd as .json or .yaml; read again as it changes (key collect.dcgm.target_files).")
    List<Path> targetFiles = new ArrayList<>();

    @Option(
            names = "--target-name",
            arity = "1..*",
            paramLabel = "NAME:PORT",
            description =
                    "Every address that this name has in DNS is an exporter (key collect.dcgm.target_names).")
    List<String> targetNames = new ArrayList<>();

    @Option(
            names = "--interval",
            paramLabel = "SECONDS",
            description = "Scrape interval (default: key scrape_interval, 30 s).")
    @Nullable String interval;

    @Option(
            names = "--timeout",
            paramLabel = "DURATION",
            description =
                    "For one answer, at most the interval (default: key collect.dcgm.timeout, 10 s).")
    @Nullable String timeout;

    @Option(
            names = "--listen",
            paramLabel = "HOST:PORT",
            description =
                    "Where /metrics, /healthz and the receiver are; off for none (default: key collect.dcgm.listen, 127.0.0.1:9410).")
    @Nullable String listen;

    @Option(
            names = "--remote-write",
            description =
                    "Also take what a Prometheus writes to /api/v1/write (key collect.dcgm.remote_write).")
    boolean remoteWrite;

    @Override
    public Integer call() throws Exception {
        Configuration configuration = collect.ledger.configuration();
        String cluster = collect.ledger.cluster(givenCluster);
        Duration every =
                configuration.get(Keys.SCRAPE_INTERVAL, "--interval", GpuLedger.seconds(interval));
        List<TargetList> lists = lists(configuration);
        boolean receives = remoteWrite || configuration.get(Keys.DCGM_REMOTE_WRITE);
        if (lists.isEmpty() && !receives) {
            throw new UsageException(
                    "no exporter is named and nothing is received; give --target, --target-file, --target-name or --remote-write");
        }
        Duration patience = configuration.get(Keys.DCGM_TIMEOUT, "--timeout", timeout);
        DcgmCollector.Settings settings =
                new DcgmCollector.Settings(
                        cluster,
                        every,
                        patience.compareTo(every) > 0 ? every : patience,
                        configuration.get(Keys.DCGM_ALIGNED),
                        PAGE_LIMIT,
                        configuration.get(Keys.DCGM_REFRESH),
                        CollectorEnds.firstLine(configuration.get(Keys.DCGM_BEARER_FILE)));
        CollectorMetrics metrics = new CollectorMetrics();
        try (CollectorEnds ends = CollectorEnds.open(collect.ledger, metrics);
                DcgmCollector collector =
                        new DcgmCollector(
                                settings, lists, ends.sink(), metrics, Clock.systemUTC())) {
            CollectorServer server =
                    ends.serve(
                            configuration.get(Keys.DCGM_LISTEN, "--listen", listen), WRITE_LIMIT);
            if (server != null) {
                server.health(() -> troubles(collector, ends));
                if (receives) {
                    RemoteWrite reader =
                            new RemoteWrite(cluster, (int) every.toMillis(), UNPACKED_LIMIT);
                    server.receive("/api/v1/write", "remote_write", ends.receiver(reader::read));
                }
            } else if (receives) {
                throw new UsageException(
                        "--remote-write needs an address to listen on; give --listen HOST:PORT");
            }
            collector.start();
            ends.listen();
            say(cluster, every, collector.health().size(), ends);
            ends.untilStopped();
        } catch (TargetException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
        return ExitCode.DONE;
    }

    private List<TargetList> lists(Configuration configuration) {
        List<TargetList> lists = new ArrayList<>();
        List<String> named = new ArrayList<>(targets);
        if (targets.isEmpty()) {
            named.addAll(configuration.get(Keys.DCGM_TARGETS));
        }
        try {
            if (!named.isEmpty()) {
                List<URI> fixed = new ArrayList<>();
                for (String target : named) {
                    fixed.add(TargetAddress.parse(target));
                }
                lists.add(new Fixed(fixed));
            }
            for (String name :
                    targetNames.isEmpty()
                            ? configuration.get(Keys.DCGM_TARGET_NAMES)
                            : targetNames) {
                lists.add(TargetName.parse(name));
            }
        } catch (TargetException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
        if (targetFiles.isEmpty()) {
            configuration
                    .get(Keys.DCGM_TARGET_FILES)
                    .forEach(file -> lists.add(new TargetFile(Path.of(file))));
        } else {
            targetFiles.forEach(file -> lists.add(new TargetFile(file)));
        }
        return lists;
    }

    /** Named on the command line or in the configuration. */
    private record Fixed(List<URI> read) implements TargetList {
        @Override
        public String name() {
            return "targets";
        }
    }

    private static Map<String, String> troubles(DcgmCollector collector, CollectorEnds ends) {
        Map<String, String> troubles = new TreeMap<>(ends.troubles());
        for (DcgmCollector.Health health : collector.health()) {
            if (health.failures() > 0) {
                troubles.put(health.target(), health.failures() + " failures in a row");
            }
        }
        return troubles;
    }

    private void say(String cluster, Duration every, int exporters, CollectorEnds ends) {
        PrintWriter err = spec.commandLine().getErr();
        err.printf(
                "Scraping %d exporter%s of %s every %d s%s; Ctrl-C stops it.%n",
                exporters, exporters == 1 ? "" : "s", cluster, every.toSeconds(), ends.where());
        err.flush();
    }
}

package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gpuledger.collectors.dcgm.DcgmFileReader;
import io.gpuledger.collectors.dcgm.DcgmScraper;
import io.gpuledger.collectors.dcgm.Exporter;
import io.gpuledger.collectors.dcgm.PrometheusHistory;
import io.gpuledger.collectors.dcgm.RemoteWrite;
import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFormat;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.collectors.live.CollectorMetrics;
import io.gpuledger.collectors.live.CollectorServer;
import io.gpuledger.local.SimulatedExporters;
import io.gpuledger.schemas.DeadLetterRecord;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real Prometheus between the exporters and us: what it writes, and what it kept. */
class PrometheusIT {
    private static final String CLUSTER = "simulated";
    private static final int INTERVAL_MS = 1_000;
    private static final int SCRAPES = 6;
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /** Exporters of one instant: so the same is read whenever somebody asks. */
    private static final Instant AT = Instant.parse("2026-11-26T12:00:00Z");

    @TempDir Path directory;

    /** What was said, from threads of the server too. */
    private static final class Said implements InputSink {
        final ConcurrentLinkedQueue<HostScrapeRecord> scrapes = new ConcurrentLinkedQueue<>();
        final ConcurrentLinkedQueue<DeadLetterRecord> deadLetters = new ConcurrentLinkedQueue<>();

        @Override
        public void scrape(HostScrapeRecord r) {
            scrapes.add(r);
        }

        @Override
        public void job(JobSnapshotRecord r) {}

        @Override
        public void host(HostSnapshotRecord r) {}

        @Override
        public void heartbeat(SchedulerHeartbeatRecord r) {}

        @Override
        public void deadLetter(DeadLetterRecord r) {
            deadLetters.add(r);
        }

        @Override
        public void count(InputCount c) {
            assertThat(c.balanced()).isTrue();
        }

        long hosts(long fromMs) {
            return scrapes.stream()
                    .filter(s -> s.getObservedAtMs() >= fromMs)
                    .map(HostScrapeRecord::getHost)
                    .distinct()
                    .count();
        }
    }

    @Test
    void what_a_prometheus_writes_and_keeps_is_what_the_exporters_say() throws Exception {
        Optional<Path> prometheus = SlurmCluster.program("prometheus");
        assumeTrue(prometheus.isPresent(), "no Prometheus here: apt-get install prometheus");
        List<SimulatedExporters.Load> loads = new ArrayList<>();
        for (int gpu = 0; gpu < 5; gpu++) {
            loads.add(
                    new SimulatedExporters.Load(
                            "n1",
                            gpu,
                            11 + gpu,
                            AT.minusSeconds(100).toEpochMilli(),
                            AT.plusSeconds(100).toEpochMilli()));
        }
        Said written = new Said();
        InetSocketAddress listen = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        RemoteWrite reader = new RemoteWrite(CLUSTER, INTERVAL_MS, 64 << 20);
        try (SimulatedExporters exporters =
                        new SimulatedExporters(
                                Map.of("n1", 8, "n2", 8, "n3", 4),
                                loads,
                                Clock.fixed(AT, ZoneOffset.UTC));
                CollectorServer server =
                        CollectorServer.on(
                                        listen, new CollectorMetrics(), Optional.empty(), 8 << 20)
                                .receive(
                                        "/api/v1/write",
                                        "remote_write",
                                        (body, from) -> {
                                            try {
                                                reader.read(body, from, written);
                                            } catch (RemoteWrite.BadRequestException e) {
                                                throw new CollectorServer.BadRequest(
                                                        String.valueOf(e.getMessage()));
                                            }
                                        })
                                .start(listen)) {
            URI api = URI.create("http://127.0.0.1:" + freePort());
            Process process = start(prometheus.get(), api, server.port(), exporters.urls());
            try {
                Patience.until("it writes", PATIENCE, () -> written.hosts(0) == 3);
                long from = System.currentTimeMillis();
                long to = from + SCRAPES * (long) INTERVAL_MS;
                Patience.until("it wrote more", PATIENCE, () -> written.hosts(to) == 3);
                Set<String> byWriting = samples(within(written.scrapes, from, to), true);
                assertThat(byWriting).hasSizeGreaterThanOrEqualTo((SCRAPES - 1) * 20 * 4);

                Said kept = history(api, from, to);
                assertThat(samples(kept.scrapes, true)).isEqualTo(byWriting);

                Said direct = scrape(exporters.urls());
                assertThat(samples(direct.scrapes, false))
                        .isEqualTo(samples(within(written.scrapes, from, to), false))
                        .hasSize(20 * 4);
                assertThat(written.deadLetters).isEmpty();
            } finally {
                process.destroy();
                if (!process.waitFor(10, TimeUnit.SECONDS)) {
                    process.destroyForcibly();
                }
            }
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private Process start(Path program, URI api, int receiver, List<String> urls)
            throws IOException {
        StringBuilder yaml =
                new StringBuilder("global: {scrape_interval: 1s}\nremote_write:\n")
                        .append("  - url: http://127.0.0.1:%d/api/v1/write%n".formatted(receiver))
                        .append(
                                "    queue_config: {batch_send_deadline: 500ms}\nscrape_configs:\n");
        for (String url : urls) {
            URI target = URI.create(url);
            yaml.append(
                    "  - {job_name: \"%1$s\", metrics_path: \"%1$s\", static_configs: [{targets: [\"%2$s\"]}]}%n"
                            .formatted(target.getPath(), target.getAuthority()));
        }
        Path config = directory.resolve("prometheus.yml");
        Files.writeString(config, yaml);
        return new ProcessBuilder(
                        program.toString(),
                        "--config.file=" + config,
                        "--storage.tsdb.path=" + directory.resolve("tsdb"),
                        "--web.listen-address=" + api.getAuthority())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("prometheus.log").toFile())
                .start();
    }

    private static List<HostScrapeRecord> within(
            Iterable<HostScrapeRecord> scrapes, long fromMs, long toMs) {
        List<HostScrapeRecord> some = new ArrayList<>();
        for (HostScrapeRecord scrape : scrapes) {
            if (fromMs <= scrape.getObservedAtMs() && scrape.getObservedAtMs() < toMs) {
                some.add(scrape);
            }
        }
        return some;
    }

    private Said history(URI api, long fromMs, long toMs)
            throws IOException, InterruptedException, InputException {
        List<String> lines = new ArrayList<>();
        new PrometheusHistory(
                        HttpClient.newHttpClient(),
                        api,
                        "",
                        Duration.ofSeconds(10),
                        Optional.empty())
                .read(fromMs, toMs, lines::add, reached -> {});
        Path file = directory.resolve("history.prom");
        Files.write(file, lines);
        Said kept = new Said();
        new DcgmFileReader(new DcgmFileReader.Options(CLUSTER, INTERVAL_MS, null))
                .read(new InputFile(file, InputFormat.DCGM), kept);
        return kept;
    }

    private static Said scrape(List<String> urls) throws IOException, InterruptedException {
        Said direct = new Said();
        for (String url : urls) {
            Exporter exporter =
                    new Exporter(
                            HttpClient.newHttpClient(),
                            URI.create(url),
                            Duration.ofSeconds(10),
                            1 << 20,
                            Optional.empty());
            new DcgmScraper(
                            exporter,
                            new DcgmFileReader.Options(CLUSTER, INTERVAL_MS, null),
                            Clock.systemUTC())
                    .scrape(new InputTally(CLUSTER, url, direct))
                    .forEach(direct::scrape);
        }
        return direct;
    }

    /** Two records of one host and instant are one to whoever reads them. */
    private static Set<String> samples(Iterable<HostScrapeRecord> scrapes, boolean withTime) {
        Set<String> samples = new TreeSet<>();
        for (HostScrapeRecord s : scrapes) {
            for (GpuSampleRecord gpu : s.getGpus()) {
                for (int i = 0; i < s.getFields().size(); i++) {
                    if (gpu.getValues().get(i) != null) {
                        samples.add(
                                "%s %s/%d %s %s %d %d = %d"
                                        .formatted(
                                                withTime ? s.getObservedAtMs() : "",
                                                s.getHost(),
                                                gpu.getGpuIndex(),
                                                gpu.getUuid(),
                                                gpu.getModel(),
                                                s.getScrapeIntervalMs(),
                                                s.getFields().get(i),
                                                gpu.getValues().get(i)));
                    }
                }
            }
        }
        return samples;
    }
}

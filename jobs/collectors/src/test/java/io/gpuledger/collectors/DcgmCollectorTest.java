package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.collectors.dcgm.DcgmCollector;
import io.gpuledger.collectors.dcgm.TargetAddress;
import io.gpuledger.collectors.dcgm.TargetException;
import io.gpuledger.collectors.dcgm.TargetFile;
import io.gpuledger.collectors.dcgm.TargetList;
import io.gpuledger.collectors.dcgm.TargetName;
import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.live.CollectorMetrics;
import io.gpuledger.schemas.DeadLetterRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many exporters, some of them none, over real HTTP. */
class DcgmCollectorTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int BODY_LIMIT = 1 << 20;

    @TempDir Path directory;

    private final Scrapes scrapes = new Scrapes();
    private final CollectorMetrics metrics = new CollectorMetrics();

    /** How often each host was scraped, and when. */
    private static final class Scrapes implements InputSink {
        final Map<String, ConcurrentLinkedQueue<Long>> times = new ConcurrentHashMap<>();
        final AtomicLong deadLetters = new AtomicLong();
        final AtomicLong read = new AtomicLong();

        int of(String host) {
            return times.getOrDefault(host, new ConcurrentLinkedQueue<>()).size();
        }

        @Override
        public void scrape(HostScrapeRecord r) {
            times.computeIfAbsent(r.getHost(), h -> new ConcurrentLinkedQueue<>())
                    .add(r.getObservedAtMs());
        }

        @Override
        public void job(JobSnapshotRecord r) {}

        @Override
        public void host(HostSnapshotRecord r) {}

        @Override
        public void heartbeat(SchedulerHeartbeatRecord r) {}

        @Override
        public void deadLetter(DeadLetterRecord r) {
            deadLetters.incrementAndGet();
        }

        @Override
        public void count(InputCount c) {
            assertThat(c.balanced()).isTrue();
            read.addAndGet(c.read());
        }
    }

    private static String page(String host) {
        return ("DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-%1$s\",Hostname=\"%1$s\"} 50\n"
                        + "DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",UUID=\"GPU-%1$s\",Hostname=\"%1$s\"} 100.5\n")
                .formatted(host);
    }

    private DcgmCollector collector(Duration interval, List<TargetList> lists) {
        return new DcgmCollector(
                new DcgmCollector.Settings(
                        "c",
                        interval,
                        interval,
                        false,
                        BODY_LIMIT,
                        Duration.ofMillis(50),
                        Optional.of("a-token")),
                lists,
                scrapes,
                metrics,
                Clock.systemUTC());
    }

    private static TargetList fixed(List<URI> targets) {
        return new TargetList() {
            @Override
            public String name() {
                return "fixed";
            }

            @Override
            public List<URI> read() {
                return targets;
            }
        };
    }

    private double outcome(String outcome) {
        return metrics.registry().scrape().stream()
                .filter(s -> s.getMetadata().getName().equals("gpu_ledger_requests"))
                .flatMap(s -> ((CounterSnapshot) s).getDataPoints().stream())
                .filter(p -> outcome.equals(p.getLabels().get("outcome")))
                .mapToDouble(CounterSnapshot.CounterDataPointSnapshot::getValue)
                .sum();
    }

    @Test
    void whatever_one_answers_the_others_are_scraped_on_time() throws Exception {
        int closed;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            closed = socket.getLocalPort();
        }
        AtomicInteger withToken = new AtomicInteger();
        try (Web web = new Web();
                Web bad = new Web();
                ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            List<URI> targets = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                String host = "good" + i;
                web.page(
                        "/" + host,
                        exchange -> {
                            if ("Bearer a-token"
                                    .equals(
                                            exchange.getRequestHeaders()
                                                    .getFirst("Authorization"))) {
                                withToken.incrementAndGet();
                            }
                            Web.say(exchange, 200, page(host));
                        });
                targets.add(web.at("/" + host));
            }
            bad.text("/html", 200, "\n<!DOCTYPE html><html>log in</html>");
            bad.text("/broken", 500, "no");
            bad.text("/empty", 200, "");
            bad.text("/binary", 200, "\u0000\u0001\ufffd".repeat(1000));
            bad.large("/large", 200L << 20);
            bad.dripping("/drip");
            for (String path :
                    List.of("/html", "/broken", "/empty", "/binary", "/large", "/drip")) {
                targets.add(bad.at(path));
            }
            targets.add(URI.create("http://127.0.0.1:" + closed + "/metrics"));
            targets.add(URI.create("http://127.0.0.1:" + silent.getLocalPort() + "/metrics"));
            targets.add(URI.create("http://no-such-host.invalid:9400/metrics"));
            try (DcgmCollector collector =
                    collector(Duration.ofMillis(250), List.of(fixed(targets)))) {
                collector.start();
                Patience.until(
                        "every good exporter is scraped ten times, every other failed",
                        PATIENCE,
                        () ->
                                collector.health().stream()
                                        .allMatch(
                                                h ->
                                                        h.target().contains("/good")
                                                                ? scrapes.of(
                                                                                h.target()
                                                                                        .replaceAll(
                                                                                                ".*/",
                                                                                                ""))
                                                                        >= 10
                                                                : h.failures() > 0));
                assertThat(collector.health())
                        .allSatisfy(
                                h -> assertThat(h.up()).isEqualTo(h.target().contains("/good")));
            }
            Patience.until(
                    "whoever never ends is hung up on", PATIENCE, () -> bad.hungUp.get() >= 2);
            // What it may hold, and what the sockets between do, for each time it was asked.
            assertThat(bad.written.get())
                    .isLessThan(16L * BODY_LIMIT * (1 + Math.round(outcome("too_long"))));
        }
        for (String kind :
                List.of("not_metrics", "status", "no_gpus", "too_long", "timeout", "unreachable")) {
            assertThat(outcome(kind)).as(kind).isPositive();
        }
        assertThat(outcome("broken")).isZero();
        assertThat(withToken.get()).isGreaterThanOrEqualTo(200);
        // No scrape of a good one was left out: from the first to the last one each interval.
        for (int i = 0; i < 20; i++) {
            List<Long> times =
                    List.copyOf(
                            scrapes.times.getOrDefault("good" + i, new ConcurrentLinkedQueue<>()));
            long span = times.get(times.size() - 1) - times.get(0);
            assertThat(span / 250).as("good" + i).isBetween(times.size() - 3L, times.size() + 1L);
        }
        assertThat(scrapes.times.keySet()).allMatch(h -> h.startsWith("good"));
    }

    @Test
    void who_fails_is_asked_less_often_and_forgiven() throws Exception {
        ConcurrentLinkedQueue<Long> asked = new ConcurrentLinkedQueue<>();
        try (Web web = new Web()) {
            web.page(
                    "/metrics",
                    exchange -> {
                        asked.add(System.nanoTime());
                        if (asked.size() <= 5) {
                            Web.say(exchange, 503, "not yet");
                        } else {
                            Web.say(exchange, 200, page("late"));
                        }
                    });
            try (DcgmCollector collector =
                    collector(
                            Duration.ofMillis(100), List.of(fixed(List.of(web.at("/metrics")))))) {
                collector.start();
                Patience.until("it is up", PATIENCE, () -> scrapes.of("late") >= 3);
                assertThat(collector.health().get(0).up()).isTrue();
                assertThat(collector.health().get(0).lastError()).isEmpty();
            }
        }
        List<Long> at = List.copyOf(asked);
        // The next is planned when one is asked, by the failures until then.
        for (int failures = 2; failures < 5; failures++) {
            long gapMs = (at.get(failures + 1) - at.get(failures)) / 1_000_000;
            assertThat(gapMs)
                    .as("pause after %d failures", failures)
                    .isGreaterThan(100L * (1 << (failures - 1)) - 110);
        }
        assertThat((at.get(5) - at.get(0)) / 1_000_000).isGreaterThan(1_200);
        assertThat((at.get(7) - at.get(6)) / 1_000_000).isLessThan(1_000);
    }

    @Test
    void lists_are_followed_and_a_broken_one_changes_nothing() throws Exception {
        Path file = directory.resolve("exporters.json");
        try (Web web = new Web()) {
            for (String host : List.of("a", "b")) {
                web.text("/" + host, 200, page(host));
            }
            String at = web.at("").getAuthority();
            Files.writeString(file, discovery(at, "/a"));
            try (DcgmCollector collector =
                    collector(Duration.ofMillis(50), List.of(new TargetFile(file)))) {
                collector.start();
                Patience.until("a is scraped", PATIENCE, () -> scrapes.of("a") > 0);
                assertThat(scrapes.of("b")).isZero();
                replace(file, discovery(at, "/a") + ", {");
                int before = scrapes.of("a");
                Patience.until("a goes on", PATIENCE, () -> scrapes.of("a") > before + 5);
                replace(file, discovery(at, "/b"));
                Patience.until("b is scraped", PATIENCE, () -> scrapes.of("b") > 0);
                assertThat(collector.health())
                        .extracting(DcgmCollector.Health::target)
                        .containsExactly(web.at("/b").toString());
            }
        }
    }

    private static String discovery(String target, String path) {
        return "[{\"targets\": [\"%s\"], \"labels\": {\"__metrics_path__\": \"%s\", \"job\": \"dcgm\"}}]"
                .formatted(target, path);
    }

    private void replace(Path file, String text) throws IOException {
        Path next = directory.resolve("next");
        Files.writeString(next, text);
        Files.move(next, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    }

    @Test
    void a_list_that_cannot_be_read_at_the_start_is_refused() {
        try (DcgmCollector collector =
                collector(
                        Duration.ofMillis(50),
                        List.of(new TargetFile(directory.resolve("none.json"))))) {
            assertThatThrownBy(collector::start)
                    .isInstanceOf(TargetException.class)
                    .hasMessageContaining("none.json cannot be read");
        }
    }

    @Test
    void targets_are_read_from_lines_file_sd_and_dns() throws Exception {
        Path lines = directory.resolve("exporters");
        Files.writeString(lines, "# rack 1\nn1:9400\n\n  https://n2/dcgm  \r\n[::1]:9400\n");
        assertThat(new TargetFile(lines).read())
                .containsExactly(
                        URI.create("http://n1:9400/metrics"),
                        URI.create("https://n2/dcgm"),
                        URI.create("http://[::1]:9400/metrics"));
        Path yaml = directory.resolve("exporters.yml");
        Files.writeString(
                yaml,
                "- targets: ['n1:9400', 'n2:9400']\n- targets: [n3:1]\n  labels: {__scheme__: https, __metrics_path__: /m}\n- targets: []\n");
        assertThat(new TargetFile(yaml).read())
                .containsExactly(
                        URI.create("http://n1:9400/metrics"),
                        URI.create("http://n2:9400/metrics"),
                        URI.create("https://n3:1/m"));
        assertThat(TargetName.parse("localhost:9400").read())
                .contains(URI.create("http://127.0.0.1:9400/metrics"));
        assertThatThrownBy(() -> TargetName.parse("no-such-host.invalid:9400").read())
                .isInstanceOf(TargetException.class)
                .hasMessage("no-such-host.invalid is not in DNS; check the name");
    }

    @Test
    void what_is_no_list_of_exporters_is_refused_with_its_place() throws Exception {
        Path lines = directory.resolve("exporters");
        Files.writeString(lines, "n1:9400\nftp://n2\n");
        assertThatThrownBy(() -> new TargetFile(lines).read())
                .hasMessageStartingWith(lines + ":2: 'ftp://n2' is no exporter");
        Path json = directory.resolve("exporters.json");
        for (String text :
                List.of(
                        "{}",
                        "[1]",
                        "[{\"targets\": 1}]",
                        "[{\"targets\": [\"a b\"]}]",
                        "[",
                        "[{\"targets\": [null]}]",
                        "- &a [*a, *a]")) {
            Files.writeString(json, text);
            assertThatThrownBy(() -> new TargetFile(json).read())
                    .as(text)
                    .isInstanceOf(TargetException.class)
                    .hasMessageContaining(json.toString());
        }
        for (String text :
                List.of(
                        "",
                        " ",
                        "http://",
                        "http://user:pw@n1/metrics",
                        "n1:port",
                        "file:///etc/passwd")) {
            assertThatThrownBy(() -> TargetAddress.parse(text))
                    .as(text)
                    .isInstanceOf(TargetException.class);
        }
        for (String text : List.of("", "n1", ":9400", "n1:", "n1:99999")) {
            assertThatThrownBy(() -> TargetName.parse(text))
                    .as(text)
                    .isInstanceOf(TargetException.class);
        }
    }
}

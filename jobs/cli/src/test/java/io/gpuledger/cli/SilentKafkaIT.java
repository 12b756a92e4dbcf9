package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.collectors.kafka.KafkaPublisher;
import io.gpuledger.schemas.HostScrapeRecord;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** A broker that is there and says nothing: stopped, not dead, so that no connection breaks. */
class SilentKafkaIT {
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final Duration SHORT = Duration.ofSeconds(2);
    private static final String PROLOG =
            "{\"ts\":1795434900.25,\"hook\":\"prolog\",\"env\":{\"SLURM_JOB_ID\":\"%d\",\"SLURMD_NODENAME\":\"n1\",\"SLURM_JOB_GPUS\":\"0\"}}\n";

    @Test
    void who_waits_for_it_is_told_in_time_and_the_record_comes_later() throws Exception {
        try (LiveLedger ledger = new LiveLedger("silent", "")) {
            JsonNode kafka = kafka(ledger);
            String broker = kafka.path("pid").asText();
            AtomicInteger taken = new AtomicInteger();
            String listen = "127.0.0.1:" + freePort();
            ledger.start(
                    // No Slurm is there.
                    Map.of("PATH", "/nonexistent"),
                    List.of("collect", "slurm", "--listen=" + listen));
            Patience.until("a hook is taken", PATIENCE, () -> prolog(listen, 1) == 200);
            try (KafkaPublisher publisher =
                    new KafkaPublisher(
                            "127.0.0.1:" + kafka.path("port").asInt(),
                            Clock.systemUTC(),
                            counting(taken),
                            SHORT,
                            Duration.ofMinutes(10))) {
                publisher.scrape(scrape(1));
                assertThat(publisher.flushed(PATIENCE)).isTrue();
                signal("STOP", broker);
                try {
                    publisher.scrape(scrape(2));
                    long began = System.nanoTime();
                    assertThat(publisher.flushed(SHORT)).isFalse();
                    assertThat(Duration.ofNanos(System.nanoTime() - began))
                            .isBetween(SHORT, SHORT.multipliedBy(5));
                    // Prometheus and curl wait 30 s; who is told in that time sends again.
                    assertThat(prolog(listen, 2)).isEqualTo(503);
                } finally {
                    signal("CONT", broker);
                }
                assertThat(publisher.flushed(PATIENCE)).isTrue();
                assertThat(taken).hasValue(2);
                assertThat(prolog(listen, 2)).isEqualTo(200);
            }
        }
    }

    private static KafkaPublisher.Fate counting(AtomicInteger taken) {
        return new KafkaPublisher.Fate() {
            @Override
            public void acknowledged(String topic) {
                taken.incrementAndGet();
            }

            @Override
            public boolean lost(String topic, Exception why) {
                throw new AssertionError(why);
            }
        };
    }

    private static HostScrapeRecord scrape(long atMs) {
        HostScrapeRecord scrape = new HostScrapeRecord();
        scrape.setCluster("loopback");
        scrape.setHost("n1");
        scrape.setObservedAtMs(atMs);
        scrape.setScrapeIntervalMs(1_000);
        scrape.setOrigin("test");
        scrape.setFields(List.of());
        scrape.setGpus(List.of());
        return scrape;
    }

    private static int prolog(String listen, int job) {
        HttpRequest post =
                HttpRequest.newBuilder(URI.create("http://" + listen + "/hooks"))
                        .timeout(Duration.ofSeconds(30))
                        .POST(HttpRequest.BodyPublishers.ofString(PROLOG.formatted(job)))
                        .build();
        try {
            return HttpClient.newHttpClient()
                    .send(post, HttpResponse.BodyHandlers.ofString())
                    .statusCode();
        } catch (IOException e) {
            return -1;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return -1;
        }
    }

    private static void signal(String name, String pid) throws Exception {
        Process kill = new ProcessBuilder("kill", "-" + name, pid).inheritIO().start();
        assertThat(kill.waitFor()).isZero();
    }

    private static JsonNode kafka(LiveLedger ledger) throws IOException {
        for (JsonNode service : new ObjectMapper().readTree(ledger.run("status", "--json").out())) {
            if (service.path("service").asText().equals("kafka")) {
                return service;
            }
        }
        throw new AssertionError("no Kafka");
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}

package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.local.SimulatedExporters;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.Test;

/**
 * What it costs to scrape a large cluster each second. {@code -Dgpuledger.load=60} measures for a
 * minute.
 */
class ScrapeLoadIT {
    private static final int TARGETS = 200;
    private static final Duration WARM_UP = Duration.ofSeconds(30);

    @Test
    void two_hundred_exporters_are_scraped_each_second() throws Exception {
        int seconds = Integer.getInteger("gpuledger.load", 0);
        assumeTrue(seconds > 0, "-Dgpuledger.load=60 scrapes 200 exporters for a minute");
        Map<String, Integer> hosts = new TreeMap<>();
        for (int host = 0; host < TARGETS; host++) {
            hosts.put("h%03d".formatted(host), 8);
        }
        try (SimulatedExporters exporters =
                        new SimulatedExporters(hosts, List.of(), Clock.systemUTC());
                LiveLedger ledger = new LiveLedger("load", "")) {
            List<String> words =
                    new ArrayList<>(List.of("collect", "dcgm", "--interval=1", "--listen=off"));
            exporters.urls().forEach(url -> words.add("--target=" + url));
            Process collector = ledger.start(Map.of(), words);
            pass(WARM_UP);

            long cpu = cpuMs(collector);
            long scrapes = scrapes(ledger);
            long began = System.nanoTime();
            pass(Duration.ofSeconds(seconds));
            double passedMs = (System.nanoTime() - began) / 1e6;
            double cores = (cpuMs(collector) - cpu) / passedMs;
            double perSecond = (scrapes(ledger) - scrapes) * 1000 / passedMs;

            System.out.printf(
                    "collect dcgm, %d exporters of 8 GPUs each second: %.1f scrapes/s, %.2f cores; %s%n",
                    TARGETS, perSecond, cores, LiveLedger.cost(collector));
            assertThat(perSecond).isGreaterThan(0.95 * TARGETS);
        }
    }

    private static void pass(Duration time) {
        long then = System.nanoTime() + time.toNanos();
        Patience.until("time passes", time.multipliedBy(2), () -> System.nanoTime() > then);
    }

    private static long cpuMs(Process process) {
        return process.info().totalCpuDuration().orElseThrow().toMillis();
    }

    private static long scrapes(LiveLedger ledger) throws Exception {
        for (JsonNode service : new ObjectMapper().readTree(ledger.run("status", "--json").out())) {
            if (service.path("service").asText().equals("kafka")) {
                return end("127.0.0.1:" + service.path("port").asInt());
            }
        }
        throw new AssertionError("no Kafka");
    }

    private static long end(String brokers) {
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(
                        Map.of("bootstrap.servers", brokers),
                        new ByteArrayDeserializer(),
                        new ByteArrayDeserializer())) {
            List<TopicPartition> partitions =
                    consumer.partitionsFor("gpu-telemetry").stream()
                            .map(p -> new TopicPartition(p.topic(), p.partition()))
                            .toList();
            return consumer.endOffsets(partitions).values().stream().mapToLong(o -> o).sum();
        }
    }
}

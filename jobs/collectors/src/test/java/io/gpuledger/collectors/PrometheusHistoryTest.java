package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.collectors.dcgm.PrometheusHistory;
import java.io.IOException;
import java.net.URLDecoder;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The past of a Prometheus, asked part by part. */
class PrometheusHistoryTest {
    private static final long FROM = 1_700_000_000_000L;
    private static final long STEP = 600_000;

    @TempDir Path directory;

    private final List<String> lines = new ArrayList<>();
    private final List<Long> reached = new ArrayList<>();

    private long read(Web web, long toMs) throws IOException, InterruptedException {
        return new PrometheusHistory(
                        HttpClient.newHttpClient(),
                        web.at("/"),
                        "cluster=\"gefion\"",
                        Duration.ofSeconds(10),
                        Optional.of("a-token"))
                .read(FROM, toMs, lines::add, reached::add);
    }

    private static String answer(String... values) {
        return "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION\",\"Hostname\":\"n1\",\"UUID\":\"GPU-1\",\"gpu\":\"0\"},\"values\":[%s]}]}}"
                .formatted(String.join(",", values));
    }

    @Test
    void every_sample_comes_once_whatever_the_server_does_at_the_edges() throws Exception {
        ConcurrentLinkedQueue<String> asked = new ConcurrentLinkedQueue<>();
        try (Web web = new Web()) {
            web.page(
                    "/api/v1/query",
                    exchange -> {
                        String query =
                                URLDecoder.decode(
                                        exchange.getRequestURI().getRawQuery(),
                                        StandardCharsets.UTF_8);
                        asked.add(
                                exchange.getRequestHeaders().getFirst("Authorization")
                                        + " "
                                        + query);
                        // Both edges are in every answer, as with a closed range.
                        Web.say(
                                exchange,
                                200,
                                query.endsWith("time=1700000600.000")
                                        ? answer(
                                                "[1699999999.999,\"1\"]",
                                                "[1700000000,\"1.2345678901e+10\"]",
                                                "[1700000300.5,\"NaN\"]",
                                                "[1700000600,\"3\"]")
                                        : answer(
                                                "[1700000600,\"12345678999\"]",
                                                "[1700000900,\"+Inf\"]",
                                                "[1700001200,\"9\"]"));
                    });
            assertThat(read(web, FROM + 2 * STEP)).isEqualTo(4);
        }
        assertThat(asked)
                .hasSize(2)
                .allMatch(a -> a.startsWith("Bearer a-token query={__name__=~\""))
                .allMatch(a -> a.contains("\",cluster=\"gefion\"}[600001ms]"));
        assertThat(reached).containsExactly(FROM + STEP, FROM + 2 * STEP);
        Path file = directory.resolve("history.prom");
        Files.write(file, lines);
        Collected found = Collected.of(file);
        assertThat(found.deadLetters).isEmpty();
        assertThat(found.scrapes)
                .extracting(s -> s.getObservedAtMs() + " " + s.getGpus().get(0).getValues())
                .containsExactly(FROM + " [12345678901]", (FROM + STEP) + " [12345678999]");
        assertThat(found.counts.get(0).ignored()).containsEntry("blank", 2L);
    }

    @Test
    void what_is_no_history_is_refused_with_a_sentence() throws Exception {
        for (String body :
                List.of(
                        "<html>",
                        "{}",
                        "[]",
                        "",
                        "{\"status\":\"error\",\"error\":\"query processing would load too many samples\"}",
                        answer("[1700000000,\"abc\"]"))) {
            try (Web web = new Web()) {
                web.text("/api/v1/query", body.contains("error") ? 422 : 200, body);
                assertThatThrownBy(() -> read(web, FROM + STEP))
                        .as(body)
                        .isInstanceOf(IOException.class)
                        .hasMessageStartingWith(web.at("/").toString())
                        .satisfies(
                                e -> {
                                    if (body.contains("too many")) {
                                        assertThat(e).hasMessageContaining("too many samples");
                                    }
                                });
            }
        }
        assertThat(lines).isEmpty();
    }

    @Test
    void a_server_that_is_away_is_named() throws Exception {
        Web gone = new Web();
        gone.close();
        assertThatThrownBy(() -> read(gone, FROM + STEP))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("does not answer");
    }
}

package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.collectors.live.AccessToken;
import io.gpuledger.collectors.live.CollectorMetrics;
import io.gpuledger.collectors.live.CollectorServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who may send, and what of it is taken. */
class CollectorServerTest {
    private static final String SECRET = "0123456789abcdef-secret";
    private static final int BODY_LIMIT = 1 << 20;
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    @TempDir Path directory;

    private final CollectorMetrics metrics = new CollectorMetrics();
    private final ConcurrentLinkedQueue<Integer> taken = new ConcurrentLinkedQueue<>();
    private final HttpClient http = HttpClient.newHttpClient();

    private static InetSocketAddress loopback() {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    }

    private CollectorServer server(Optional<AccessToken> token, CollectorServer.Receiver receiver)
            throws IOException {
        return CollectorServer.on(loopback(), metrics, token, BODY_LIMIT)
                .health(Map::of)
                .receive("/hooks", "hooks", receiver)
                .start(loopback());
    }

    private void take(byte[] body, String from) {
        assertThat(from).isNotEmpty();
        taken.add(body.length);
    }

    private Optional<AccessToken> token() throws IOException {
        Path file = directory.resolve("token");
        Files.writeString(file, SECRET + "\nnot this\n");
        return Optional.of(AccessToken.in(file));
    }

    private HttpResponse<String> post(
            CollectorServer server, String authorization, HttpRequest.BodyPublisher body)
            throws IOException, InterruptedException {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + "/hooks"))
                        .POST(body);
        if (!authorization.isEmpty()) {
            request.header("Authorization", authorization);
        }
        return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    private String metricsOf(CollectorServer server) throws IOException, InterruptedException {
        return http.send(
                        HttpRequest.newBuilder(
                                        URI.create(
                                                "http://127.0.0.1:" + server.port() + "/metrics"))
                                .build(),
                        HttpResponse.BodyHandlers.ofString())
                .body();
    }

    private static HttpRequest.BodyPublisher text(String text) {
        return HttpRequest.BodyPublishers.ofString(text);
    }

    @Test
    void without_a_token_it_listens_on_loopback_only() throws Exception {
        InetSocketAddress everywhere = new InetSocketAddress("0.0.0.0", 0);
        assertThatThrownBy(
                        () -> CollectorServer.on(everywhere, metrics, Optional.empty(), BODY_LIMIT))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("give a token file");
        try (CollectorServer server =
                CollectorServer.on(everywhere, metrics, token(), BODY_LIMIT)
                        .receive("/hooks", "hooks", this::take)
                        .start(everywhere)) {
            assertThat(post(server, "", text("x")).statusCode()).isEqualTo(401);
        }
        assertThat(taken).isEmpty();
    }

    @Test
    void a_receiver_takes_only_what_shows_the_token() throws Exception {
        try (CollectorServer server = server(token(), this::take)) {
            String basic =
                    Base64.getEncoder()
                            .encodeToString(("slurm:" + SECRET).getBytes(StandardCharsets.UTF_8));
            assertThat(post(server, "Bearer " + SECRET, text("x")).statusCode()).isEqualTo(200);
            assertThat(post(server, "Basic " + basic, text("xy")).statusCode()).isEqualTo(200);
            for (String wrong :
                    List.of(
                            "",
                            "Bearer",
                            "Bearer " + SECRET + "x",
                            "Bearer " + SECRET.substring(1),
                            "Bearer not this",
                            "Basic !!!",
                            "Basic " + SECRET,
                            SECRET)) {
                HttpResponse<String> answer = post(server, wrong, text("x"));
                assertThat(answer.statusCode()).as(wrong).isEqualTo(401);
                assertThat(answer.body()).doesNotContain(SECRET);
            }
            assertThat(metricsOf(server))
                    .contains("{outcome=\"unauthorized\",source=\"hooks\"} 8.0")
                    .contains("{outcome=\"ok\",source=\"hooks\"} 2.0")
                    .doesNotContain(SECRET);
        }
        assertThat(taken).containsExactly(1, 2);
    }

    @Test
    void a_short_or_missing_token_is_refused_and_never_said() throws Exception {
        Path file = directory.resolve("short");
        Files.writeString(file, "too-short\n");
        assertThatThrownBy(() -> AccessToken.in(file))
                .hasMessageContaining("holds 9 characters")
                .hasMessageNotContaining("too-short");
        assertThatThrownBy(() -> AccessToken.in(directory.resolve("none")))
                .hasMessageContaining("cannot be read");
    }

    @Test
    void a_body_that_says_its_length_is_refused_by_it() throws Exception {
        try (CollectorServer server = server(Optional.empty(), this::take)) {
            assertThat(
                            post(
                                            server,
                                            "",
                                            HttpRequest.BodyPublishers.ofByteArray(
                                                    new byte[BODY_LIMIT + 1]))
                                    .statusCode())
                    .isEqualTo(413);
            assertThat(
                            post(
                                            server,
                                            "",
                                            HttpRequest.BodyPublishers.ofByteArray(
                                                    new byte[BODY_LIMIT]))
                                    .statusCode())
                    .isEqualTo(200);
            assertThat(metricsOf(server)).contains("{outcome=\"too_large\",source=\"hooks\"} 1.0");
        }
        assertThat(taken).containsExactly(BODY_LIMIT);
    }

    /** Chunked: nobody knows before how long it will be. */
    @Test
    void an_endless_body_is_cut_off() throws Exception {
        try (CollectorServer server = server(Optional.empty(), this::take);
                Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
            OutputStream out = socket.getOutputStream();
            out.write(
                    "POST /hooks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            .getBytes(StandardCharsets.US_ASCII));
            byte[] chunk =
                    ("10000\r\n" + "x".repeat(1 << 16) + "\r\n")
                            .getBytes(StandardCharsets.US_ASCII);
            long sent = 0;
            long most = 400L << 20;
            try {
                for (; sent < most; sent += 1 << 16) {
                    out.write(chunk);
                }
            } catch (IOException e) {
                // It has hung up.
            }
            // What the sockets hold is sent, and no more.
            assertThat(sent).isLessThan(most / 4);
            assertThat(post(server, "", text("x")).statusCode()).isEqualTo(200);
            assertThat(metricsOf(server)).contains("{outcome=\"too_large\",source=\"hooks\"} 1.0");
        }
        assertThat(taken).containsExactly(1);
    }

    @Test
    void many_large_bodies_at_once_are_put_off_not_kept() throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        int senders = 40;
        try (CollectorServer server =
                server(
                        Optional.empty(),
                        (body, from) -> {
                            taken.add(body.length);
                            goOn.await(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                        })) {
            List<CompletableFuture<Integer>> answers = new ArrayList<>();
            for (int i = 0; i < senders; i++) {
                answers.add(
                        http.sendAsync(
                                        HttpRequest.newBuilder(
                                                        URI.create(
                                                                "http://127.0.0.1:"
                                                                        + server.port()
                                                                        + "/hooks"))
                                                .POST(
                                                        HttpRequest.BodyPublishers.ofByteArray(
                                                                new byte[BODY_LIMIT]))
                                                .build(),
                                        HttpResponse.BodyHandlers.discarding())
                                .thenApply(HttpResponse::statusCode));
            }
            Patience.until(
                    "most are told to come again",
                    PATIENCE,
                    () ->
                            answers.stream().filter(CompletableFuture::isDone).count()
                                    >= senders / 2);
            assertThat(taken.size()).isBetween(1, 8);
            goOn.countDown();
            List<Integer> codes = answers.stream().map(CompletableFuture::join).toList();
            assertThat(codes).containsOnly(200, 503);
            assertThat(codes.stream().filter(c -> c == 200).count()).isEqualTo(taken.size());
            // What they held is free again.
            assertThat(
                            post(
                                            server,
                                            "",
                                            HttpRequest.BodyPublishers.ofByteArray(
                                                    new byte[BODY_LIMIT]))
                                    .statusCode())
                    .isEqualTo(200);
        }
    }

    @Test
    void a_receiver_that_breaks_says_so_and_goes_on() throws Exception {
        try (CollectorServer server =
                server(
                        Optional.empty(),
                        (body, from) -> {
                            switch (new String(body, StandardCharsets.UTF_8)) {
                                case "bad" -> throw new CollectorServer.BadRequest("no hook");
                                case "busy" -> throw new CollectorServer.Busy("later");
                                case "broken" -> throw new IllegalStateException("a fault of ours");
                                default -> taken.add(body.length);
                            }
                        })) {
            assertThat(post(server, "", text("bad")).statusCode()).isEqualTo(400);
            assertThat(post(server, "", text("busy")).statusCode()).isEqualTo(503);
            // Sent again it may be taken: nothing must be thrown away because of us.
            assertThat(post(server, "", text("broken")).statusCode()).isGreaterThanOrEqualTo(500);
            assertThat(post(server, "", text("good")).statusCode()).isEqualTo(200);
            assertThat(metricsOf(server))
                    .contains("{outcome=\"bad_request\",source=\"hooks\"} 1.0")
                    .contains("{outcome=\"busy\",source=\"hooks\"} 1.0")
                    .contains("{outcome=\"broken\",source=\"hooks\"} 1.0")
                    .contains("{outcome=\"ok\",source=\"hooks\"} 1.0");
        }
    }

    @Test
    void garbage_on_the_port_harms_nobody() throws Exception {
        java.util.SplittableRandom dice = new java.util.SplittableRandom(20_261_126);
        try (CollectorServer server = server(Optional.empty(), this::take)) {
            for (int i = 0; i < 300; i++) {
                try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
                    byte[] noise = new byte[1 + dice.nextInt(4096)];
                    dice.nextBytes(noise);
                    OutputStream out = socket.getOutputStream();
                    if (dice.nextBoolean()) {
                        out.write("POST /hooks HTTP/1.1\r\n".getBytes(StandardCharsets.US_ASCII));
                    }
                    out.write(noise);
                    out.flush();
                } catch (IOException e) {
                    // It has hung up in the middle, as it may.
                }
            }
            assertThat(post(server, "", text("x")).statusCode()).isEqualTo(200);
        }
        assertThat(taken).contains(1);
    }
}

package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.slurm.Slurmrestd;
import io.gpuledger.collectors.slurm.SlurmrestdException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How slurmrestd is asked, and what is made of its refusals. */
class SlurmrestdTest {
    private static final String TOKEN = "eyJhbGciOi.secret";
    private static final String NONE = "{\"jobs\": [], \"errors\": []}";
    private static final Instant FROM = Instant.ofEpochSecond(1_000_000_000);
    private static final Instant TO = Instant.ofEpochSecond(1_000_003_600);

    private record Reply(int status, String body) {}

    @TempDir Path directory;
    private final Map<String, Reply> replies = new ConcurrentHashMap<>();
    private final ConcurrentLinkedQueue<String> asked = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<String> headers = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<String> upgrades = new ConcurrentLinkedQueue<>();
    private final HttpServer server;

    SlurmrestdTest() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    }

    @BeforeEach
    void start() {
        server.createContext("/", this::answer);
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    private void answer(HttpExchange exchange) throws IOException {
        String uri = exchange.getRequestURI().toString();
        asked.add(uri);
        headers.add(
                exchange.getRequestHeaders().getFirst("X-SLURM-USER-NAME")
                        + " "
                        + exchange.getRequestHeaders().getFirst("X-SLURM-USER-TOKEN"));
        upgrades.addAll(exchange.getRequestHeaders().getOrDefault("Upgrade", List.of()));
        Reply reply = replies.getOrDefault(uri, new Reply(404, "not here"));
        byte[] body = reply.body().getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(reply.status(), body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    @Test
    void the_newest_version_on_offer_is_asked_with_user_and_token() throws Exception {
        offer("/slurmdb/v0.0.9/jobs", "/slurmdb/v0.0.40/jobs/", "/slurm/v0.0.41/jobs");
        replies.put(jobs("v0.0.40", "uts"), new Reply(200, NONE));

        InputFile file = fetch();

        assertThat(Files.readString(file.path())).isEqualTo(NONE);
        assertThat(file.nameTimeMs()).hasValue(1_000_009_000_000L);
        assertThat(asked).containsExactly("/openapi/v3", jobs("v0.0.40", "uts"));
        assertThat(headers).containsOnly("alice " + TOKEN);
    }

    /** A real one answers an offer of HTTP/2 with 405 and half a header. */
    @Test
    void nothing_but_http_1_is_offered() throws Exception {
        offer("/slurmdb/v0.0.40/jobs");
        replies.put(jobs("v0.0.40", "uts"), new Reply(200, NONE));

        fetch();

        assertThat(asked).hasSize(2);
        assertThat(upgrades).isEmpty();
    }

    @Test
    void a_server_that_does_not_describe_itself_is_asked_version_by_version() throws Exception {
        replies.put(jobs("v0.0.42", "uts"), new Reply(200, NONE));

        assertThat(fetch().path()).exists();
        assertThat(asked)
                .containsExactly(
                        "/openapi/v3",
                        jobs("v0.0.44", "uts"),
                        jobs("v0.0.43", "uts"),
                        jobs("v0.0.42", "uts"));
    }

    @Test
    void an_error_is_asked_again_in_the_other_form_of_time() throws Exception {
        offer("/slurmdb/v0.0.40/jobs");
        replies.put(
                jobs("v0.0.40", "uts"),
                new Reply(200, "{\"errors\": [{\"error\": \"Unable to parse time format\"}]}"));
        replies.put(jobs("v0.0.40", ""), new Reply(200, NONE));

        assertThat(fetch().path()).exists();
    }

    @Test
    void what_slurm_says_of_a_failure_is_said_and_the_token_is_not() {
        offer("/slurmdb/v0.0.40/jobs");
        Reply down =
                new Reply(500, "{\"errors\": [{\"error\": \"Unable to connect to database\"}]}");
        replies.put(jobs("v0.0.40", "uts"), down);
        replies.put(jobs("v0.0.40", ""), down);

        assertThatThrownBy(this::fetch)
                .isInstanceOf(SlurmrestdException.class)
                .hasMessageContaining("Unable to connect to database")
                .hasMessageNotContaining("secret");
    }

    @Test
    void an_answer_without_jobs_is_no_empty_accounting() {
        offer("/slurmdb/v0.0.40/jobs");
        for (String body : new String[] {"{}", "[]", "{\"jobs\": [", "<html>"}) {
            replies.put(jobs("v0.0.40", "uts"), new Reply(200, body));
            replies.put(jobs("v0.0.40", ""), new Reply(200, body));
            assertThatThrownBy(this::fetch).as(body).isInstanceOf(SlurmrestdException.class);
        }
    }

    @Test
    void a_refused_token_is_not_tried_elsewhere() {
        offer("/slurmdb/v0.0.40/jobs", "/slurmdb/v0.0.39/jobs");
        replies.put(jobs("v0.0.40", "uts"), new Reply(401, "Authentication failure"));

        assertThatThrownBy(this::fetch)
                .isInstanceOf(SlurmrestdException.class)
                .hasMessageContaining("SLURM_JWT")
                .hasMessageNotContaining("secret");
        assertThat(asked).hasSize(2);
    }

    private void offer(String... paths) {
        StringBuilder body = new StringBuilder("{\"paths\": {");
        for (String path : paths) {
            body.append(body.length() > 11 ? ", " : "").append('"').append(path).append("\": {}");
        }
        replies.put("/openapi/v3", new Reply(200, body.append("}}").toString()));
    }

    private static String jobs(String version, String prefix) {
        return "/slurmdb/%s/jobs?start_time=%s1000000000&end_time=%s1000003600"
                .formatted(version, prefix, prefix);
    }

    private InputFile fetch() throws SlurmrestdException {
        return new Slurmrestd(
                        new Slurmrestd.Options(
                                URI.create("http://127.0.0.1:" + server.getAddress().getPort()),
                                "alice",
                                () -> TOKEN,
                                Duration.ofSeconds(10),
                                Duration.ofSeconds(10)))
                .fetch(FROM, TO, 1_000_009_000_500L, directory);
    }
}

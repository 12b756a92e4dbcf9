package io.gpuledger.collectors.dcgm;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.collectors.live.LimitedBody;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The samples that a Prometheus server keeps, as they were scraped: a range vector in an instant
 * query, since {@code query_range} would invent values between them.
 */
public final class PrometheusHistory {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int OK = 200;
    private static final int BODY_LIMIT = 512 << 20;

    /**
     * Asked at once: a time that a server answers within its limit of 50 million samples for a
     * cluster of Gefion's size.
     */
    private static final Duration STEP = Duration.ofMinutes(10);

    private final HttpClient http;
    private final URI server;
    private final String matchers;
    private final Duration timeout;
    private final Optional<String> bearerToken;

    /**
     * A server that is not asked yet.
     *
     * @param server without the path of the API
     * @param matchers of the series, without braces: {@code cluster="gefion"}; empty for all
     */
    public PrometheusHistory(
            HttpClient http,
            URI server,
            String matchers,
            Duration timeout,
            Optional<String> bearerToken) {
        this.http = http;
        this.server = server;
        this.matchers = matchers;
        this.timeout = timeout;
        this.bearerToken = bearerToken;
    }

    /**
     * Every sample of a field that we keep, in the order of time and host, in lines of text that
     * {@link DcgmFileReader} reads.
     *
     * @param fromMs and {@code toMs}: half-open, epoch milliseconds
     * @param progress is told of the instant that is reached
     * @return samples
     * @throws IOException with a sentence for people when the server cannot be asked
     */
    public long read(long fromMs, long toMs, Consumer<String> line, Consumer<Long> progress)
            throws IOException, InterruptedException {
        long samples = 0;
        for (long at = fromMs; at < toMs; at += STEP.toMillis()) {
            long end = Math.min(toMs, at + STEP.toMillis());
            List<SampleLine> lines = step(at, end);
            lines.sort(SampleLine.ORDER);
            for (SampleLine sample : lines) {
                line.accept(sample.text());
            }
            samples += lines.size();
            progress.accept(end);
        }
        return samples;
    }

    private List<SampleLine> step(long fromMs, long toMs) throws IOException, InterruptedException {
        String names = String.join("|", DcgmField.names());
        String selector =
                "{__name__=~\"%s\"%s}[%dms]"
                        .formatted(
                                names,
                                matchers.isBlank() ? "" : "," + matchers,
                                toMs - fromMs + 1); // a server excludes the beginning, or not
        String query =
                "/api/v1/query?query=%s&time=%d.%03d"
                        .formatted(
                                URLEncoder.encode(selector, StandardCharsets.UTF_8),
                                toMs / 1000,
                                toMs % 1000);
        JsonNode answer = ask(query);
        JsonNode result = answer.path("data").path("result");
        if (!answer.path("status").asText().equals("success") || !result.isArray()) {
            throw new IOException(
                    "%s refuses the query: %s"
                            .formatted(server, answer.path("error").asText("no result")));
        }
        List<SampleLine> lines = new ArrayList<>();
        for (JsonNode series : result) {
            Map<String, String> labels = new LinkedHashMap<>();
            series.path("metric")
                    .properties()
                    .forEach(label -> labels.put(label.getKey(), label.getValue().asText()));
            SampleLine.Series ours = SampleLine.series(labels);
            for (JsonNode value : series.path("values")) {
                long at = value.path(0).decimalValue().movePointRight(3).longValue();
                if (fromMs <= at && at < toMs) {
                    lines.add(new SampleLine(at, ours, number(value.path(1).asText())));
                }
            }
        }
        return lines;
    }

    /**
     * Prometheus writes {@code NaN}, {@code +Inf} and {@code -Inf} too; none of them is a value.
     */
    private double number(String value) throws IOException {
        try {
            return value.endsWith("Inf") ? Double.NaN : Double.parseDouble(value);
        } catch (NumberFormatException e) {
            throw new IOException(
                    "%s gives '%s' as a value; check that it is a Prometheus server"
                            .formatted(server, value),
                    e);
        }
    }

    private JsonNode ask(String query) throws IOException, InterruptedException {
        String base = server.toString().replaceAll("/+$", "");
        HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create(base + query)).timeout(timeout).GET();
        bearerToken.ifPresent(token -> request.header("Authorization", "Bearer " + token));
        HttpResponse<byte[]> answer;
        try {
            answer = http.send(request.build(), info -> new LimitedBody(BODY_LIMIT));
        } catch (IOException e) {
            throw new IOException(
                    "%s does not answer (%s); check the address and that Prometheus runs there"
                            .formatted(server, e.getClass().getSimpleName()),
                    e);
        }
        try {
            JsonNode node = JSON.readTree(answer.body());
            if (answer.statusCode() != OK && !node.has("error")) {
                throw new IOException("%s: HTTP %d".formatted(server, answer.statusCode()));
            }
            return node;
        } catch (JsonProcessingException e) {
            throw new IOException(
                    "%s: HTTP %d and no JSON; check that it is a Prometheus server"
                            .formatted(server, answer.statusCode()),
                    e);
        }
    }
}

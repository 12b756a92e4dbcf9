package io.gpuledger.collectors.dcgm;

import io.gpuledger.collectors.live.LimitedBody;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * One exporter over HTTP. Whatever answers there, it takes no more than the time and the bytes it
 * is given: a page that drips or never ends is given up.
 */
public final class Exporter {
    private static final int OK = 200;

    private final HttpClient client;
    private final URI address;
    private final Duration timeout;
    private final int bodyLimit;
    private final Optional<String> bearerToken;

    /**
     * An exporter that is not asked yet.
     *
     * @param timeout for the whole answer, from the connection to its last byte
     * @param bodyLimit bytes of the longest answer that is taken
     */
    public Exporter(
            HttpClient client,
            URI address,
            Duration timeout,
            int bodyLimit,
            Optional<String> bearerToken) {
        this.client = client;
        this.address = address;
        this.timeout = timeout;
        this.bodyLimit = bodyLimit;
        this.bearerToken = bearerToken;
    }

    /** Where it is. */
    public URI address() {
        return address;
    }

    /** Asks; the text of the page, or a {@link ScrapeException} that says what is wrong. */
    public CompletableFuture<String> ask() {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(address)
                        .timeout(timeout)
                        .header("Accept", "text/plain;version=0.0.4")
                        .GET();
        bearerToken.ifPresent(token -> request.header("Authorization", "Bearer " + token));
        CompletableFuture<HttpResponse<byte[]>> answer =
                client.sendAsync(request.build(), info -> new LimitedBody(bodyLimit));
        // The client's own limit ends with the headers; this one cancels the exchange.
        return answer.copy()
                .orTimeout(timeout.toMillis(), TimeUnit.MILLISECONDS)
                .whenComplete((done, failed) -> answer.cancel(true))
                .handle(this::page);
    }

    private String page(@Nullable HttpResponse<byte[]> answer, @Nullable Throwable failed) {
        if (answer == null) {
            throw new CompletionException(explained(failed));
        }
        if (answer.statusCode() != OK) {
            throw new CompletionException(
                    new ScrapeException(
                            ScrapeException.Kind.STATUS,
                            "%s: HTTP %d; check the exporter's address"
                                    .formatted(address, answer.statusCode())));
        }
        String text = new String(answer.body(), StandardCharsets.UTF_8);
        if (text.stripLeading().startsWith("<")) {
            throw new CompletionException(
                    new ScrapeException(
                            ScrapeException.Kind.NOT_METRICS,
                            "%s: answers with a web page; check the path, /metrics for dcgm-exporter"
                                    .formatted(address)));
        }
        return text;
    }

    /** The JDK says nothing of a refused connection but its class. */
    private ScrapeException explained(@Nullable Throwable failed) {
        Throwable cause = failed instanceof CompletionException ? failed.getCause() : failed;
        if (cause instanceof TimeoutException
                || cause instanceof java.net.http.HttpTimeoutException) {
            return new ScrapeException(
                    ScrapeException.Kind.TIMEOUT,
                    "%s: no whole answer within %d ms; check the exporter and the way to it"
                            .formatted(address, timeout.toMillis()));
        }
        if (cause instanceof ConnectException) {
            Throwable inner = cause.getCause() == null ? null : cause.getCause().getCause();
            String why =
                    inner instanceof UnresolvedAddressException
                                    || cause.getCause() instanceof UnresolvedAddressException
                            ? "unknown host"
                            : "connection refused";
            return new ScrapeException(
                    ScrapeException.Kind.UNREACHABLE,
                    "%s: %s; check that the exporter runs there".formatted(address, why));
        }
        if (cause instanceof LimitedBody.TooLongException
                || (cause instanceof IOException
                        && cause.getCause() instanceof LimitedBody.TooLongException)) {
            return new ScrapeException(
                    ScrapeException.Kind.TOO_LONG,
                    "%s: answers with more than %d bytes; check that a dcgm-exporter runs there"
                            .formatted(address, bodyLimit));
        }
        return new ScrapeException(ScrapeException.Kind.BROKEN, "%s: %s".formatted(address, cause));
    }
}

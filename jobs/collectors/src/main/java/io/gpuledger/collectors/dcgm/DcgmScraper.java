package io.gpuledger.collectors.dcgm;

import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.schemas.HostScrapeRecord;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.List;

/** Reads one exporter over HTTP. */
public final class DcgmScraper {
    private static final int OK = 200;

    private final HttpClient client;
    private final URI exporter;
    private final DcgmFileReader.Options options;
    private final Duration timeout;
    private final Clock clock;

    public DcgmScraper(
            HttpClient client,
            URI exporter,
            DcgmFileReader.Options options,
            Duration timeout,
            Clock clock) {
        this.client = client;
        this.exporter = exporter;
        this.options = options;
        this.timeout = timeout;
        this.clock = clock;
    }

    /** All GPUs at the instant the answer came; lines without a host get the URL's. */
    public List<HostScrapeRecord> scrape(InputTally tally)
            throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(exporter).timeout(timeout).GET().build();
        HttpResponse<String> answer = send(request);
        if (answer.statusCode() != OK) {
            throw new IOException(
                    exporter + ": HTTP " + answer.statusCode() + "; check the exporter's address");
        }
        String host = exporter.getHost();
        return DcgmText.parseScrape(
                answer.body(),
                options.cluster(),
                options.scrapeIntervalMs(),
                clock.millis(),
                host == null ? "" : host,
                exporter.toString(),
                tally);
    }

    /** The JDK says nothing of a refused connection but its class. */
    private HttpResponse<String> send(HttpRequest request)
            throws IOException, InterruptedException {
        try {
            return client.send(request, HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
        } catch (HttpTimeoutException e) {
            throw new IOException(
                    "%s: no answer within %d s; check the exporter and the way to it"
                            .formatted(exporter, timeout.toSeconds()),
                    e);
        } catch (ConnectException e) {
            String why =
                    e.getCause() != null
                                    && e.getCause().getCause() instanceof UnresolvedAddressException
                            ? "unknown host"
                            : "connection refused";
            throw new IOException(
                    "%s: %s; check that the exporter runs there".formatted(exporter, why), e);
        } catch (IOException e) {
            throw new IOException("%s: %s".formatted(exporter, e), e);
        }
    }
}

package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.collectors.dcgm.DcgmFileReader;
import io.gpuledger.collectors.dcgm.DcgmScraper;
import io.gpuledger.collectors.dcgm.Exporter;
import io.gpuledger.collectors.file.InputTally;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DcgmScraperTest {
    @Test
    void an_exporter_that_is_not_there_is_named_with_what_is_wrong() throws IOException {
        int closed;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            closed = socket.getLocalPort();
        }
        String refused = "http://127.0.0.1:" + closed + "/metrics";
        assertThatThrownBy(() -> scrape(refused))
                .hasMessage(refused + ": connection refused; check that the exporter runs there");
        String unknown = "http://no-such-host.invalid:9400/metrics";
        assertThatThrownBy(() -> scrape(unknown))
                .hasMessage(unknown + ": unknown host; check that the exporter runs there");
    }

    @Test
    void an_exporter_that_says_nothing_is_named_with_how_long_it_was_waited_for()
            throws IOException {
        try (ServerSocket silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String exporter = "http://127.0.0.1:" + silent.getLocalPort() + "/metrics";
            assertThatThrownBy(() -> scrape(exporter))
                    .hasMessageStartingWith(exporter + ": no whole answer within 1000 ms");
        }
    }

    private static void scrape(String exporter) throws IOException, InterruptedException {
        new DcgmScraper(
                        new Exporter(
                                HttpClient.newHttpClient(),
                                URI.create(exporter),
                                Duration.ofSeconds(1),
                                1 << 20,
                                Optional.empty()),
                        new DcgmFileReader.Options("c", 30_000, null),
                        Clock.systemUTC())
                .scrape(new InputTally("c", exporter, new Collected()));
    }
}

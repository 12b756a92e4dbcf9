package io.gpuledger.collectors.dcgm;

import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.schemas.HostScrapeRecord;
import java.io.IOException;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** Reads one exporter. */
public final class DcgmScraper {
    private final Exporter exporter;
    private final DcgmFileReader.Options options;
    private final Clock clock;

    public DcgmScraper(Exporter exporter, DcgmFileReader.Options options, Clock clock) {
        this.exporter = exporter;
        this.options = options;
        this.clock = clock;
    }

    /** The page as it is answered, to be read by {@link #read}. */
    public CompletableFuture<String> ask() {
        return exporter.ask();
    }

    /**
     * All GPUs at the instant this is called; lines without a host get the address's.
     *
     * @throws ScrapeException when the page says nothing of any GPU
     */
    public List<HostScrapeRecord> read(String page, InputTally tally) throws ScrapeException {
        String host = exporter.address().getHost();
        List<HostScrapeRecord> scrapes =
                DcgmText.parseScrape(
                        page,
                        options.cluster(),
                        options.scrapeIntervalMs(),
                        clock.millis(),
                        host == null ? "" : host,
                        exporter.address().toString(),
                        tally);
        if (scrapes.isEmpty()) {
            throw new ScrapeException(
                    ScrapeException.Kind.NO_GPUS,
                    "%s: answers, but says nothing of a GPU; check that a dcgm-exporter runs there and sees the cards"
                            .formatted(exporter.address()));
        }
        return scrapes;
    }

    /** Asks and reads, on this thread. */
    public List<HostScrapeRecord> scrape(InputTally tally)
            throws IOException, InterruptedException {
        try {
            return read(ask().get(), tally);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof ScrapeException explained) {
                throw explained;
            }
            throw new IOException(exporter.address() + ": " + e.getCause(), e);
        }
    }
}

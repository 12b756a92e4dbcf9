package io.gpuledger.attribution;

import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.flink.records.RecordLimits;
import io.gpuledger.flink.records.RefusedRecordException;
import org.apache.flink.util.Collector;
import org.jspecify.annotations.Nullable;

/**
 * Decodes a scrape where the state of its host is. One that cannot be used becomes a dead letter,
 * an error that a GPU shows becomes a row.
 */
final class ScrapeReader {
    private final AttributionSettings settings;
    private final ScrapeDecoder decoder;
    private final XidWatch errors = new XidWatch();

    ScrapeReader(AttributionSettings settings) {
        this.settings = settings;
        decoder = new ScrapeDecoder(new RecordLimits(settings.isBackfill()));
    }

    /**
     * What an input says.
     *
     * @return null where it became a dead letter
     */
    @Nullable Scrape read(HostInput input, long nowMs, Collector<SinkRow> out) {
        Scrape scrape;
        try {
            scrape = decoder.decode(input.scrape);
        } catch (RefusedRecordException e) {
            out.collect(
                    DeadLetters.ofRecord(e.reason(), e.detail(), input.message(), nowMs, settings));
            return null;
        }
        for (XidWatch.Shown error : errors.of(scrape)) {
            out.collect(row(input, scrape, error));
        }
        return scrape;
    }

    private SinkRow row(HostInput input, Scrape scrape, XidWatch.Shown error) {
        ScrapeLayout layout = scrape.layout();
        return new SinkRow(
                SinkTable.GPU_ERRORS,
                RowBinary.gpuError(
                        layout.cluster,
                        layout.host,
                        layout.gpuIndex[error.element()],
                        layout.instance[error.element()],
                        layout.uuids[error.element()],
                        scrape.observedAtMs(),
                        error.xid(),
                        error.isNew(),
                        input.message(),
                        settings.inputDigest()));
    }
}

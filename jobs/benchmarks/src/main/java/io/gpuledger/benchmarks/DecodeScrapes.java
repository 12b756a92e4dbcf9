package io.gpuledger.benchmarks;

import io.gpuledger.attribution.Scrape;
import io.gpuledger.attribution.ScrapeDecoder;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.flink.records.RecordLimits;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;
import org.jspecify.annotations.Nullable;

/** Decodes scrapes and tells when each was made. */
final class DecodeScrapes extends ProcessFunction<WireMessage, Long> {
    private static final long serialVersionUID = 1L;

    private transient ScrapeDecoder decoder;

    /** Kept, so that no compiler finds out that nobody looks at what was decoded. */
    private transient @Nullable Scrape last;

    @Override
    public void open(OpenContext context) {
        decoder = new ScrapeDecoder(new RecordLimits(false));
    }

    @Override
    public void processElement(WireMessage message, Context context, Collector<Long> out)
            throws Exception {
        last = decoder.decode(message.value);
        out.collect(last.observedAtMs());
    }
}

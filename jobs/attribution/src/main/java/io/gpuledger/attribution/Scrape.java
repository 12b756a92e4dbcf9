package io.gpuledger.attribution;

import io.gpuledger.core.usage.SampleSeries;

/** A scrape of one host, decoded. */
public final class Scrape {
    private final ScrapeLayout layout;
    private final long observedAtMs;
    private final long coverMs;
    private final long[] values;
    private final long[] xids;
    private final boolean isComplete;

    Scrape(
            ScrapeLayout layout,
            long observedAtMs,
            long coverMs,
            long[] values,
            long[] xids,
            boolean isComplete) {
        this.layout = layout;
        this.observedAtMs = observedAtMs;
        this.coverMs = coverMs;
        this.values = values;
        this.xids = xids;
        this.isComplete = isComplete;
    }

    /** No field of its layout is blank anywhere. */
    boolean isComplete() {
        return isComplete;
    }

    ScrapeLayout layout() {
        return layout;
    }

    /** UTC epoch milliseconds. */
    public long observedAtMs() {
        return observedAtMs;
    }

    /** How far back its samples may speak at most. */
    long coverMs() {
        return coverMs;
    }

    /** {@link SampleSeries#FIELDS} numbers for each element of the layout; not to be changed. */
    long[] values() {
        return values;
    }

    /** XID error by element, 0 for none; empty where the exporter does not show any. */
    long[] xids() {
        return xids;
    }
}

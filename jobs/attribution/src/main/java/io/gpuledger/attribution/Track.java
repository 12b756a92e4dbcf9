package io.gpuledger.attribution;

import io.gpuledger.core.usage.SampleSeries;

/**
 * One series of a host in memory: what is known of it and its latest samples, those from {@link
 * HostMemory#recentFromMs} on and of each field the last value before.
 */
final class Track {
    final int id;
    final SeriesState series;
    SampleSeries recent = new SampleSeries();

    /** Samples that came after the chunk was packed in which they belong. */
    SampleSeries late = new SampleSeries(0);

    Track(int id, SeriesState series) {
        this.id = id;
        this.series = series;
    }

    /** Notes which fields a sample has; values of element {@code from / FIELDS} of a scrape. */
    void noteFields(long atMs, long[] values, int from) {
        for (int f = 0; f < SampleSeries.FIELDS; f++) {
            if (values[from + f] >= 0) {
                series.fieldFirstMs[f] = Math.min(series.fieldFirstMs[f], atMs);
                series.fieldLastMs[f] = Math.max(series.fieldLastMs[f], atMs);
            }
        }
    }
}

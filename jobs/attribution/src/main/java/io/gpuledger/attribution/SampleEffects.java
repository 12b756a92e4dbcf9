package io.gpuledger.attribution;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.ReadingRules;
import io.gpuledger.core.usage.SampleSeries;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Which time a sample changes: that since the values before it, and what the ones after it speak
 * for. A card's own values and those that its instances repeat are one sequence, so the other
 * series of the card are asked as well.
 */
final class SampleEffects {
    static final long NOT_KNOWN = Long.MIN_VALUE;

    private final ReadingRules rules;

    SampleEffects(ReadingRules rules) {
        this.rules = rules;
    }

    /**
     * Of element {@code i} of a scrape, before memory takes it.
     *
     * @param near samples around that instant, by series
     * @return spans with both ends included
     */
    List<Span> of(
            Scrape scrape, int i, Track track, List<Track> all, Map<Integer, SampleSeries> near) {
        List<Span> spans = new ArrayList<>();
        String card = scrape.layout().uuids[i];
        for (Track other : all) {
            if (other == track || other.series.isOfCard(track.series.gpuIndex, card)) {
                SampleSeries samples = near.getOrDefault(other.id, new SampleSeries(0));
                around(scrape, i * SampleSeries.FIELDS, samples, spans);
            }
        }
        return spans;
    }

    /** What it changes between the values of one series. */
    private void around(Scrape scrape, int from, SampleSeries near, List<Span> spans) {
        long at = scrape.observedAtMs();
        long[] values = scrape.values();
        int before = near.firstFrom(at) - 1;
        int after = near.firstFrom(at + 1);
        long first = at;
        for (int f = 0; f < SampleSeries.FIELDS; f++) {
            if (values[from + f] < 0) {
                continue;
            }
            int last = before;
            while (last >= 0 && !hasLike(near, last, f)) {
                last--;
            }
            if (last >= 0) {
                first = Math.min(first, reach(f, near.atMs(last), at, scrape.coverMs()));
            }
            int next = after;
            while (next < near.size() && !hasLike(near, next, f)) {
                next++;
            }
            if (next < near.size()) {
                long then = near.atMs(next);
                spans.add(new Span(Math.min(reach(f, at, then, near.coverMs(next)), then), then));
            }
        }
        spans.add(new Span(Math.min(first, at), at));
    }

    /** Utilisation stands in for the engine's activity: either may be the neighbour of either. */
    private static boolean hasLike(SampleSeries samples, int i, int field) {
        if (field == SampleSeries.ENGINE || field == SampleSeries.UTIL) {
            return samples.value(i, SampleSeries.ENGINE) >= 0
                    || samples.value(i, SampleSeries.UTIL) >= 0;
        }
        return samples.value(i, field) >= 0;
    }

    /** How far back a value speaks when {@code last} is the time of the one before it. */
    private long reach(int field, long last, long at, long coverMs) {
        if (field == SampleSeries.ENERGY) {
            return at - last > rules.energyGapMs() ? at - 1 : last;
        }
        return Math.max(last, at - coverMs);
    }

    /**
     * The earliest instant that a scrape may change which is later than all before it: without a
     * look at the samples, for it is asked of every scrape. Not later than {@link #of} says.
     *
     * @return {@link #NOT_KNOWN} when some field comes for the first time
     */
    long earliest(Scrape scrape, Track[] tracks) {
        long at = scrape.observedAtMs();
        long first = at;
        long[] values = scrape.values();
        for (int i = 0; i < tracks.length; i++) {
            long[] last = tracks[i].series.fieldLastMs;
            for (int f = 0; f < SampleSeries.FIELDS; f++) {
                if (values[i * SampleSeries.FIELDS + f] < 0) {
                    continue;
                }
                if (last[f] == Long.MIN_VALUE) {
                    return NOT_KNOWN;
                }
                first = Math.min(first, reach(f, last[f], at, scrape.coverMs()));
            }
        }
        return first;
    }
}

package io.gpuledger.attribution;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * When a GPU shows another XID error than before. DCGM shows the last one for as long as the driver
 * runs, so the first that is seen of a GPU may be old. Memory only.
 */
final class XidWatch {
    private static final int LAYOUTS = 16_384;

    /** The last scrape of each layout; layouts are the same object while they do not change. */
    private final Map<ScrapeLayout, Last> lasts = new RecentMap<>(LAYOUTS);

    @SuppressWarnings("ArrayRecordComponent") // compared by content, below
    private record Last(long atMs, long[] xids) {}

    /**
     * An error that was not shown before.
     *
     * @param element of the scrape
     * @param isNew false: nobody knows since when it is shown
     */
    record Shown(int element, long xid, boolean isNew) {}

    /** What a scrape shows that the one before it did not. */
    List<Shown> of(Scrape scrape) {
        long[] xids = scrape.xids();
        if (xids.length == 0) {
            return List.of();
        }
        Last last = lasts.get(scrape.layout());
        if (last != null
                && (last.atMs() >= scrape.observedAtMs() || Arrays.equals(last.xids(), xids))) {
            return List.of();
        }
        lasts.put(scrape.layout(), new Last(scrape.observedAtMs(), xids));
        List<Shown> shown = new ArrayList<>();
        for (int i = 0; i < xids.length; i++) {
            if (xids[i] != 0 && (last == null || last.xids()[i] != xids[i])) {
                shown.add(new Shown(i, xids[i], last != null));
            }
        }
        return shown;
    }
}

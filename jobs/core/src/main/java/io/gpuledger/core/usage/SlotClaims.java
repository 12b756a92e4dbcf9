package io.gpuledger.core.usage;

import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Claims on one slot, of days. A window is reached by few of them, and finding those must not
 * become dearer with what is known beside them.
 */
final class SlotClaims {
    static final SlotClaims NONE = new SlotClaims(List.of());

    private final List<Claim> all;

    /** Places in {@link #all} in the order of their starts. */
    private final int[] byStart;

    private final long[] startMs;

    /** The latest end of all that start no later. */
    private final long[] latestEndMs;

    /** In the order in which windows shall have them. */
    SlotClaims(List<Claim> claims) {
        all = List.copyOf(claims);
        byStart =
                IntStream.range(0, all.size())
                        .boxed()
                        .sorted(Comparator.comparingLong(i -> all.get(i).startMs()))
                        .mapToInt(Integer::intValue)
                        .toArray();
        startMs = new long[byStart.length];
        latestEndMs = new long[byStart.length];
        long latest = Long.MIN_VALUE;
        for (int i = 0; i < byStart.length; i++) {
            Claim claim = all.get(byStart[i]);
            startMs[i] = claim.startMs();
            latest = Math.max(latest, claim.endMs());
            latestEndMs[i] = latest;
        }
    }

    List<Claim> all() {
        return all;
    }

    /** Those that have some time of a window, in the order of all. */
    List<Claim> within(Span window) {
        int place = firstFrom(window.endMs()) - 1;
        if (place < 0 || latestEndMs[place] <= window.startMs()) {
            return List.of();
        }
        if (place == 0 || latestEndMs[place - 1] <= window.startMs()) {
            return List.of(all.get(byStart[place]));
        }
        List<Integer> places = new ArrayList<>();
        for (; place >= 0 && latestEndMs[place] > window.startMs(); place--) {
            if (all.get(byStart[place]).endMs() > window.startMs()) {
                places.add(byStart[place]);
            }
        }
        places.sort(null);
        return places.stream().map(all::get).toList();
    }

    /** How many start before an instant. */
    private int firstFrom(long instantMs) {
        int low = 0;
        int high = startMs.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (startMs[middle] < instantMs) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }
}

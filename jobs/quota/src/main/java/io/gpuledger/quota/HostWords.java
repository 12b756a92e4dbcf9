package io.gpuledger.quota;

import io.gpuledger.core.usage.HostInventory;
import io.gpuledger.core.usage.HostTimeline;
import io.gpuledger.flink.records.SnapshotConversion;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Broadcast state of one host: what was said of its cards, each time that it was something else.
 * Public and flat: it is state.
 */
public final class HostWords {
    /** Sorted; parallel to {@link #said}. */
    public long[] atMs = new long[0];

    /** HostSnapshotRecord in single-object encoding, without what does not concern charges. */
    public byte[][] said = new byte[0][];

    /** Takes in what was said; whether that changes anything. */
    boolean hear(long instantMs, byte[] snapshot) {
        int at = Arrays.binarySearch(atMs, instantMs);
        if (at >= 0) {
            // Of two snapshots of one instant the greater content wins.
            if (Arrays.compare(said[at], snapshot) >= 0) {
                return false;
            }
            said[at] = snapshot;
            return true;
        }
        int next = -at - 1;
        if (next > 0 && Arrays.equals(said[next - 1], snapshot)) {
            return false;
        }
        if (next < atMs.length && Arrays.equals(said[next], snapshot)) {
            atMs[next] = instantMs;
            return true;
        }
        long[] times = new long[atMs.length + 1];
        byte[][] words = new byte[atMs.length + 1][];
        System.arraycopy(atMs, 0, times, 0, next);
        System.arraycopy(said, 0, words, 0, next);
        times[next] = instantMs;
        words[next] = snapshot;
        System.arraycopy(atMs, next, times, next + 1, atMs.length - next);
        System.arraycopy(said, next, words, next + 1, atMs.length - next);
        atMs = times;
        said = words;
        return true;
    }

    HostTimeline timeline() {
        List<HostInventory> inventories = new ArrayList<>();
        for (int i = 0; i < atMs.length; i++) {
            inventories.add(
                    SnapshotConversion.inventory(
                            SnapshotConversion.hostSnapshot(said[i]), atMs[i], ""));
        }
        return HostTimeline.of(inventories, 0);
    }
}

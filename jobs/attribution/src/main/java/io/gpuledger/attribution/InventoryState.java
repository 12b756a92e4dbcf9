package io.gpuledger.attribution;

import java.util.Arrays;

/**
 * One thing that host snapshots said and every time they said it: repeated polls cost eight bytes.
 * Flat: it is state.
 */
public final class InventoryState {
    /** HostSnapshotRecord in single-object encoding, without time and origin. */
    public byte[] snapshot = new byte[0];

    public long[] atMs = new long[0];

    boolean add(long instantMs) {
        int at = Arrays.binarySearch(atMs, instantMs);
        if (at >= 0) {
            return false;
        }
        int insert = -at - 1;
        long[] more = new long[atMs.length + 1];
        System.arraycopy(atMs, 0, more, 0, insert);
        more[insert] = instantMs;
        System.arraycopy(atMs, insert, more, insert + 1, atMs.length - insert);
        atMs = more;
        return true;
    }

    /** The last time before an instant, {@link Long#MIN_VALUE} when it was not said before. */
    long lastBefore(long instantMs) {
        int at = firstFrom(instantMs);
        return at == 0 ? Long.MIN_VALUE : atMs[at - 1];
    }

    /** Forgets what is older; keeps the last time before when that still counts. */
    void dropBefore(long instantMs, boolean keepLast) {
        int at = firstFrom(instantMs);
        atMs = Arrays.copyOfRange(atMs, keepLast ? Math.max(0, at - 1) : at, atMs.length);
    }

    private int firstFrom(long instantMs) {
        int at = Arrays.binarySearch(atMs, instantMs);
        return at < 0 ? -at - 1 : at;
    }
}

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

    /** Forgets what is older, but for the last time before. */
    void dropBefore(long instantMs) {
        int at = Arrays.binarySearch(atMs, instantMs);
        int keep = Math.max(0, (at < 0 ? -at - 1 : at) - 1);
        atMs = Arrays.copyOfRange(atMs, keep, atMs.length);
    }
}

package io.gpuledger.attribution;

/** What was last written for a window or hour of a host. */
public final class WindowState {
    public long revision;

    /** Slots written, so that one that no longer has content gets an empty row. */
    public int[] gpuIndex = new int[0];

    public String[] unplacedRun = new String[0];

    /**
     * Digest of each row without its revision: equal content is not written again. Empty when what
     * was written is not known.
     */
    public long[] rowDigest = new long[0];
}

package io.gpuledger.attribution;

/** What was last written for a window or hour of a host. */
public final class WindowState {
    public long revision;

    /** Digest of the rows without their revision: equal content is not written again. */
    public String contentDigest = "";

    /** Slots written, so that one that no longer has content gets an empty row. */
    public int[] gpuIndex = new int[0];

    public String[] unplacedRun = new String[0];
}

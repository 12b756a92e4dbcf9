package io.gpuledger.attribution;

import org.apache.flink.api.common.typeinfo.TypeInfo;

/** What was last written for a window or hour of a host. Its arrays are replaced, never changed. */
public final class WindowState {
    public long revision;

    /** Slots written, so that one that no longer has content gets an empty row. */
    @TypeInfo(SharedArray.Factory.class)
    public int[] gpuIndex = new int[0];

    @TypeInfo(SharedArray.Factory.class)
    public String[] unplacedRun = new String[0];

    /**
     * Digest of each row without its revision: equal content is not written again. Empty when what
     * was written is not known.
     */
    @TypeInfo(SharedArray.Factory.class)
    public long[] rowDigest = new long[0];
}

package io.gpuledger.attribution;

/** Host-wide facts from host snapshots. */
public final class HostState {
    public String cluster = "";
    public String host = "";

    /** -1 until a host snapshot tells. */
    public int inventoryGpus = -1;

    public int inventoryShards;
    public long inventoryAtMs = Long.MIN_VALUE;
    public long firstInventoryMs = Long.MAX_VALUE;

    /** Earliest and latest evidence of any slot or run, to know which windows exist. */
    public long firstMs = Long.MAX_VALUE;

    public long lastMs = Long.MIN_VALUE;
}

package io.gpuledger.attribution;

/**
 * What samples and inventory said of a slot; runs are looked up when needed, because they may be
 * restated.
 */
public final class SlotState {
    public long firstEvidenceMs = Long.MAX_VALUE;
    public long lastEvidenceMs = Long.MIN_VALUE;
    public String uuid = "";
    public String model = "";
    public long uuidSeenMs = Long.MIN_VALUE;
    public SampleBlock samples = new SampleBlock();
}

package io.gpuledger.quota;

/** A job snapshot on its way to its job; also its state. Flat, so that it evolves. */
public final class JobFact {
    public String cluster = "";
    public long rawJobId;

    /** Digest of what was said, apart from when: equal snapshots fold into one. */
    public String contentKey = "";

    public long firstObservedMs;
    public long lastObservedMs;

    /** The latest instant this concerns: an end that is long past, else when it was observed. */
    public long latestMs;

    /** When Kafka got it, -1 when it does not say. */
    public long arrivedAtMs = -1;

    /** JobSnapshotRecord in single-object encoding. */
    public byte[] snapshot = new byte[0];

    public String key() {
        return cluster + "/" + rawJobId;
    }
}

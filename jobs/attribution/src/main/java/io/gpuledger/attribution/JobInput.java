package io.gpuledger.attribution;

/** A job snapshot on its way to the run assembler; also its state. Flat, so that it evolves. */
public final class JobInput {
    public String cluster = "";
    public long rawJobId;

    /** Digest of what was said, apart from when: equal snapshots fold into one. */
    public String contentKey = "";

    public long firstObservedMs;
    public long lastObservedMs;

    /** The latest instant this concerns: an end that is long past, else when it was observed. */
    public long latestMs;

    /** JobSnapshotRecord in single-object encoding. */
    public byte[] snapshot = new byte[0];

    public String key() {
        return cluster + "/" + rawJobId;
    }

    /** The same content, observed at another time. */
    JobInput at(long observedMs, long latest) {
        JobInput other = new JobInput();
        other.cluster = cluster;
        other.rawJobId = rawJobId;
        other.firstObservedMs = observedMs;
        other.lastObservedMs = observedMs;
        other.latestMs = latest;
        other.snapshot = snapshot;
        other.contentKey = contentKey;
        return other;
    }
}

package io.gpuledger.attribution;

/** The scheduler's view of a cluster was known at, or up to, an instant. */
public final class HeartbeatInput {
    public String cluster = "";
    public long observedAtMs;

    /** Before this instant nothing is said, -1 for a poll: only the instant. */
    public long coveredFromMs = -1;

    public boolean completePoll;
}

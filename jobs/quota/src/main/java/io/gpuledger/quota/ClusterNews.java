package io.gpuledger.quota;

/** What all subtasks must hear. One flat type, because there is one broadcast input. */
public final class ClusterNews {
    public static final int HEARD = 1;
    public static final int HOST = 2;
    public static final int REGISTRY = 3;

    public int kind;
    public String cluster = "";
    public String host = "";
    public long observedAtMs;

    /** HEARD: every live job is in snapshots of this instant. */
    public boolean completePoll;

    /** HOST: HostSnapshotRecord without what does not concern charges. */
    public byte[] snapshot = new byte[0];

    /** REGISTRY: counts up; the highest is in force. */
    public long version;

    /** REGISTRY: canonical text. */
    public String text = "";
}

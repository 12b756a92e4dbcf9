package io.gpuledger.flink;

/** One record in single-object encoding and where it came from. A Flink POJO: public and flat. */
public final class WireMessage {
    public static final long NO_TIMESTAMP = Long.MAX_VALUE;

    public byte[] value = new byte[0];

    /** Topic or file. */
    public String source = "";

    public int partition = -1;

    /** Kafka offset or ordinal in the file. */
    public long position = -1;

    /** When Kafka took it, {@link #NO_TIMESTAMP} outside Kafka. */
    public long timestampMs = NO_TIMESTAMP;

    public WireMessage() {}

    public WireMessage(byte[] value, String source, int partition, long position) {
        this.value = value;
        this.source = source;
        this.partition = partition;
        this.position = position;
    }
}

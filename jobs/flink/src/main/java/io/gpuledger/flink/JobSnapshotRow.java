package io.gpuledger.flink;

import org.jspecify.annotations.Nullable;

/**
 * A row of {@code job_snapshots}: what a source said of a job at an instant.
 *
 * @param contentKey equal for snapshots that say the same
 * @param readFrom where the record was read; empty for one that only says again what is there
 * @param partition and {@code position}: Kafka's partition and offset, -1 elsewhere
 * @param record in single-object encoding
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record JobSnapshotRow(
        String cluster,
        long rawJobId,
        long observedAtMs,
        String contentKey,
        String source,
        String state,
        @Nullable Long startMs,
        @Nullable Long endMs,
        String readFrom,
        int partition,
        long position,
        long inputDigest,
        byte[] record) {

    /** For the sink. */
    public SinkRow toSinkRow() {
        RowBinary b = new RowBinary();
        b.string(cluster);
        b.number(rawJobId, 8);
        b.number(observedAtMs, 8);
        b.string(contentKey);
        b.string(source);
        b.string(state);
        b.nullable(startMs);
        b.nullable(endMs);
        b.string(readFrom);
        b.number(partition, 4);
        b.number(position, 8);
        b.number(inputDigest, 8);
        b.octets(record);
        return new SinkRow(SinkTable.JOB_SNAPSHOTS, b.row());
    }
}

package io.gpuledger.attribution;

import io.gpuledger.core.time.Span;
import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.schemas.DeadLetterRecord;
import java.time.Instant;
import java.util.HexFormat;

/** What could not be used, as rows of the table {@code dead_letters}. */
final class DeadLetters {
    private static final int PAYLOAD_BYTES = 2048;
    private static final int DETAIL_LENGTH = 500;

    private DeadLetters() {}

    /** A record of a topic or file, with its place there. */
    static SinkRow ofRecord(
            String reason,
            String detail,
            WireMessage message,
            long recordedAtMs,
            AttributionSettings settings) {
        return row(
                DeadLetterRecord.newBuilder()
                        .setRecordedAtMs(recordedAtMs)
                        .setReason(reason)
                        .setDetail(detail.substring(0, Math.min(DETAIL_LENGTH, detail.length())))
                        .setSource(message.source)
                        .setPartition(message.partition)
                        .setPosition(message.position)
                        .setPayload(
                                HexFormat.of()
                                        .formatHex(
                                                message.value,
                                                0,
                                                Math.min(PAYLOAD_BYTES, message.value.length)))
                        .build(),
                settings);
    }

    /** A record that came to its host after the hour it concerns was closed there. */
    static SinkRow late(
            HostInput input, long changeableMs, long recordedAtMs, AttributionSettings settings) {
        return row(
                DeadLetterRecord.newBuilder()
                        .setCluster(input.cluster)
                        .setRecordedAtMs(recordedAtMs)
                        .setReason("BEYOND_HORIZON")
                        .setDetail(
                                "host '%s' at %s, hours before %s are closed; backfill them"
                                        .formatted(
                                                input.host,
                                                Instant.ofEpochMilli(input.observedAtMs),
                                                Instant.ofEpochMilli(changeableMs)))
                        .setSource(input.source)
                        .setPartition(input.partition)
                        .setPosition(input.position)
                        .build(),
                settings);
    }

    /** A window of a host whose rows cannot be made. */
    static SinkRow unbalanced(
            String cluster, String detail, long recordedAtMs, AttributionSettings settings) {
        return row(
                DeadLetterRecord.newBuilder()
                        .setCluster(cluster)
                        .setRecordedAtMs(recordedAtMs)
                        .setReason("BALANCE")
                        .setDetail(detail)
                        .setSource("attribution")
                        .build(),
                settings);
    }

    /** Windows of a host that later knowledge would change, were they not closed. */
    static SinkRow beyondHorizon(
            String cluster,
            String host,
            Span late,
            long recordedAtMs,
            AttributionSettings settings) {
        return row(
                DeadLetterRecord.newBuilder()
                        .setCluster(cluster)
                        .setRecordedAtMs(recordedAtMs)
                        .setReason("BEYOND_HORIZON")
                        .setDetail(
                                "usage of host '%s' from %s to %s would change; backfill these hours"
                                        .formatted(
                                                host,
                                                Instant.ofEpochMilli(late.startMs()),
                                                Instant.ofEpochMilli(late.endMs())))
                        .setSource("attribution")
                        .build(),
                settings);
    }

    private static SinkRow row(DeadLetterRecord letter, AttributionSettings settings) {
        return new SinkRow(
                SinkTable.DEAD_LETTERS, RowBinary.deadLetter(letter, settings.inputDigest()));
    }
}

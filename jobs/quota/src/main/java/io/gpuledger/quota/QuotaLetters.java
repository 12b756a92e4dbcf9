package io.gpuledger.quota;

import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.schemas.DeadLetterRecord;
import java.util.HexFormat;

/** What the quota job could not use, as rows of the table {@code dead_letters}. */
final class QuotaLetters {
    private static final int PAYLOAD_BYTES = 2048;
    private static final int DETAIL_LENGTH = 500;

    private QuotaLetters() {}

    /** A record of a topic, with its place there. */
    static SinkRow ofRecord(String reason, String detail, WireMessage message, long recordedAtMs) {
        return row(
                DeadLetterRecord.newBuilder()
                        .setRecordedAtMs(recordedAtMs)
                        .setReason(reason)
                        .setDetail("quota: " + cut(detail))
                        .setSource(message.source)
                        .setPartition(message.partition)
                        .setPosition(message.position)
                        .setPayload(
                                HexFormat.of()
                                        .formatHex(
                                                message.value,
                                                0,
                                                Math.min(PAYLOAD_BYTES, message.value.length)))
                        .build());
    }

    /** Something of a job that its grant's balance cannot take in. */
    static SinkRow ofJob(
            String reason, String detail, String cluster, long rawJobId, long recordedAtMs) {
        return row(
                DeadLetterRecord.newBuilder()
                        .setCluster(cluster)
                        .setRecordedAtMs(recordedAtMs)
                        .setReason(reason)
                        .setDetail("quota: job " + rawJobId + ": " + cut(detail))
                        .setSource("quota")
                        .build());
    }

    private static String cut(String detail) {
        return detail.substring(0, Math.min(DETAIL_LENGTH, detail.length()));
    }

    private static SinkRow row(DeadLetterRecord letter) {
        return new SinkRow(SinkTable.DEAD_LETTERS, RowBinary.deadLetter(letter, 0));
    }
}

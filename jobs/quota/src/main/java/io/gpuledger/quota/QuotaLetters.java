package io.gpuledger.quota;

import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.schemas.DeadLetterRecord;

/** What a balance could not take in, as rows of the table {@code dead_letters}. */
final class QuotaLetters {
    private static final int DETAIL_LENGTH = 500;

    private QuotaLetters() {}

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

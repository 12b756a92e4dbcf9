package io.gpuledger.quota;

/** A decision on its way to Kafka. A Flink POJO. */
public final class DecisionMessage {
    public String grantId = "";

    /** QuotaDecisionRecord in single-object encoding. */
    public byte[] value = new byte[0];
}

package io.gpuledger.benchmarks;

import java.util.Locale;

/** What is measured on the same records. */
public enum Variant {
    SOURCE("KafkaSource, records discarded undecoded"),
    DECODE("KafkaSource, the job's own decoding, discarded"),
    ATTRIBUTION_HEAP("the attribution job on heap state, into ClickHouse"),
    ATTRIBUTION_ROCKSDB("the attribution job on RocksDB, into ClickHouse"),
    CLICKHOUSE(
            "a ClickHouse Kafka table, a view that sums up minutes, a join with the allocations");

    private final String description;

    Variant(String description) {
        this.description = description;
    }

    public String description() {
        return description;
    }

    /** As in options and reports. */
    public String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    @Override
    public String toString() {
        return label();
    }

    /** Whether it writes the ledger. */
    boolean writes() {
        return this == ATTRIBUTION_HEAP || this == ATTRIBUTION_ROCKSDB;
    }
}

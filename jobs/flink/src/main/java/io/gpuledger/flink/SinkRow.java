package io.gpuledger.flink;

/** One row of one ClickHouse table, already in RowBinary. A Flink POJO. */
public final class SinkRow {
    /** Name of a {@link SinkTable}. */
    public String table = "";

    public byte[] row = new byte[0];

    public SinkRow() {}

    public SinkRow(SinkTable table, byte[] row) {
        this.table = table.name();
        this.row = row;
    }
}

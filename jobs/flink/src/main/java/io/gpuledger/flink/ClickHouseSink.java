package io.gpuledger.flink;

import com.clickhouse.client.api.ClickHouseException;
import com.clickhouse.client.api.Client;
import com.clickhouse.client.api.ServerException;
import com.clickhouse.client.api.insert.InsertSettings;
import com.clickhouse.data.ClickHouseFormat;
import io.gpuledger.schemas.DeadLetterRecord;
import java.io.IOException;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.metrics.Counter;

/**
 * Writes rows at least once into tables where a repeated row replaces itself. Everything taken
 * before a checkpoint is in ClickHouse when the checkpoint completes; a refused batch fails the
 * job, because a dropped one would be a wrong bill. Only a row that breaks the closed balance is
 * set aside, as a dead letter {@code BALANCE}.
 */
public final class ClickHouseSink implements Sink<SinkRow> {
    private static final long serialVersionUID = 1L;
    private static final int FLUSH_BYTES = 16 << 20;

    /** ClickHouse's number for a row that a CONSTRAINT refuses. */
    private static final int VIOLATED_CONSTRAINT = 469;

    private final String url;
    private final String user;
    private final String password;
    private final String database;

    public ClickHouseSink(String url, String user, String password, String database) {
        this.url = url;
        this.user = user;
        this.password = password;
        this.database = database;
    }

    @Override
    public SinkWriter<SinkRow> createWriter(WriterInitContext context) {
        Client client =
                new Client.Builder()
                        .addEndpoint(url)
                        .setUsername(user)
                        .setPassword(password)
                        .setDefaultDatabase(database)
                        .compressClientRequest(false)
                        .compressServerResponse(false)
                        .build();
        return new Writer(url, client, context.metricGroup().counter("rowsOutOfBalance"));
    }

    private static final class Writer implements SinkWriter<SinkRow> {
        private final String url;
        private final Client client;
        private final Counter outOfBalance;
        private final Map<SinkTable, RowBatch> pending = new EnumMap<>(SinkTable.class);

        Writer(String url, Client client, Counter outOfBalance) {
            this.url = url;
            this.client = client;
            this.outOfBalance = outOfBalance;
            for (SinkTable table : SinkTable.values()) {
                pending.put(table, new RowBatch());
            }
        }

        private RowBatch batch(SinkTable table) {
            return Objects.requireNonNull(pending.get(table), "every table has one");
        }

        @Override
        public void write(SinkRow row, Context context) throws IOException, InterruptedException {
            SinkTable table = SinkTable.valueOf(row.table);
            RowBatch rows = batch(table);
            rows.add(row.row);
            if (rows.size() >= FLUSH_BYTES) {
                insert(table, rows);
            }
        }

        /** Dead letters come last in the enumeration: those found on the way are in. */
        @Override
        public void flush(boolean endOfInput) throws IOException, InterruptedException {
            for (SinkTable table : SinkTable.values()) {
                insert(table, batch(table));
            }
        }

        private void insert(SinkTable table, RowBatch rows)
                throws IOException, InterruptedException {
            insert(table, rows, 0, rows.rows());
            rows.clear();
        }

        /**
         * A row that breaks the closed balance must not hold up the others, and must not vanish:
         * halving finds it.
         */
        private void insert(SinkTable table, RowBatch rows, int from, int to)
                throws IOException, InterruptedException {
            if (from == to) {
                return;
            }
            try {
                client.insert(
                                table.tableName(),
                                table.columns(),
                                rows.part(from, to),
                                ClickHouseFormat.RowBinary,
                                new InsertSettings()
                                        // Replacing rows is the merge's work: 13 us a row here.
                                        .serverSetting("optimize_on_insert", "0"))
                        .get()
                        .close();
            } catch (ExecutionException | ClickHouseException e) {
                if (!breaksConstraint(e)) {
                    throw unreachable(table, e);
                }
                if (to - from == 1) {
                    outOfBalance.inc();
                    batch(SinkTable.DEAD_LETTERS).add(unbalanced(table, rows.row(from)));
                } else {
                    int middle = (from + to) >>> 1;
                    insert(table, rows, from, middle);
                    insert(table, rows, middle, to);
                }
            }
        }

        private IOException unreachable(SinkTable table, Exception e) {
            return new SinkUnreachableException(
                    "ClickHouse at %s did not take rows for table %s (%s); see its log, and run this again"
                            .formatted(url, table.tableName(), e.getMessage()),
                    e);
        }

        private static boolean breaksConstraint(Throwable thrown) {
            for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
                if (cause instanceof ServerException server
                        && server.getCode() == VIOLATED_CONSTRAINT) {
                    return true;
                }
            }
            return false;
        }

        private static byte[] unbalanced(SinkTable table, byte[] row) {
            UsageRowKey key = UsageRowKey.of(row);
            return RowBinary.deadLetter(
                    DeadLetterRecord.newBuilder()
                            .setCluster(key.cluster())
                            .setRecordedAtMs(System.currentTimeMillis())
                            .setReason("BALANCE")
                            .setDetail(
                                    "row of %s (%s): its buckets do not sum to the %d ms that the slot existed; this is a fault of the program, report it"
                                            .formatted(
                                                    table.tableName(),
                                                    key.describe(),
                                                    key.existsMs()))
                            .setSource("attribution")
                            .setPayload(HexFormat.of().formatHex(row))
                            .build(),
                    key.inputDigest());
        }

        @Override
        public void close() {
            client.close();
        }
    }
}

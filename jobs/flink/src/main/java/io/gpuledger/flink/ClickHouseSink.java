package io.gpuledger.flink;

import com.clickhouse.client.api.Client;
import com.clickhouse.client.api.insert.InsertSettings;
import com.clickhouse.data.ClickHouseFormat;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/**
 * Writes rows at least once into tables where a repeated row replaces itself. Everything taken
 * before a checkpoint is in ClickHouse when the checkpoint completes; a refused batch fails the
 * job, because a dropped one would be a wrong bill.
 */
public final class ClickHouseSink implements Sink<SinkRow> {
    private static final long serialVersionUID = 1L;
    private static final int FLUSH_BYTES = 16 << 20;

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
        return new Writer(url, client);
    }

    private static final class Writer implements SinkWriter<SinkRow> {
        private final String url;
        private final Client client;
        private final Map<SinkTable, ByteArrayOutputStream> pending =
                new EnumMap<>(SinkTable.class);

        Writer(String url, Client client) {
            this.url = url;
            this.client = client;
        }

        @Override
        public void write(SinkRow row, Context context) throws IOException, InterruptedException {
            SinkTable table = SinkTable.valueOf(row.table);
            ByteArrayOutputStream rows =
                    pending.computeIfAbsent(table, t -> new ByteArrayOutputStream(1 << 20));
            rows.write(row.row, 0, row.row.length);
            if (rows.size() >= FLUSH_BYTES) {
                insert(table, rows);
            }
        }

        @Override
        public void flush(boolean endOfInput) throws IOException, InterruptedException {
            for (Map.Entry<SinkTable, ByteArrayOutputStream> entry : pending.entrySet()) {
                insert(entry.getKey(), entry.getValue());
            }
        }

        private void insert(SinkTable table, ByteArrayOutputStream rows)
                throws IOException, InterruptedException {
            if (rows.size() == 0) {
                return;
            }
            try {
                client.insert(
                                table.tableName(),
                                table.columns(),
                                new ByteArrayInputStream(rows.toByteArray()),
                                ClickHouseFormat.RowBinary,
                                new InsertSettings())
                        .get()
                        .close();
            } catch (ExecutionException e) {
                throw new SinkUnreachableException(
                        "ClickHouse at %s did not take %d bytes for table %s (%s); see its log, and run this again"
                                .formatted(url, rows.size(), table.tableName(), e.getCause()),
                        e);
            }
            rows.reset();
        }

        @Override
        public void close() {
            client.close();
        }
    }
}

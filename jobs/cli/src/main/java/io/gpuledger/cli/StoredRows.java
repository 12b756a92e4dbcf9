package io.gpuledger.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/** Current rows of a usage table, to be read, and to be followed by others of the same keys. */
final class StoredRows {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int KEY_COLUMNS = 10;

    private final Warehouse warehouse;
    private final SinkTable table;

    /**
     * A row and the version of it.
     *
     * @param inputDigest unsigned, of the backfill that wrote it; 0 for the live job
     */
    record Stored(UsageRow row, BigInteger inputDigest, BigInteger revision) {
        /**
         * Another content in the place of this one, next in order. It claims to know no more than
         * this: a version that somebody else makes meanwhile, of what it learned, has a revision
         * out of the clock and stands.
         */
        Stored followedBy(UsageRow content) {
            return new Stored(content, inputDigest, revision.add(BigInteger.ONE));
        }
    }

    StoredRows(Warehouse warehouse, SinkTable table) {
        this.warehouse = warehouse;
        this.table = table;
    }

    /** Rows of hosts with content, in the order of their windows. */
    List<Stored> read(String cluster, List<String> hosts, Span windows) {
        String columns =
                table.columns().stream()
                        .map(c -> c.startsWith("holders.") ? "toJSONString(" + c + ")" : c)
                        .collect(Collectors.joining(", "))
                        .replace("window_start", "toUnixTimestamp(window_start)");
        List<Stored> rows = new ArrayList<>();
        for (List<String> cells :
                warehouse.query(
                        """
                        SELECT %s FROM {table:Identifier} FINAL
                        WHERE cluster = {cluster:String} AND host IN {hosts:Array(String)} AND notEmpty(holders.gpu_ms)
                          AND window_start >= toDateTime({from:Int64}, 'UTC')
                          AND window_start < toDateTime({to:Int64}, 'UTC')
                        ORDER BY window_start, host, gpu_index, unplaced_run
                        """
                                .formatted(columns),
                        Map.of(
                                "table", table.tableName(),
                                "cluster", cluster,
                                "hosts", Warehouse.array(hosts),
                                "from", Long.toString(windows.startMs() / 1000),
                                "to", Long.toString(windows.endMs() / 1000)))) {
            rows.add(stored(cells));
        }
        return rows;
    }

    private static Stored stored(List<String> cells) {
        List<JsonNode> columns = new ArrayList<>();
        for (String cell : cells.subList(KEY_COLUMNS, cells.size())) {
            columns.add(tree(cell));
        }
        List<UsageRow.Holder> holders = new ArrayList<>();
        for (int i = 0; i < columns.get(0).size(); i++) {
            holders.add(holder(columns, i));
        }
        return new Stored(
                new UsageRow(
                        cells.get(0),
                        cells.get(1),
                        Integer.parseInt(cells.get(2)),
                        cells.get(3),
                        Long.parseLong(cells.get(4)) * 1000,
                        Long.parseLong(cells.get(5)),
                        cells.get(6),
                        cells.get(7),
                        holders),
                new BigInteger(cells.get(8)),
                new BigInteger(cells.get(9)));
    }

    private static UsageRow.Holder holder(List<JsonNode> columns, int at) {
        return new UsageRow.Holder(
                Bucket.valueOf(columns.get(0).get(at).asText()),
                columns.get(1).get(at).asText(),
                columns.get(2).get(at).asText(),
                columns.get(3).get(at).asText(),
                columns.get(4).get(at).asText(),
                columns.get(5).get(at).asText(),
                columns.get(6).get(at).asText(),
                columns.get(7).get(at).asText(),
                columns.get(8).get(at).asInt(),
                columns.get(9).get(at).asLong(),
                columns.get(10).get(at).asLong(),
                columns.get(11).get(at).asLong(),
                columns.get(12).get(at).asLong(),
                columns.get(13).get(at).asLong(),
                columns.get(14).get(at).asLong(),
                columns.get(15).get(at).asLong(),
                columns.get(16).get(at).asLong(),
                columns.get(17).get(at).asLong(),
                columns.get(18).get(at).asLong(),
                columns.get(19).get(at).asInt());
    }

    private static JsonNode tree(String cell) {
        try {
            return JSON.readTree(cell);
        } catch (IOException e) {
            throw new UncheckedIOException("ClickHouse gave a column that is no JSON: " + cell, e);
        }
    }

    /** All of them at once, or none: rows of one month are one block. */
    void write(List<Stored> rows) {
        if (rows.isEmpty()) {
            return;
        }
        StringBuilder text =
                new StringBuilder("INSERT INTO ")
                        .append(table.tableName())
                        .append(" (")
                        .append(String.join(", ", table.columns()))
                        .append(") FORMAT JSONCompactEachRow\n");
        rows.forEach(row -> text.append(line(row)).append('\n'));
        warehouse.execute(text.toString(), Map.of());
    }

    private static ArrayNode line(Stored stored) {
        UsageRow row = stored.row();
        ArrayNode line =
                JSON.createArrayNode()
                        .add(row.cluster())
                        .add(row.host())
                        .add(row.gpuIndex())
                        .add(row.unplacedRun())
                        .add(row.windowStartMs() / 1000)
                        .add(row.existsMs())
                        .add(row.gpuUuid())
                        .add(row.gpuModel())
                        .add(stored.inputDigest())
                        .add(stored.revision());
        List<UsageRow.Holder> holders = row.holders();
        texts(line, holders, h -> h.bucket().name());
        texts(line, holders, UsageRow.Holder::runId);
        texts(line, holders, UsageRow.Holder::jobId);
        texts(line, holders, UsageRow.Holder::account);
        texts(line, holders, UsageRow.Holder::user);
        texts(line, holders, UsageRow.Holder::partition);
        texts(line, holders, UsageRow.Holder::qos);
        texts(line, holders, UsageRow.Holder::grantId);
        numbers(line, holders, UsageRow.Holder::instance);
        numbers(line, holders, UsageRow.Holder::gpuMs);
        numbers(line, holders, UsageRow.Holder::chargedGpuUs);
        numbers(line, holders, UsageRow.Holder::coveredMs);
        numbers(line, holders, UsageRow.Holder::activeGpuUs);
        numbers(line, holders, UsageRow.Holder::smActiveGpuUs);
        numbers(line, holders, UsageRow.Holder::tensorActiveGpuUs);
        numbers(line, holders, UsageRow.Holder::dramActiveGpuUs);
        numbers(line, holders, UsageRow.Holder::memoryMibMs);
        numbers(line, holders, UsageRow.Holder::energyMj);
        numbers(line, holders, UsageRow.Holder::heldIdleMs);
        numbers(line, holders, UsageRow.Holder::flags);
        return line;
    }

    private static void texts(
            ArrayNode line, List<UsageRow.Holder> holders, Function<UsageRow.Holder, String> of) {
        ArrayNode column = line.addArray();
        holders.forEach(h -> column.add(of.apply(h)));
    }

    private static void numbers(
            ArrayNode line, List<UsageRow.Holder> holders, ToLongFunction<UsageRow.Holder> of) {
        ArrayNode column = line.addArray();
        holders.forEach(h -> column.add(of.applyAsLong(h)));
    }
}

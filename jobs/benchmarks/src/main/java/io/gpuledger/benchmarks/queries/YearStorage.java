package io.gpuledger.benchmarks.queries;

import io.gpuledger.sql.Warehouse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the year takes on disk.
 *
 * @param columns of the usage tables, the largest first
 */
public record YearStorage(List<Table> tables, List<Column> columns) {
    public YearStorage {
        tables = List.copyOf(tables);
        columns = List.copyOf(columns);
    }

    /**
     * A table.
     *
     * @param diskBytes indexes and all
     */
    public record Table(String name, long rows, long parts, long diskBytes, long rawBytes) {
        double bytesPerRow() {
            return (double) diskBytes / rows;
        }
    }

    /** A column of a table. */
    public record Column(String table, String name, long compressedBytes, long rawBytes) {}

    static YearStorage of(Warehouse warehouse) {
        List<Table> tables = new ArrayList<>();
        Map<String, String> database = Map.of("database", warehouse.database());
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT table, sum(rows), count(), sum(bytes_on_disk), sum(data_uncompressed_bytes)
                        FROM system.parts
                        WHERE database = {database:String} AND active AND table NOT IN ('bench_year', 'schema_migrations')
                        GROUP BY table ORDER BY sum(bytes_on_disk) DESC, table
                        """,
                        database)) {
            tables.add(
                    new Table(
                            row.get(0),
                            number(row, 1),
                            number(row, 2),
                            number(row, 3),
                            number(row, 4)));
        }
        List<Column> columns = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT table, column, sum(column_data_compressed_bytes), sum(column_data_uncompressed_bytes)
                        FROM system.parts_columns
                        WHERE database = {database:String} AND active AND table IN ('usage_minute', 'usage_hour')
                        GROUP BY table, column
                        ORDER BY table DESC, sum(column_data_compressed_bytes) DESC, column
                        """,
                        database)) {
            columns.add(new Column(row.get(0), row.get(1), number(row, 2), number(row, 3)));
        }
        return new YearStorage(tables, columns);
    }

    /** Empty when the table has no rows. */
    Optional<Table> table(String name) {
        return tables.stream().filter(t -> t.name().equals(name)).findFirst();
    }

    private static long number(List<String> row, int column) {
        return Long.parseLong(row.get(column));
    }
}

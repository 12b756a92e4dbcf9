package io.gpuledger.benchmarks.queries;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;

/**
 * What a year of a cluster costs to ask and to keep.
 *
 * @param loadAverage of the machine before the first question: above 0 something else ran too
 */
public record QueryReport(
        YearPlan plan,
        double loadAverage,
        int repeat,
        List<QueryBenchmark.Measured> queries,
        YearStorage storage) {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Integer> TARGET_BYTES =
            Map.of("usage_minute", 50, "usage_hour", 60);

    /** Columns of each table that are printed for people. */
    private static final int COLUMNS_SHOWN = 12;

    public QueryReport {
        queries = List.copyOf(queries);
    }

    /** For people. */
    public String text() {
        StringBuilder out = new StringBuilder();
        out.append(
                "%,d GPUs over %d days, the last %d of them with minutes; %d grants, seed %d%n"
                        .formatted(
                                plan.gpus(),
                                plan.days(),
                                plan.minuteDays(),
                                plan.grants(),
                                plan.seed()));
        out.append(
                "%d cores, load %.1f before; each question asked %d times, files in memory; from the call to the parsed answer%n%n"
                        .formatted(
                                Runtime.getRuntime().availableProcessors(), loadAverage, repeat));
        out.append(
                "%-40s %8s %8s %8s %8s %7s %12s %9s %9s%n"
                        .formatted(
                                "question",
                                "median",
                                "p95",
                                "target",
                                "CPU",
                                "rows",
                                "rows read",
                                "MB read",
                                "memory"));
        for (QueryBenchmark.Measured query : queries) {
            out.append(
                    "%-40s %5.0f ms %5.0f ms %8s %5.0f ms %7d %,12d %9.1f %6.0f MB%n"
                            .formatted(
                                    query.name(),
                                    QueryBenchmark.median(query.ms()),
                                    QueryBenchmark.quantile(query.ms(), 0.95),
                                    query.targetMs() == 0 ? "" : query.targetMs() + " ms",
                                    query.cpuMs(),
                                    query.rows(),
                                    query.readRows(),
                                    query.readBytes() / 1e6,
                                    query.memoryBytes() / 1e6));
        }
        out.append('\n');
        queries.forEach(q -> out.append("%-40s %s%n".formatted(q.name(), q.asks())));
        out.append(
                "%n%-18s %12s %6s %10s %10s %8s %7s%n"
                        .formatted(
                                "table",
                                "rows",
                                "parts",
                                "MB on disk",
                                "bytes/row",
                                "target",
                                "ratio"));
        for (YearStorage.Table table : storage.tables()) {
            out.append(
                    "%-18s %,12d %6d %,10.1f %10.1f %8s %7.1f%n"
                            .formatted(
                                    table.name(),
                                    table.rows(),
                                    table.parts(),
                                    table.diskBytes() / 1e6,
                                    table.bytesPerRow(),
                                    target(table.name()),
                                    (double) table.rawBytes() / table.diskBytes()));
        }
        storage.table("usage_hour")
                .ifPresent(
                        hours ->
                                out.append(
                                        "%nA GPU-hour takes %.1f bytes in usage_hour, %.1f with every version of it in usage_hour_log.%n"
                                                .formatted(
                                                        perGpuHour(hours.diskBytes()),
                                                        perGpuHour(
                                                                hours.diskBytes() + logBytes()))));
        for (String table : List.of("usage_minute", "usage_hour")) {
            columns(out, table);
        }
        return out.toString();
    }

    private void columns(StringBuilder out, String name) {
        storage.table(name)
                .ifPresent(
                        table -> {
                            out.append(
                                    "%n%-34s %10s %7s%n"
                                            .formatted("of " + name, "bytes/row", "ratio"));
                            storage.columns().stream()
                                    .filter(c -> c.table().equals(name))
                                    .limit(COLUMNS_SHOWN)
                                    .forEach(
                                            c ->
                                                    out.append(
                                                            "%-34s %10.2f %7.1f%n"
                                                                    .formatted(
                                                                            c.name(),
                                                                            (double)
                                                                                            c
                                                                                                    .compressedBytes()
                                                                                    / table.rows(),
                                                                            ratio(c))));
                        });
    }

    private static double ratio(YearStorage.Column column) {
        return column.compressedBytes() == 0
                ? 0
                : (double) column.rawBytes() / column.compressedBytes();
    }

    private static String target(String table) {
        Integer target = TARGET_BYTES.get(table);
        return target == null ? "" : "< " + target;
    }

    private double perGpuHour(long bytes) {
        return (double) bytes / (24L * plan.days() * plan.gpus());
    }

    private long logBytes() {
        return storage.table("usage_hour_log").map(YearStorage.Table::diskBytes).orElse(0L);
    }

    /** For programs. */
    public String json() {
        ObjectNode root = JSON.createObjectNode();
        root.putObject("machine")
                .put("cores", Runtime.getRuntime().availableProcessors())
                .put("java", Runtime.version().toString())
                .put("load_average_before", loadAverage);
        root.putObject("input")
                .put("seed", plan.seed())
                .put("gpus", plan.gpus())
                .put("days", plan.days())
                .put("minute_days", plan.minuteDays())
                .put("grants", plan.grants());
        root.put("repeat", repeat);
        ArrayNode asked = root.putArray("queries");
        for (QueryBenchmark.Measured query : queries) {
            ObjectNode node =
                    asked.addObject()
                            .put("name", query.name())
                            .put("asks", query.asks())
                            .put("median_ms", QueryBenchmark.median(query.ms()))
                            .put("p95_ms", QueryBenchmark.quantile(query.ms(), 0.95))
                            .put("server_cpu_ms", query.cpuMs())
                            .put("rows", query.rows())
                            .put("read_rows", query.readRows())
                            .put("read_bytes", query.readBytes())
                            .put("memory_bytes", query.memoryBytes());
            if (query.targetMs() > 0) {
                node.put("target_ms", query.targetMs());
            }
        }
        ObjectNode tables = root.putObject("tables");
        for (YearStorage.Table table : storage.tables()) {
            ObjectNode node =
                    tables.putObject(table.name())
                            .put("rows", table.rows())
                            .put("parts", table.parts())
                            .put("disk_bytes", table.diskBytes())
                            .put("bytes_per_row", table.bytesPerRow());
            ObjectNode columns = JSON.createObjectNode();
            for (YearStorage.Column column : storage.columns()) {
                if (column.table().equals(table.name())) {
                    columns.putObject(column.name())
                            .put("compressed_bytes", column.compressedBytes())
                            .put("raw_bytes", column.rawBytes());
                }
            }
            if (!columns.isEmpty()) {
                node.set("columns", columns);
            }
        }
        root.put(
                "bytes_per_gpu_hour",
                storage.table("usage_hour").map(t -> perGpuHour(t.diskBytes())).orElse(0.0));
        return root.toPrettyString();
    }
}

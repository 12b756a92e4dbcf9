package io.gpuledger.benchmarks;

import io.gpuledger.flink.ClickHouseSink;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import java.util.List;
import java.util.Map;

/** A database with the product's tables for runs to write into; dropped when closed. */
final class BenchLedger implements AutoCloseable {
    private static final List<String> TABLES =
            List.of(
                    "usage_minute",
                    "usage_hour",
                    "usage_hour_log",
                    "runs",
                    "hosts",
                    "dead_letters");

    private final Warehouse warehouse;

    BenchLedger(Warehouse warehouse) {
        this.warehouse = warehouse;
        drop();
        Migrator.migrate(warehouse);
    }

    ClickHouseSink sink() {
        return new ClickHouseSink(
                warehouse.url(), warehouse.user(), warehouse.password(), warehouse.database());
    }

    void empty() {
        for (String table : TABLES) {
            warehouse.execute("TRUNCATE TABLE {table:Identifier}", Map.of("table", table));
        }
    }

    /**
     * Refuses a ledger that does not come to what was generated.
     *
     * @return minute rows written, replaced ones included
     */
    long check(BenchTopics.Contents expected) {
        List<String> found =
                warehouse
                        .query(
                                """
                                SELECT sumIf(gpu_ms, bucket = 'ALLOCATED'), sum(covered_ms), sum(energy_mj),
                                    (SELECT count() FROM runs FINAL WHERE NOT withdrawn),
                                    (SELECT count() FROM dead_letters)
                                FROM usage_minute_current
                                """,
                                Map.of())
                        .get(0);
        List<String> generated =
                List.of(
                        Long.toString(expected.heldGpuMs()),
                        Long.toString(expected.coveredMs()),
                        Long.toString(expected.energyMj()),
                        Long.toString(expected.jobs()),
                        "0");
        if (!found.equals(generated)) {
            throw new WrongLedgerException(
                    "the ledger holds %s, generated were %s (held GPU-ms, covered ms, energy mJ, runs, dead letters); the job is at fault, its speed means nothing"
                            .formatted(found, generated));
        }
        return Long.parseLong(
                warehouse.query("SELECT count() FROM usage_minute", Map.of()).get(0).get(0));
    }

    @Override
    public void close() {
        drop();
    }

    private void drop() {
        warehouse
                .inDatabase("")
                .execute(
                        "DROP DATABASE IF EXISTS {name:Identifier} SYNC",
                        Map.of("name", warehouse.database()));
    }
}

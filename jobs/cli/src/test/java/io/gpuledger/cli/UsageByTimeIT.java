package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * Usage of a database whose tables are as version 1 made them is the same after version 12 sorted
 * them anew, whatever happened in between.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class UsageByTimeIT {
    private static final List<String> TABLES = List.of("usage_minute", "usage_hour");
    private static final String SORTED = "V0012__usage_by_time.sql";

    private LocalStack stack;

    @BeforeAll
    void start(@TempDir Path directory) throws IOException, InterruptedException {
        stack = LocalStack.open(LocalStack.Options.in(directory), "UsageByTimeIT");
        stack.ensureUp(EnumSet.of(Service.CLICKHOUSE));
    }

    @AfterAll
    void stop() {
        stack.close();
    }

    /** Three hours of four slots, some of which were corrected. */
    private Warehouse asVersion1(String database) throws IOException {
        Warehouse warehouse = new Warehouse(stack.clickHouseUrl(), "default", "", database);
        Migrator.migrate(warehouse);
        for (String table : TABLES) {
            warehouse.execute("DROP TABLE " + table, Map.of());
        }
        statements("V0001__usage.sql").forEach(s -> warehouse.execute(s, Map.of()));
        warehouse.execute(
                "ALTER TABLE schema_migrations DELETE WHERE name = {name:String} SETTINGS mutations_sync = 2",
                Map.of("name", SORTED));
        for (String table : TABLES) {
            write(warehouse, table, 0, 1);
            write(warehouse, table, 0, 2);
            write(warehouse, table, 7200, 1);
            assertThat(sortingKey(warehouse, table)).startsWith("cluster, host");
        }
        return warehouse;
    }

    private static void write(Warehouse warehouse, String table, int fromS, int revision) {
        warehouse.execute(
                """
                INSERT INTO %s (cluster, host, gpu_index, window_start, exists_ms, revision,
                    holders.bucket, holders.run_id, holders.gpu_ms, holders.charged_gpu_us)
                SELECT 'c', if(number %% 2 = 0, 'a', 'b'), intDiv(number, 2) %% 2,
                    toDateTime(1767225600 + {from:Int64} + intDiv(number, 4) * 3600, 'UTC'), 3600000, {revision:UInt64},
                    ['ALLOCATED', 'IDLE'], ['r', ''], [{revision:Int64}, 3600000 - {revision:Int64}], [number, 0]
                FROM numbers(8)
                """
                        .formatted(table),
                Map.of("from", Integer.toString(fromS), "revision", Integer.toString(revision)));
    }

    private static List<String> statements(String migration) throws IOException {
        try (InputStream in = UsageByTimeIT.class.getResourceAsStream("/migrations/" + migration)) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            String code =
                    text.lines()
                            .filter(line -> !line.startsWith("--"))
                            .collect(Collectors.joining("\n"));
            return Arrays.stream(code.split(";\n|;$"))
                    .map(String::strip)
                    .filter(s -> !s.isEmpty())
                    .toList();
        }
    }

    private static String sortingKey(Warehouse warehouse, String table) {
        return warehouse
                .query(
                        "SELECT sorting_key FROM system.tables WHERE database = currentDatabase() AND name = {name:String}",
                        Map.of("name", table))
                .get(0)
                .get(0);
    }

    private static List<List<String>> rows(Warehouse warehouse, String from) {
        return warehouse.query("SELECT * FROM " + from + " ORDER BY ALL", Map.of());
    }

    private static List<List<List<String>>> content(Warehouse warehouse) {
        return List.of(
                rows(warehouse, "usage_minute FINAL"),
                rows(warehouse, "usage_hour FINAL"),
                rows(warehouse, "usage_hour_log"));
    }

    private static void assertSortedByTime(Warehouse warehouse) {
        for (String table : TABLES) {
            assertThat(sortingKey(warehouse, table)).startsWith("cluster, window_start");
        }
        assertThat(
                        warehouse.query(
                                "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%by_time%'",
                                Map.of()))
                .isEmpty();
    }

    @Test
    void rows_and_their_log_are_the_same_wherever_the_migration_was_killed() throws IOException {
        List<String> statements = statements(SORTED);
        assertThat(statements).hasSize(16);
        for (int killedAfter = 0; killedAfter <= statements.size(); killedAfter++) {
            Warehouse warehouse = asVersion1("killed_after_" + killedAfter);
            List<List<List<String>>> before = content(warehouse);
            assertThat(before.get(0)).hasSize(16);
            assertThat(before.get(2)).hasSize(24);

            statements.subList(0, killedAfter).forEach(s -> warehouse.execute(s, Map.of()));
            assertThat(Migrator.migrate(warehouse)).containsExactly(SORTED);

            assertThat(content(warehouse)).as("killed after %d", killedAfter).isEqualTo(before);
            assertSortedByTime(warehouse);
            assertThat(Migrator.migrate(warehouse)).isEmpty();
        }
    }

    @Test
    void what_is_written_meanwhile_is_there_and_logged() throws Exception {
        Warehouse warehouse = asVersion1("written_meanwhile");
        AtomicBoolean sorted = new AtomicBoolean();
        CompletableFuture<Integer> writer =
                CompletableFuture.supplyAsync(
                        () -> {
                            int written = 0;
                            while (!sorted.get()) {
                                written++;
                                for (String table : TABLES) {
                                    write(warehouse, table, 7200 * (1 + written), 1);
                                }
                            }
                            return written;
                        });
        try {
            Migrator.migrate(warehouse);
        } finally {
            sorted.set(true);
        }
        int written = writer.get();

        assertSortedByTime(warehouse);
        assertThat(written).isPositive();
        assertThat(rows(warehouse, "usage_minute FINAL")).hasSize(16 + 8 * written);
        assertThat(rows(warehouse, "usage_hour FINAL")).hasSize(16 + 8 * written);
        // An insert that was under way when the tables changed places is logged once more.
        assertThat(
                        warehouse.query(
                                "SELECT DISTINCT * EXCEPT inserted_at FROM usage_hour_log",
                                Map.of()))
                .hasSize(24 + 8 * written);
    }

    @Test
    void a_row_out_of_balance_is_still_refused() throws IOException {
        Warehouse warehouse = asVersion1("balance");
        Migrator.migrate(warehouse);
        for (String table : TABLES) {
            assertThat(
                            catchThrowable(
                                    () ->
                                            warehouse.execute(
                                                    "INSERT INTO %s (cluster, exists_ms, holders.gpu_ms) VALUES ('c', 2, [1])"
                                                            .formatted(table),
                                                    Map.of())))
                    .hasMessageContaining("closed_balance");
        }
    }
}

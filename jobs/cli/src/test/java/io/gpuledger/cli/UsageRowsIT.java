package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.benchmarks.queries.YearPlan;
import io.gpuledger.benchmarks.queries.YearTables;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.sql.UsageQuery;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Usage is the same whether it is read from hours or from minutes. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class UsageRowsIT {
    private static final ZoneId UTC = ZoneId.of("UTC");
    private static final Instant START = Instant.ofEpochMilli(YearPlan.START_MS);
    private static final Instant END = START.plusSeconds(3 * 86_400);

    /** An hour may have had two models: asked by model, usage is read from minutes. */
    private static final List<String> BY_MINUTES = List.of("model");

    private LocalStack stack;
    private YearTables year;
    private Warehouse warehouse;

    @BeforeAll
    void fill(@TempDir Path directory) throws IOException, InterruptedException {
        stack = LocalStack.open(LocalStack.Options.in(directory), "test");
        stack.ensureUp(EnumSet.of(Service.CLICKHOUSE));
        warehouse = new Warehouse(stack.clickHouseUrl(), "default", "", "usage_rows");
        year = new YearTables(warehouse, new YearPlan(7, 128, 3, 3, 5), false);
        year.fill(said -> {});
    }

    @AfterAll
    void stop() {
        year.close();
        stack.close();
    }

    private static UsageQuery query(
            List<String> by, Instant from, Instant to, String grant, ZoneId zone) {
        return new UsageQuery(by, from, to, "", grant, "", zone, UsageQuery.Basis.HELD);
    }

    /** The same with one more key that all rows have the same value of: it reads minutes only. */
    private List<List<String>> fromMinutes(
            List<String> by, Instant from, Instant to, String grant, ZoneId zone) {
        List<String> keys = new ArrayList<>(by);
        keys.addAll(BY_MINUTES);
        int column = query(by, from, to, grant, zone).run(warehouse).keys().size();
        return query(keys, from, to, grant, zone).run(warehouse).rows().stream()
                .map(
                        row -> {
                            List<String> without = new ArrayList<>(row);
                            without.remove(column);
                            return without;
                        })
                .toList();
    }

    private void assertSame(List<String> by, Instant from, Instant to, String grant, ZoneId zone) {
        List<List<String>> rows = query(by, from, to, grant, zone).run(warehouse).rows();
        assertThat(rows)
                .as("%s from %s to %s %s %s", by, from, to, grant, zone)
                .isNotEmpty()
                .isEqualTo(fromMinutes(by, from, to, grant, zone));
    }

    @Test
    void every_key_and_any_cut_gives_what_the_minutes_give() {
        ZoneId copenhagen = ZoneId.of("Europe/Copenhagen");
        for (List<String> by :
                List.of(
                        List.of("grant"),
                        List.of("cluster", "account", "user"),
                        List.of("run"),
                        List.of("slot", "bucket"),
                        List.of("partition", "qos", "day"),
                        List.of("month", "grant"),
                        List.of("hour"))) {
            assertSame(by, START, END, "", UTC);
            assertSame(by, START.plusSeconds(17 * 60), END.minusSeconds(60), "", copenhagen);
            assertSame(by, START.plusSeconds(3600), END, YearPlan.grant(0), copenhagen);
        }
        assertSame(List.of("day", "hour"), START, END, "", ZoneId.of("Asia/Kolkata"));
        assertSame(List.of("user"), START.plusSeconds(60), START.plusSeconds(3540), "", UTC);
    }

    @Test
    void hours_are_read_where_they_are_written_and_minutes_where_a_backfill_did_not_end()
            throws IOException, InterruptedException {
        Warehouse other = warehouse.inDatabase("usage_rows_without_minutes");
        try (YearTables own = new YearTables(other, new YearPlan(8, 16, 3, 3, 5), false)) {
            own.fill(said -> {});
            UsageQuery query = query(List.of("grant"), START, END, "", UTC);
            List<List<String>> all = query.run(other).rows();
            other.execute(
                    "ALTER TABLE usage_minute DELETE WHERE window_start < {until:String} SETTINGS mutations_sync = 2",
                    Map.of("until", "2026-01-03 00:00:00"));
            assertThat(query.run(other).rows()).isEqualTo(all);

            note(other, "first", "FAILED", 0);
            assertThat(query.run(other).rows()).isNotEqualTo(all);
            note(other, "second", "DONE", 1);
            assertThat(query.run(other).rows()).isEqualTo(all);
        }
    }

    private static void note(Warehouse other, String attempt, String state, int laterS) {
        other.execute(
                """
                INSERT INTO backfills (cluster, attempt, from_s, to_s, state, started_at, revision)
                VALUES ({cluster:String}, {attempt:String}, {from:Int64}, {to:Int64}, {state:String},
                    toDateTime64({started:Int64}, 3, 'UTC'), 1)
                """,
                Map.of(
                        "cluster",
                        YearPlan.CLUSTER,
                        "attempt",
                        attempt,
                        "from",
                        Long.toString(START.getEpochSecond()),
                        "to",
                        Long.toString(START.getEpochSecond() + 86_400),
                        "state",
                        state,
                        "started",
                        Long.toString(END.getEpochSecond() + laterS)));
    }
}

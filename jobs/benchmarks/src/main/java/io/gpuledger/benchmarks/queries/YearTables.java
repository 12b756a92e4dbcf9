package io.gpuledger.benchmarks.queries;

import com.clickhouse.client.api.Client;
import com.clickhouse.client.api.insert.InsertSettings;
import com.clickhouse.data.ClickHouseFormat;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.usage.HourSum;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A database with the product's tables and a {@link YearPlan} in them, encoded as the jobs encode
 * their rows. Months that are over are merged, as the server merges them in time.
 */
public final class YearTables implements AutoCloseable {
    private static final long HOUR_MS = 3_600_000;
    private static final int MINUTE_MS = 60_000;
    private static final int BATCH_BYTES = 32 << 20;

    /** One of so many hour rows was corrected later. */
    private static final int CORRECTIONS = 100;

    private static final long SETTLE_MS = 120_000;
    private static final int WRITERS = 2;

    private final Warehouse warehouse;
    private final YearPlan plan;
    private final boolean keep;

    /**
     * Over a database that is this benchmark's own.
     *
     * @param keep whether it stays when this is closed, for the next run with the same plan
     */
    public YearTables(Warehouse warehouse, YearPlan plan, boolean keep) {
        this.warehouse = warehouse;
        this.plan = plan;
        this.keep = keep;
    }

    Warehouse warehouse() {
        return warehouse;
    }

    YearPlan plan() {
        return plan;
    }

    /** What it takes on disk now. */
    public YearStorage storage() {
        return YearStorage.of(warehouse);
    }

    /** Makes the year, unless it was kept by a run with the same plan. */
    public void fill(Consumer<String> progress) throws IOException, InterruptedException {
        if (isFilled()) {
            progress.accept("the year is there from an earlier run");
            Migrator.migrate(warehouse);
            return;
        }
        drop();
        Migrator.migrate(warehouse);
        YearSchedule schedule = new YearSchedule(plan);
        try (Client client = client()) {
            writeRuns(client, schedule);
            progress.accept("wrote %,d runs".formatted(schedule.jobs().size()));
            List<SlotYear> hours = slots(schedule, (int) HOUR_MS);
            for (long month = YearPlan.START_MS; month < plan.minutesFromMs(); ) {
                long next = Math.min(monthAfter(month), plan.minutesFromMs());
                write(hours, (part, from, to) -> writeHours(client, part, from, to), month, next);
                progress.accept("wrote the hours of %s".formatted(month(month)));
                month = next;
            }
            write(
                    slots(schedule, MINUTE_MS),
                    (part, from, to) -> writeMinutes(client, part, from, to),
                    plan.minutesFromMs(),
                    plan.endMs());
            progress.accept("wrote the minutes of the last %d days".formatted(plan.minuteDays()));
        }
        long lastMonth = monthOf(plan.endMs() - 1);
        for (long month = YearPlan.START_MS; month < lastMonth; month = monthAfter(month)) {
            merge("usage_hour", month);
            merge("usage_hour_log", month);
        }
        writeQuota();
        warehouse.execute(
                "CREATE TABLE bench_year ENGINE = MergeTree ORDER BY plan AS SELECT {plan:String} AS plan",
                Map.of("plan", plan.toString()));
    }

    private boolean isFilled() {
        return warehouse
                        .inDatabase("")
                        .query(
                                "SELECT count() FROM system.tables WHERE database = {name:String} AND name = 'bench_year'",
                                Map.of("name", warehouse.database()))
                        .get(0)
                        .get(0)
                        .equals("1")
                && warehouse
                        .query("SELECT plan FROM bench_year", Map.of())
                        .equals(List.of(List.of(plan.toString())));
    }

    private Client client() {
        return new Client.Builder()
                .addEndpoint(warehouse.url())
                .setUsername(warehouse.user())
                .setPassword(warehouse.password())
                .setDefaultDatabase(warehouse.database())
                .compressClientRequest(false)
                .compressServerResponse(false)
                .build();
    }

    private List<SlotYear> slots(YearSchedule schedule, int windowMs) {
        List<SlotYear> slots = new ArrayList<>();
        List<YearSchedule.Track> of = new ArrayList<>();
        for (YearSchedule.Track track : schedule.tracks()) {
            if (!of.isEmpty()
                    && (of.get(0).host() != track.host() || of.get(0).gpu() != track.gpu())) {
                slots.add(slot(of, schedule, windowMs));
                of = new ArrayList<>();
            }
            of.add(track);
        }
        slots.add(slot(of, schedule, windowMs));
        return slots;
    }

    private SlotYear slot(List<YearSchedule.Track> tracks, YearSchedule schedule, int windowMs) {
        return new SlotYear(plan, tracks, schedule.outages(tracks.get(0).host()), windowMs);
    }

    private interface Part {
        void write(List<SlotYear> slots, long fromMs, long toMs)
                throws IOException, InterruptedException;
    }

    /** Several at a time, each its own slots. */
    private static void write(List<SlotYear> slots, Part part, long fromMs, long toMs)
            throws IOException, InterruptedException {
        ExecutorService writers = Executors.newFixedThreadPool(WRITERS);
        try {
            List<Future<?>> parts = new ArrayList<>();
            for (int writer = 0; writer < WRITERS; writer++) {
                List<SlotYear> own =
                        slots.subList(
                                slots.size() * writer / WRITERS,
                                slots.size() * (writer + 1) / WRITERS);
                parts.add(
                        writers.submit(
                                () -> {
                                    part.write(own, fromMs, toMs);
                                    return null;
                                }));
            }
            for (Future<?> written : parts) {
                written.get();
            }
        } catch (ExecutionException e) {
            throw new IOException("the year was not written: " + e.getCause(), e);
        } finally {
            writers.shutdownNow();
            writers.awaitTermination(1, TimeUnit.MINUTES);
        }
    }

    private static void writeHours(Client client, List<SlotYear> slots, long fromMs, long toMs)
            throws IOException, InterruptedException {
        Batch hours = new Batch(client, SinkTable.USAGE_HOUR, fromMs);
        Batch corrections = new Batch(client, SinkTable.USAGE_HOUR, fromMs + 1);
        SplittableRandom random = new SplittableRandom(fromMs);
        for (SlotYear slot : slots) {
            for (long at = fromMs; at < toMs; at += HOUR_MS) {
                UsageRow row = slot.row(at, at + HOUR_MS);
                hours.add(row, at + HOUR_MS);
                if (random.nextInt(CORRECTIONS) == 0) {
                    corrections.add(row, at + 2 * HOUR_MS);
                }
            }
        }
        hours.insert();
        corrections.insert();
    }

    /** And the hours, which are their sums. */
    private static void writeMinutes(Client client, List<SlotYear> slots, long fromMs, long toMs)
            throws IOException, InterruptedException {
        Batch minutes = new Batch(client, SinkTable.USAGE_MINUTE, fromMs);
        Batch hours = new Batch(client, SinkTable.USAGE_HOUR, fromMs);
        for (SlotYear slot : slots) {
            for (long hour = fromMs; hour < toMs; hour += HOUR_MS) {
                List<UsageRow> of = new ArrayList<>();
                for (long at = hour; at < hour + HOUR_MS; at += MINUTE_MS) {
                    UsageRow row = slot.row(at, at + MINUTE_MS);
                    of.add(row);
                    minutes.add(row, at + MINUTE_MS);
                }
                for (UsageRow row : HourSum.of(hour, of)) {
                    hours.add(row, hour + HOUR_MS);
                }
            }
        }
        minutes.insert();
        hours.insert();
    }

    /** Rows of one table on their way. */
    private static final class Batch {
        private final Client client;
        private final SinkTable table;
        private final SplittableRandom random;
        private final ByteArrayOutputStream rows = new ByteArrayOutputStream(1 << 20);

        Batch(Client client, SinkTable table, long seed) {
            this.client = client;
            this.table = table;
            random = new SplittableRandom(seed);
        }

        /** Written some tenths of a second after its window is settled. */
        void add(UsageRow usage, long endMs) throws IOException, InterruptedException {
            byte[] row = RowBinary.usage(usage);
            RowBinary.stamp(row, 0, (endMs + SETTLE_MS) * 1000 + random.nextLong(500_000));
            rows.write(row);
            if (rows.size() >= BATCH_BYTES) {
                insert();
            }
        }

        void insert() throws IOException, InterruptedException {
            YearTables.insert(client, table, rows);
        }
    }

    private void writeRuns(Client client, YearSchedule schedule)
            throws IOException, InterruptedException {
        ByteArrayOutputStream rows = new ByteArrayOutputStream();
        for (YearJob job : schedule.jobs()) {
            boolean open = job.isOpenAt(plan.endMs());
            long end = open ? plan.endMs() : job.endMs();
            Run run =
                    new Run(
                            job.runId(),
                            job.id(),
                            Long.toString(job.id()),
                            job.account(),
                            job.user(),
                            job.partition(),
                            job.qos(),
                            "train-" + job.id() % 97,
                            open ? "RUNNING" : "COMPLETED",
                            job.startMs() - 60_000,
                            job.startMs(),
                            end,
                            Long.MAX_VALUE,
                            job.gpus(),
                            List.of(),
                            List.of(),
                            Map.of(),
                            open
                                    ? List.of()
                                    : List.of(
                                            new Run.ScheduledSpan(job.startMs(), end, job.gpus())),
                            open ? RunFlag.OPEN.bit() : 0,
                            Run.NO_LIMIT);
            rows.write(RowBinary.run(YearPlan.CLUSTER, run, false, 0, (end + SETTLE_MS) * 1000));
        }
        insert(client, SinkTable.RUNS, rows);
    }

    private static void insert(Client client, SinkTable table, ByteArrayOutputStream rows)
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
                            new InsertSettings().serverSetting("optimize_on_insert", "0"))
                    .get()
                    .close();
        } catch (ExecutionException e) {
            throw new IOException(
                    "ClickHouse did not take rows of %s: %s"
                            .formatted(table.tableName(), e.getCause()),
                    e);
        } finally {
            rows.reset();
        }
    }

    /** A state a minute for a day, not yet merged, and some decisions, of every grant. */
    private void writeQuota() {
        Map<String, String> parameters =
                Map.of(
                        "grants", Integer.toString(plan.grants()),
                        "start", Long.toString(YearPlan.START_MS),
                        "end", Long.toString(plan.endMs()));
        warehouse.execute(
                """
                INSERT INTO quota_state
                SELECT
                    concat('dcai-2026-', leftPad(toString(g.number + 1), 3, '0')),
                    {end:Int64} - (1439 - m.number) * 60000,
                    'OK', 'ALLOW', 0, 3, 1, {start:Int64}, {end:Int64} + 86400000,
                    1000000000000000, 600000000000000 + m.number * 100000000, 550000000000000, 50000000000000,
                    0, 0, 64000, 12, 7000000000000, 604800000, {end:Int64} + 864000000, -1, 4,
                    [{start:Int64}, {start:Int64} + 8640000000],
                    [{end:Int64}, {end:Int64} + 86400000],
                    [600000000000000, 400000000000000],
                    [600000000000000, m.number * 100000000],
                    [0, 0],
                    ['voucher', 'top-up'],
                    ({end:Int64} - (1439 - m.number) * 60000) * 1000
                FROM numbers({grants:UInt64}) AS g CROSS JOIN numbers(1440) AS m
                """,
                parameters);
        warehouse.execute(
                """
                INSERT INTO quota_decisions
                SELECT
                    concat('dcai-2026-', leftPad(toString(g.number + 1), 3, '0')),
                    d.number + 1, 'WARN', 'WARNING', {start:Int64} + d.number * 864000000,
                    {start:Int64} + d.number * 864000000 + 7, 1000000000000000,
                    d.number * 10000000000000, 0, 0, 0, 'crossed a threshold'
                FROM numbers({grants:UInt64}) AS g CROSS JOIN numbers(30) AS d
                """,
                parameters);
    }

    private void merge(String table, long monthMs) {
        warehouse.execute(
                "OPTIMIZE TABLE {table:Identifier} PARTITION {month:UInt32} FINAL",
                Map.of("table", table, "month", month(monthMs).replace("-", "")));
    }

    private static String month(long instantMs) {
        return Instant.ofEpochMilli(instantMs).toString().substring(0, 7);
    }

    private static long monthOf(long instantMs) {
        return ZonedDateTime.ofInstant(Instant.ofEpochMilli(instantMs), ZoneOffset.UTC)
                .toLocalDate()
                .withDayOfMonth(1)
                .atStartOfDay(ZoneOffset.UTC)
                .toInstant()
                .toEpochMilli();
    }

    private static long monthAfter(long instantMs) {
        return ZonedDateTime.ofInstant(Instant.ofEpochMilli(instantMs), ZoneOffset.UTC)
                .withDayOfMonth(1)
                .plusMonths(1)
                .toInstant()
                .toEpochMilli();
    }

    @Override
    public void close() {
        if (!keep) {
            drop();
        }
    }

    private void drop() {
        warehouse
                .inDatabase("")
                .execute(
                        "DROP DATABASE IF EXISTS {name:Identifier} SYNC",
                        Map.of("name", warehouse.database()));
    }
}

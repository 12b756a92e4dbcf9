package io.gpuledger.benchmarks;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.sql.Warehouse;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * What one would write in ClickHouse alone: a Kafka table, a materialized view that sums up minutes
 * per GPU block by block, and SQL that joins the minutes to the allocations. It cannot correct what
 * it wrote, knows the end of every job beforehand, and takes energy within a minute only.
 */
final class ClickHouseAlternative {
    /** Looking costs it time as well, which counts. */
    private static final long LOOK_MS = 100;

    private static final int CONSUMERS = 2;

    /** Rows of a block, eight to a message: a few hundred milliseconds' worth. */
    private static final int BLOCK_ROWS = 131_072;

    private static final long GIVE_UP_NS = 600_000_000_000L;

    private final Warehouse warehouse;
    private final BenchTopics topics;
    private final BenchTopics.Contents contents;
    private final ProcessMeter meter;

    /** What was used up to an instant, and how many samples could be seen then. */
    private record Mark(long ns, Map<ProcessMeter.Part, Long> cpuMs, long samples) {}

    ClickHouseAlternative(
            Warehouse warehouse,
            BenchTopics topics,
            BenchTopics.Contents contents,
            ProcessMeter meter) {
        this.warehouse = warehouse;
        this.topics = topics;
        this.contents = contents;
        this.meter = meter;
    }

    /** Tables and allocations; before anything is measured. */
    void prepare(List<SimulatedJob> jobs) {
        execute(
                """
                CREATE TABLE alternative_allocations
                (host LowCardinality(String), gpu UInt8, start_ms Int64, end_ms Int64, job_id UInt64,
                 account LowCardinality(String), user LowCardinality(String))
                ENGINE = MergeTree ORDER BY (host, gpu, start_ms)
                """);
        allocate(jobs);
        execute(
                """
                CREATE TABLE alternative_parts
                (host LowCardinality(String), gpu UInt8, minute DateTime('UTC'),
                 samples SimpleAggregateFunction(sum, UInt64),
                 active SimpleAggregateFunction(sum, UInt64),
                 sm_active SimpleAggregateFunction(sum, UInt64),
                 tensor_active SimpleAggregateFunction(sum, UInt64),
                 dram_active SimpleAggregateFunction(sum, UInt64),
                 memory SimpleAggregateFunction(sum, UInt64),
                 first_energy SimpleAggregateFunction(min, UInt64),
                 last_energy SimpleAggregateFunction(max, UInt64))
                ENGINE = AggregatingMergeTree ORDER BY (host, gpu, minute)
                """);
        execute(
                """
                CREATE TABLE alternative_usage
                (host LowCardinality(String), gpu UInt8, minute DateTime('UTC'), job_id UInt64,
                 account LowCardinality(String), user LowCardinality(String), gpu_ms Int64, samples UInt64,
                 active Float64, sm_active Float64, tensor_active Float64, dram_active Float64,
                 memory Float64, energy Float64)
                ENGINE = MergeTree ORDER BY (host, gpu, minute)
                """);
    }

    /** In one insert: of a part for each job the merges would go on while others are measured. */
    private void allocate(List<SimulatedJob> jobs) {
        List<ObjectNode> rows = new ArrayList<>();
        for (SimulatedJob job : jobs) {
            for (int gpu = job.firstGpu(); gpu < job.firstGpu() + job.gpus(); gpu++) {
                rows.add(
                        JsonNodeFactory.instance
                                .objectNode()
                                .put("host", SimulatedCluster.host(job.host()))
                                .put("gpu", gpu)
                                .put("start_ms", job.startMs())
                                .put("end_ms", job.endMs())
                                .put("job_id", job.id())
                                .put("account", job.account())
                                .put("user", job.user()));
            }
        }
        warehouse.insert("alternative_allocations", rows);
    }

    /** Reads the topic from its beginning and joins. */
    Measurement run() throws InterruptedException {
        clear();
        execute(
                """
                CREATE TABLE alternative_feed (%s) ENGINE = Kafka SETTINGS kafka_broker_list = '%s',
                    kafka_topic_list = '%s', kafka_group_name = '%s', kafka_format = 'RowBinary',
                    kafka_num_consumers = %d, kafka_thread_per_consumer = 1,
                    kafka_max_block_size = %d, kafka_flush_interval_ms = 500
                """
                        .formatted(
                                ClickHouseRows.COLUMNS,
                                topics.brokers(),
                                topics.rowBinary(),
                                "gpu-ledger-bench-" + UUID.randomUUID(),
                                CONSUMERS,
                                BLOCK_ROWS));
        meter.resetPeaks();
        Mark began = mark(0);
        execute(
                """
                CREATE MATERIALIZED VIEW alternative_sums TO alternative_parts AS
                SELECT host, gpu, toDateTime(intDiv(at_ms, 60000) * 60, 'UTC') AS minute, count() AS samples,
                    sum(active) AS active, sum(sm_active) AS sm_active, sum(tensor_active) AS tensor_active,
                    sum(dram_active) AS dram_active, sum(memory) AS memory,
                    min(energy) AS first_energy, max(energy) AS last_energy
                FROM alternative_feed GROUP BY host, gpu, minute
                """);
        Mark first = awaitSamples(1);
        Mark all = awaitSamples(contents.samples());
        join();
        Mark end = mark(contents.samples());
        Map<ProcessMeter.Part, Long> peaks = meter.peakKib();
        long rows = check();
        execute("DROP TABLE alternative_sums SYNC");
        execute("DROP TABLE alternative_feed SYNC");
        // Joining the consumer group takes as long as it takes: where there is more to see than the
        // first block, the rate is that of the blocks after it.
        Mark from = first.samples() < contents.samples() ? first : began;
        return measurement(from, all, end, peaks, rows);
    }

    private Measurement measurement(
            Mark from, Mark all, Mark end, Map<ProcessMeter.Part, Long> peaks, long rows) {
        double scale = contents.samples() / (double) (contents.samples() - from.samples());
        Map<ProcessMeter.Part, Long> used = new EnumMap<>(ProcessMeter.Part.class);
        end.cpuMs()
                .forEach(
                        (part, ms) -> {
                            long read = all.cpuMs().getOrDefault(part, ms);
                            long before = from.cpuMs().getOrDefault(part, read);
                            used.put(part, Math.round((read - before) * scale) + ms - read);
                        });
        return new Measurement(
                Math.round((all.ns() - from.ns()) * scale) + end.ns() - all.ns(),
                used,
                peaks,
                rows,
                null);
    }

    private Mark mark(long samples) {
        return new Mark(System.nanoTime(), meter.cpuMs(), samples);
    }

    private Mark awaitSamples(long wanted) throws InterruptedException {
        long began = System.nanoTime();
        while (true) {
            long seen = number("SELECT sum(samples) FROM alternative_parts");
            if (seen >= wanted) {
                return mark(seen);
            }
            if (System.nanoTime() - began > GIVE_UP_NS) {
                throw new IllegalStateException(
                        "ClickHouse read %d of %d samples in %d s; see its log"
                                .formatted(seen, contents.samples(), GIVE_UP_NS / 1_000_000_000));
            }
            Thread.sleep(LOOK_MS);
        }
    }

    /** A minute that several held is split by the time each held of it. */
    private void join() {
        execute(
                """
                INSERT INTO alternative_usage
                SELECT m.host, m.gpu, m.minute, a.job_id, a.account, a.user,
                    least(a.end_ms, m.start_ms + 60000) - greatest(a.start_ms, m.start_ms) AS gpu_ms,
                    m.samples, m.active / m.samples * gpu_ms, m.sm_active / m.samples * gpu_ms,
                    m.tensor_active / m.samples * gpu_ms, m.dram_active / m.samples * gpu_ms,
                    m.memory / m.samples * gpu_ms, m.energy * gpu_ms / 60000
                FROM
                (
                    SELECT host, gpu, minute, toUnixTimestamp(minute) * 1000 AS start_ms, sum(samples) AS samples,
                        sum(active) AS active, sum(sm_active) AS sm_active, sum(tensor_active) AS tensor_active,
                        sum(dram_active) AS dram_active, sum(memory) AS memory,
                        max(last_energy) - min(first_energy) AS energy
                    FROM alternative_parts GROUP BY host, gpu, minute
                ) AS m
                INNER JOIN alternative_allocations AS a
                    ON m.host = a.host AND m.gpu = a.gpu
                WHERE a.start_ms < m.start_ms + 60000 AND a.end_ms > m.start_ms
                """);
    }

    /** Held time is exact here too; of the rest nothing is claimed. */
    private long check() {
        long held = number("SELECT sum(gpu_ms) FROM alternative_usage");
        long samples = number("SELECT sum(samples) FROM alternative_parts");
        if (held != contents.heldGpuMs() || samples != contents.samples()) {
            throw new WrongLedgerException(
                    "ClickHouse alone holds %d GPU-ms and %d samples, generated were %d and %d"
                            .formatted(held, samples, contents.heldGpuMs(), contents.samples()));
        }
        return number("SELECT count() FROM alternative_usage");
    }

    private void clear() {
        execute("TRUNCATE TABLE alternative_parts");
        execute("TRUNCATE TABLE alternative_usage");
    }

    private long number(String sql) {
        return Long.parseLong(warehouse.query(sql, Map.of()).get(0).get(0));
    }

    private void execute(String sql) {
        warehouse.execute(sql, Map.of());
    }
}

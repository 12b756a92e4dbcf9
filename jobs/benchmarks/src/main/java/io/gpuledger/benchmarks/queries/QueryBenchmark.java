package io.gpuledger.benchmarks.queries;

import io.gpuledger.benchmarks.ProcessMeter;
import io.gpuledger.sql.QuotaQuery;
import io.gpuledger.sql.RunQuery;
import io.gpuledger.sql.UsageQuery;
import io.gpuledger.sql.Warehouse;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;

/**
 * Asks what users ask, in the program's own words: the time is from the call to the parsed answer,
 * over HTTP on this machine.
 */
public final class QueryBenchmark {
    private static final ZoneId ZONE = ZoneId.of("Europe/Copenhagen");

    private static final String GRANT_MONTH = "one grant's month";
    private static final String CLUSTER_YEAR = "the cluster's year by grant and month";
    private static final Map<String, Long> TARGETS_MS =
            Map.of(GRANT_MONTH, 100L, CLUSTER_YEAR, 1000L);

    /** The files are read from memory by then. */
    private static final int WARM_UP = 2;

    /** A question: what it is called, what asks it, and how many rows it answers. */
    private record Question(String name, String asks, ToIntFunction<Warehouse> ask) {}

    /**
     * One question asked several times.
     *
     * @param targetMs of the design, 0 where there is none
     * @param ms each time, as they came
     * @param cpuMs of the server, in the mean; 0 where it runs elsewhere
     * @param rows of the answer
     */
    public record Measured(
            String name,
            String asks,
            long targetMs,
            List<Double> ms,
            double cpuMs,
            int rows,
            long readRows,
            long readBytes,
            long memoryBytes) {
        public Measured {
            ms = List.copyOf(ms);
        }
    }

    private final YearTables year;
    private final int repeat;
    private final ProcessMeter meter;

    /**
     * Over a year that was made.
     *
     * @param meter of the server, if it runs on this machine
     */
    public QueryBenchmark(YearTables year, int repeat, ProcessMeter meter) {
        this.year = year;
        this.repeat = repeat;
        this.meter = meter;
    }

    /** Asks everything. */
    public List<Measured> run(Consumer<String> progress) {
        List<Measured> all = new ArrayList<>();
        for (Question question : questions()) {
            Measured measured = measure(question);
            progress.accept("%s: %.0f ms".formatted(question.name(), median(measured.ms())));
            all.add(measured);
        }
        return all;
    }

    private List<Question> questions() {
        ZonedDateTime end = Instant.ofEpochMilli(year.plan().endMs()).atZone(ZONE);
        ZonedDateTime lastMonth =
                later(
                        end.minusSeconds(1).withDayOfMonth(1).toLocalDate().atStartOfDay(ZONE),
                        Instant.ofEpochMilli(YearPlan.START_MS + 3_600_000L).atZone(ZONE));
        ZonedDateTime start = Instant.ofEpochMilli(YearPlan.START_MS).atZone(ZONE);
        ZonedDateTime month = later(lastMonth.minusMonths(1), start);
        ZonedDateTime longOver = later(month.minusMonths(1), start);
        String grant = YearPlan.grant(0);
        String run = largeRun();
        return List.of(
                usage(
                        GRANT_MONTH,
                        List.of("user"),
                        longOver,
                        later(month, longOver.plusHours(1)),
                        grant),
                // Its last hours may still lack some host's: they are read from minutes.
                usage("one grant's month, just over", List.of("user"), month, lastMonth, grant),
                usage("one grant's running month", List.of("day"), lastMonth, end, grant),
                usage("all grants' month", List.of("grant"), month, lastMonth, ""),
                usage(CLUSTER_YEAR, List.of("grant", "month"), start, end, ""),
                usage("the cluster's year by day", List.of("day"), start, end, ""),
                new Question(
                        "one run explained",
                        "one run, slot by slot",
                        w ->
                                new RunQuery(w)
                                        .explain(YearPlan.CLUSTER, run)
                                        .orElseThrow()
                                        .parts()
                                        .size()),
                new Question("quota table", "quota", w -> new QuotaQuery(w).standings("").size()),
                new Question(
                        "quota of one grant",
                        "quota --grant " + grant,
                        w -> {
                            QuotaQuery query = new QuotaQuery(w);
                            return query.standings(grant).size() + query.decisions(grant).size();
                        }));
    }

    private static Question usage(
            String name, List<String> by, ZonedDateTime from, ZonedDateTime to, String grant) {
        UsageQuery query =
                new UsageQuery(
                        by,
                        from.toInstant(),
                        to.toInstant(),
                        "",
                        grant,
                        "",
                        ZONE,
                        UsageQuery.Basis.HELD);
        return new Question(
                name,
                "usage --by %s --from %s --to %s%s"
                        .formatted(
                                String.join(",", by),
                                from.toLocalDate(),
                                to.toLocalDate(),
                                grant.isEmpty() ? "" : " --grant " + grant),
                w -> {
                    UsageQuery.Result answer = query.run(w);
                    return answer.rows().size() + query.unmapped(w, answer).map(u -> 1).orElse(0);
                });
    }

    private static ZonedDateTime later(ZonedDateTime a, ZonedDateTime b) {
        return a.isAfter(b) ? a : b;
    }

    /** Of the runs with the most GPUs the first of those that went on for half a day. */
    private String largeRun() {
        return year.warehouse()
                .query(
                        """
                        SELECT run_id FROM runs FINAL
                        ORDER BY gpu_count DESC, held_end_ms - start_ms >= 43200000 DESC, start_ms, run_id
                        LIMIT 1
                        """,
                        Map.of())
                .get(0)
                .get(0);
    }

    private Measured measure(Question question) {
        List<Double> ms = new ArrayList<>();
        Costs costs = new Costs();
        int rows = 0;
        long cpu = 0;
        for (int i = -WARM_UP; i < repeat; i++) {
            cpu = i == 0 ? serverCpuMs() : cpu;
            costs.reset();
            long begin = System.nanoTime();
            rows = question.ask().applyAsInt(year.warehouse().telling(costs::add));
            if (i >= 0) {
                ms.add((System.nanoTime() - begin) / 1e6);
            }
        }
        return new Measured(
                question.name(),
                question.asks(),
                TARGETS_MS.getOrDefault(question.name(), 0L),
                ms,
                (double) (serverCpuMs() - cpu) / repeat,
                rows,
                costs.readRows,
                costs.readBytes,
                costs.memoryBytes);
    }

    private long serverCpuMs() {
        return meter.cpuMs().getOrDefault(ProcessMeter.Part.CLICKHOUSE, 0L);
    }

    /** Of all statements of one question. */
    private static final class Costs {
        private long readRows;
        private long readBytes;
        private long memoryBytes;

        void reset() {
            readRows = 0;
            readBytes = 0;
            memoryBytes = 0;
        }

        void add(Warehouse.Cost cost) {
            readRows += cost.readRows();
            readBytes += cost.readBytes();
            memoryBytes = Math.max(memoryBytes, cost.memoryBytes());
        }
    }

    static double median(List<Double> values) {
        return quantile(values, 0.5);
    }

    /** The least value that the share of all does not exceed. */
    static double quantile(List<Double> values, double share) {
        List<Double> sorted = values.stream().sorted().toList();
        return sorted.get(Math.max(0, (int) Math.ceil(share * sorted.size()) - 1));
    }
}

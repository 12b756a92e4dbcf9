package io.gpuledger.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs {@link CoreBenchmark} and says what came out. */
public record CoreReport(int forks, List<Row> rows) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int WINDOW_ROWS = 8;

    public CoreReport {
        rows = List.copyOf(rows);
    }

    /**
     * One benchmark at one scrape interval; nanoseconds an operation, half of a 99.9 % interval.
     */
    public record Row(String name, int intervalS, double ns, double errorNs) {}

    /**
     * Runs all.
     *
     * @param smoke one short iteration in this process, to see that all of it runs
     */
    public static CoreReport run(boolean smoke) throws RunnerException {
        int forks = smoke ? 0 : 3;
        ChainedOptionsBuilder options =
                new OptionsBuilder()
                        .include(CoreBenchmark.class.getName() + "\\.")
                        .verbosity(VerboseMode.SILENT)
                        .forks(forks)
                        .warmupIterations(smoke ? 0 : 3)
                        .warmupTime(TimeValue.seconds(1))
                        .measurementIterations(smoke ? 1 : 5)
                        .measurementTime(smoke ? TimeValue.milliseconds(20) : TimeValue.seconds(1));
        Collection<RunResult> results = new Runner(options.build()).run();
        List<Row> rows = new ArrayList<>();
        for (RunResult result : results) {
            Result<?> score = result.getPrimaryResult();
            String name = result.getParams().getBenchmark();
            rows.add(
                    new Row(
                            name.substring(name.lastIndexOf('.') + 1),
                            Integer.parseInt(result.getParams().getParam("interval")),
                            score.getScore(),
                            Double.isNaN(score.getScoreError()) ? 0 : score.getScoreError()));
        }
        return new CoreReport(forks, rows);
    }

    /** For people. */
    public String text() {
        StringBuilder out = new StringBuilder();
        out.append(
                "One host with %d GPUs, four jobs; %d JVMs, each 3 s warm-up and 5 s measured; the error is JMH's, 99.9 %%%n%n"
                        .formatted(WINDOW_ROWS, forks));
        out.append("%-25s %9s %14s %12s%n".formatted("benchmark", "interval", "ns", "error"));
        for (Row row : rows) {
            out.append(
                    "%-25s %7d s %,14.0f %,12.0f%n"
                            .formatted(row.name(), row.intervalS(), row.ns(), row.errorNs()));
        }
        return out.toString();
    }

    /** For programs. */
    public String json() {
        ObjectNode root = JSON.createObjectNode();
        root.put("forks", forks);
        ArrayNode all = root.putArray("benchmarks");
        for (Row row : rows) {
            all.addObject()
                    .put("name", row.name())
                    .put("scrape_interval_s", row.intervalS())
                    .put("ns", row.ns())
                    .put("error_ns", row.errorNs());
        }
        return root.toPrettyString();
    }
}

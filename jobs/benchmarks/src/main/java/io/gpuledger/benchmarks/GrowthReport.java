package io.gpuledger.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/**
 * What a {@link GrowthBenchmark} came to.
 *
 * @param state the run whose checkpoints were watched
 */
public record GrowthReport(
        double loadAverage,
        GrowthBenchmark.Plan plan,
        List<GrowthBenchmark.Case> cases,
        GrowthBenchmark.Case state) {

    private static final ObjectMapper JSON = new ObjectMapper();

    public GrowthReport {
        cases = List.copyOf(cases);
    }

    private static Figures cost(GrowthBenchmark.Case of) {
        return Figures.of(of.runs(), m -> m.cpuSecondsPerMillion(of.contents().samples()));
    }

    private static Figures ratio(GrowthBenchmark.Case of) {
        return Figures.of(of.ratios(), r -> r);
    }

    private Measurement.Checkpoints checkpoints() {
        Measurement.Checkpoints seen = state.runs().get(0).checkpoints();
        return seen == null ? new Measurement.Checkpoints(0, 0, 0, 0, 0, 0) : seen;
    }

    /** For people. */
    public String text() {
        StringBuilder out = new StringBuilder();
        out.append(
                "%d cores, load %.1f before; %d runs after %d to warm up, parallelism %d, heap state; median (min to max)%n%n"
                        .formatted(
                                Runtime.getRuntime().availableProcessors(),
                                loadAverage,
                                plan.repeat(),
                                plan.warmUp(),
                                plan.parallelism()));
        out.append(
                "%-12s %6s %6s %8s %12s %10s %28s   %s%n"
                        .formatted(
                                "case",
                                "hosts",
                                "hours",
                                "runs",
                                "samples",
                                "samples/s",
                                "CPU-s per million samples",
                                "x base"));
        for (GrowthBenchmark.Case one : cases) {
            Figures cost = cost(one);
            out.append(
                    "%-12s %6d %6.1f %,8d %,12d %,10.0f %28s   %s%n"
                            .formatted(
                                    one.name(),
                                    one.cluster().hosts(),
                                    one.cluster().span().toMinutes() / 60.0,
                                    one.contents().jobs(),
                                    one.contents().samples(),
                                    Figures.of(
                                                    one.runs(),
                                                    m ->
                                                            m.samplesPerSecond(
                                                                    one.contents().samples()))
                                            .median(),
                                    "%.2f (%.2f to %.2f)"
                                            .formatted(cost.median(), cost.min(), cost.max()),
                                    "%.3f (%.3f to %.3f)"
                                            .formatted(
                                                    ratio(one).median(),
                                                    ratio(one).min(),
                                                    ratio(one).max())));
        }
        out.append(
                "x base: each run against the base's runs before and after it; the base's own are the noise. The target is 1.05.%n%n"
                        .formatted());
        out.append(stateText());
        return out.toString();
    }

    private String stateText() {
        Measurement.Checkpoints seen = checkpoints();
        if (seen.completed() == 0) {
            return "No checkpoint completed in the run with RocksDB: it was too short.%n"
                    .formatted();
        }
        return """
        State of %,d hosts after %.1f h at %d s scrapes, RocksDB, incremental, while %,.0f samples/s were read:
        last checkpoint      %,.1f MB of state, %,.1f MB written, %,d ms
        largest and longest  %,.1f MB, %,d ms, of %d
        per host             %,.0f bytes, %.1f per sample
        """
                .formatted(
                        state.cluster().hosts(),
                        state.cluster().span().toMinutes() / 60.0,
                        state.cluster().scrapeInterval().toSeconds(),
                        state.runs().get(0).samplesPerSecond(state.contents().samples()),
                        seen.lastBytes() / 1e6,
                        seen.lastAddedBytes() / 1e6,
                        seen.lastMs(),
                        seen.largestBytes() / 1e6,
                        seen.longestMs(),
                        seen.completed(),
                        (double) seen.lastBytes() / state.cluster().hosts(),
                        (double) seen.lastBytes() / state.contents().samples());
    }

    /** For programs. */
    public String json() {
        ObjectNode root = JSON.createObjectNode();
        root.putObject("machine")
                .put("cores", Runtime.getRuntime().availableProcessors())
                .put("java", Runtime.version().toString())
                .put("load_average_before", loadAverage);
        root.put("repeat", plan.repeat()).put("warm_up", plan.warmUp());
        ArrayNode all = root.putArray("cases");
        for (GrowthBenchmark.Case one : cases) {
            ObjectNode node =
                    all.addObject()
                            .put("name", one.name())
                            .put("hosts", one.cluster().hosts())
                            .put("span_ms", one.cluster().span().toMillis())
                            .put("runs", one.contents().jobs())
                            .put("samples", one.contents().samples());
            node.set("cpu_s_per_million_samples", cost(one).json());
            node.set("ratio_to_base", ratio(one).json());
        }
        Measurement.Checkpoints seen = checkpoints();
        root.putObject("state")
                .put("hosts", state.cluster().hosts())
                .put("span_ms", state.cluster().span().toMillis())
                .put("samples", state.contents().samples())
                .put("checkpoints", seen.completed())
                .put("last_bytes", seen.lastBytes())
                .put("last_written_bytes", seen.lastAddedBytes())
                .put("last_ms", seen.lastMs())
                .put("largest_bytes", seen.largestBytes())
                .put("longest_ms", seen.longestMs())
                .put("bytes_per_host", seen.lastBytes() / state.cluster().hosts());
        return root.toPrettyString();
    }
}

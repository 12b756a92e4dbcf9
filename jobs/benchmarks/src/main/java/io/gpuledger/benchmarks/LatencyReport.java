package io.gpuledger.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.attribution.AttributionJob;
import java.util.List;

/** How late rows are, by scrape interval. */
public record LatencyReport(double loadAverage, List<Case> cases) {
    private static final ObjectMapper JSON = new ObjectMapper();

    public LatencyReport {
        cases = List.copyOf(cases);
    }

    /** Milliseconds of all rows, sorted. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Case(LatencyBenchmark.Plan plan, long[] sortedMs) {
        long quantile(double share) {
            return sortedMs.length == 0
                    ? 0
                    : sortedMs[Math.max(0, (int) Math.ceil(share * sortedMs.length) - 1)];
        }
    }

    /** For people. */
    public String text() {
        StringBuilder out = new StringBuilder();
        out.append(
                "From the end of a window, settling left out, to its row in ClickHouse; %d cores, load %.1f before%n%n"
                        .formatted(Runtime.getRuntime().availableProcessors(), loadAverage));
        out.append(
                "%-10s %6s %8s %8s %10s %10s %10s%n"
                        .formatted("scrapes", "GPUs", "windows", "rows", "p50", "p99", "max"));
        for (Case one : cases) {
            out.append(
                    "%-10s %6d %8d %8d %8.1f s %8.1f s %8.1f s%n"
                            .formatted(
                                    "each " + one.plan().scrapeInterval().toSeconds() + " s",
                                    one.plan().hosts() * SimulatedCluster.GPUS_PER_HOST,
                                    one.plan().windows(),
                                    one.sortedMs().length,
                                    one.quantile(0.5) / 1e3,
                                    one.quantile(0.99) / 1e3,
                                    one.quantile(1) / 1e3));
        }
        out.append(
                "Of it %d s are how far records of a partition may lie behind each other, and up to %d s the pause between two polls; checkpoints, at which rows are written, come each %d s.%n"
                        .formatted(
                                AttributionJob.OUT_OF_ORDER.toSeconds(),
                                LiveFeed.POLL.toSeconds(),
                                AttributionJob.CHECKPOINT.toSeconds()));
        return out.toString();
    }

    /** For programs. */
    public String json() {
        ObjectNode root = JSON.createObjectNode();
        root.putObject("machine")
                .put("cores", Runtime.getRuntime().availableProcessors())
                .put("load_average_before", loadAverage);
        root.put("out_of_order_ms", AttributionJob.OUT_OF_ORDER.toMillis())
                .put("checkpoint_ms", AttributionJob.CHECKPOINT.toMillis());
        ArrayNode all = root.putArray("cases");
        for (Case one : cases) {
            all.addObject()
                    .put("scrape_interval_ms", one.plan().scrapeInterval().toMillis())
                    .put("hosts", one.plan().hosts())
                    .put("windows", one.plan().windows())
                    .put("rows", one.sortedMs().length)
                    .put("p50_ms", one.quantile(0.5))
                    .put("p99_ms", one.quantile(0.99))
                    .put("max_ms", one.quantile(1));
        }
        return root.toPrettyString();
    }
}

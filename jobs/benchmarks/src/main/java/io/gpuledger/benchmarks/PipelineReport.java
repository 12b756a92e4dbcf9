package io.gpuledger.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What the runs of a {@link PipelineBenchmark} come to.
 *
 * @param loadAverage of the machine before the first run: above 0 something else ran too
 */
public record PipelineReport(
        SimulatedCluster cluster,
        BenchTopics.Contents contents,
        int partitions,
        PipelineBenchmark.Plan plan,
        double loadAverage,
        Map<Variant, List<Measurement>> measured) {

    private static final ObjectMapper JSON = new ObjectMapper();

    private Figures speed(Variant variant) {
        return Figures.of(runs(variant), m -> m.samplesPerSecond(contents.samples()));
    }

    private Figures cpu(Variant variant) {
        return Figures.of(runs(variant), m -> m.cpuSecondsPerMillion(contents.samples()));
    }

    private Figures cpu(Variant variant, ProcessMeter.Part part) {
        return Figures.of(runs(variant), m -> m.cpuSecondsPerMillion(part, contents.samples()));
    }

    private List<Measurement> runs(Variant variant) {
        return measured.getOrDefault(variant, List.of());
    }

    private long peakKib(Variant variant, ProcessMeter.Part part) {
        return runs(variant).stream()
                .mapToLong(m -> m.peakKib().getOrDefault(part, 0L))
                .max()
                .orElse(0);
    }

    private List<Measurement.Checkpoints> checkpoints(Variant variant) {
        List<Measurement.Checkpoints> all = new ArrayList<>();
        for (Measurement run : runs(variant)) {
            if (run.checkpoints() != null) {
                all.add(run.checkpoints());
            }
        }
        return all;
    }

    /** For people. */
    public String text() {
        StringBuilder out = new StringBuilder();
        out.append(
                "%,d GPU samples in %,d scrapes (%d bytes each) of %d hosts over %s, one each %s; %,d scheduler records, %,d jobs%n"
                        .formatted(
                                contents.samples(),
                                contents.scrapes(),
                                contents.scrapeBytes() / contents.scrapes(),
                                cluster.hosts(),
                                brief(cluster.span()),
                                brief(cluster.scrapeInterval()),
                                contents.schedulerRecords(),
                                contents.jobs()));
        out.append(
                "%d cores, load %.1f before; %d runs after %d to warm up, parallelism %d, %d partitions; median (min to max)%n%n"
                        .formatted(
                                Runtime.getRuntime().availableProcessors(),
                                loadAverage,
                                plan.repeat(),
                                plan.warmUp(),
                                plan.parallelism(),
                                partitions));
        out.append(
                "%-21s %32s %27s %9s %13s %9s %9s %18s%n"
                        .formatted(
                                "variant",
                                "GPU samples/s",
                                "CPU-s per million samples",
                                "x decode",
                                "x clickhouse",
                                "job MiB",
                                "CH MiB",
                                "checkpoint"));
        measured.keySet().forEach(variant -> out.append(line(variant)));
        out.append('\n');
        measured.keySet()
                .forEach(v -> out.append("%-21s %s%n".formatted(v.label(), v.description())));
        out.append(
                """
                CPU is that of this process, ClickHouse and Kafka together, where they run on this machine.
                MiB is resident memory at most; a heap grows to its limit. Each run of the job was checked against what was generated.
                """);
        return out.toString();
    }

    private String line(Variant variant) {
        Figures speed = speed(variant);
        Figures cpu = cpu(variant);
        return "%-21s %32s %27s %9s %13s %9d %9d %18s%n"
                .formatted(
                        variant.label(),
                        "%,.0f (%,.0f to %,.0f)"
                                .formatted(speed.median(), speed.min(), speed.max()),
                        "%.2f (%.2f to %.2f)".formatted(cpu.median(), cpu.min(), cpu.max()),
                        ratio(variant, Variant.DECODE),
                        ratio(variant, Variant.CLICKHOUSE),
                        peakKib(variant, ProcessMeter.Part.JOB) >> 10,
                        peakKib(variant, ProcessMeter.Part.CLICKHOUSE) >> 10,
                        checkpoint(variant));
    }

    private String ratio(Variant variant, Variant to) {
        return measured.containsKey(to) ? "%.3f".formatted(speedRatio(variant, to)) : "";
    }

    private double speedRatio(Variant variant, Variant to) {
        return speed(variant).median() / speed(to).median();
    }

    private String checkpoint(Variant variant) {
        List<Measurement.Checkpoints> all = checkpoints(variant);
        return all.isEmpty()
                ? ""
                : "%.1f MB, %d ms".formatted(largestBytes(all) / 1e6, longestMs(all));
    }

    private static long largestBytes(List<Measurement.Checkpoints> all) {
        return all.stream().mapToLong(Measurement.Checkpoints::largestBytes).max().orElse(0);
    }

    private static long longestMs(List<Measurement.Checkpoints> all) {
        return all.stream().mapToLong(Measurement.Checkpoints::longestMs).max().orElse(0);
    }

    /** 1h, 10m, 0.5s. */
    private static String brief(java.time.Duration duration) {
        return duration.toString().substring(2).toLowerCase(Locale.ROOT);
    }

    /** For programs. */
    public String json() {
        ObjectNode root = JSON.createObjectNode();
        root.putObject("machine")
                .put("cores", Runtime.getRuntime().availableProcessors())
                .put("java", Runtime.version().toString())
                .put("max_heap_mib", Runtime.getRuntime().maxMemory() >> 20)
                .put("load_average_before", loadAverage);
        root.putObject("input")
                .put("seed", cluster.seed())
                .put("hosts", cluster.hosts())
                .put("gpus", cluster.hosts() * SimulatedCluster.GPUS_PER_HOST)
                .put("span_ms", cluster.span().toMillis())
                .put("scrape_interval_ms", cluster.scrapeInterval().toMillis())
                .put("poll_interval_ms", cluster.pollInterval().toMillis())
                .put("partitions", partitions)
                .put("samples", contents.samples())
                .put("scrapes", contents.scrapes())
                .put("scrape_bytes", contents.scrapeBytes())
                .put("scheduler_records", contents.schedulerRecords())
                .put("jobs", contents.jobs())
                .put("held_gpu_ms", contents.heldGpuMs())
                .put("covered_ms", contents.coveredMs())
                .put("energy_mj", contents.energyMj());
        root.put("repeat", plan.repeat())
                .put("warm_up", plan.warmUp())
                .put("parallelism", plan.parallelism());
        ObjectNode variants = root.putObject("variants");
        measured.keySet().forEach(v -> variants.set(v.label(), json(v)));
        return root.toPrettyString();
    }

    private ObjectNode json(Variant variant) {
        ObjectNode node = JSON.createObjectNode();
        node.set("samples_per_second", speed(variant).json());
        node.set("cpu_s_per_million_samples", cpu(variant).json());
        ObjectNode parts = node.putObject("cpu_s_per_million_samples_by_process");
        ObjectNode peaks = node.putObject("peak_rss_mib");
        for (ProcessMeter.Part part : measuredParts(variant).keySet()) {
            String name = part.name().toLowerCase(Locale.ROOT);
            parts.set(name, cpu(variant, part).json());
            peaks.put(name, peakKib(variant, part) >> 10);
        }
        for (Variant to : List.of(Variant.DECODE, Variant.CLICKHOUSE)) {
            if (measured.containsKey(to)) {
                node.put("ratio_to_" + to.label(), speedRatio(variant, to));
            }
        }
        if (variant.writes()) {
            node.put("minute_rows", runs(variant).get(0).minuteRows());
            List<Measurement.Checkpoints> all = checkpoints(variant);
            node.putObject("checkpoints")
                    .put(
                            "completed",
                            all.stream().mapToLong(Measurement.Checkpoints::completed).sum())
                    .put("largest_bytes", largestBytes(all))
                    .put("longest_ms", longestMs(all));
        }
        var seconds = node.putArray("elapsed_s");
        runs(variant).forEach(m -> seconds.add(m.elapsedNs() / 1e9));
        return node;
    }

    private Map<ProcessMeter.Part, Long> measuredParts(Variant variant) {
        return new EnumMap<>(runs(variant).get(0).cpuMs());
    }
}

package io.gpuledger.cli;

import io.gpuledger.benchmarks.BenchTopics;
import io.gpuledger.benchmarks.PipelineBenchmark;
import io.gpuledger.benchmarks.PipelineReport;
import io.gpuledger.benchmarks.ProcessMeter;
import io.gpuledger.benchmarks.SimulatedCluster;
import io.gpuledger.benchmarks.Variant;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Warehouse;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** From Kafka to ClickHouse, beside the bare source. */
@Command(
        name = "pipeline",
        mixinStandardHelpOptions = true,
        description = {
            "GPU samples per second from Kafka into ClickHouse, beside what reading and decoding alone cost.",
            "Writes seeded records of a simulated cluster into topics of its own, and rows into the database NAME_bench, which is dropped before and after. Linux only."
        })
final class BenchPipelineCommand implements Callable<Integer> {
    private static final int PARTITIONS = 4;

    @CommandLine.ParentCommand BenchCommand bench;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--hosts",
            defaultValue = "191",
            paramLabel = "N",
            description = "Hosts of 8 GPUs (default: ${DEFAULT-VALUE}).")
    int hosts;

    @Option(
            names = "--span",
            defaultValue = "10",
            paramLabel = "MINUTES",
            description = "Time that the records are of (default: ${DEFAULT-VALUE}).")
    int spanMinutes;

    @Option(
            names = "--scrape-interval",
            defaultValue = "1",
            paramLabel = "SECONDS",
            description = "Of the exporters (default: ${DEFAULT-VALUE}).")
    int scrapeSeconds;

    @Option(
            names = "--poll-interval",
            defaultValue = "60",
            paramLabel = "SECONDS",
            description =
                    "Of the scheduler: a snapshot of every live job and host (default: ${DEFAULT-VALUE}).")
    int pollSeconds;

    @Option(
            names = "--seed",
            defaultValue = "1",
            paramLabel = "N",
            description = "The same seed gives the same records (default: ${DEFAULT-VALUE}).")
    long seed;

    @Option(
            names = "--repeat",
            defaultValue = "3",
            paramLabel = "N",
            description = "Runs of each variant that count (default: ${DEFAULT-VALUE}).")
    int repeat;

    @Option(
            names = "--warm-up",
            defaultValue = "1",
            paramLabel = "N",
            description = "Runs of each before that (default: ${DEFAULT-VALUE}).")
    int warmUp;

    @Option(
            names = "--parallelism",
            defaultValue = "2",
            paramLabel = "N",
            description = "Subtasks per operator (default: ${DEFAULT-VALUE}).")
    int parallelism;

    @Option(
            names = "--variants",
            split = ",",
            defaultValue = "SOURCE,DECODE,ATTRIBUTION_HEAP,ATTRIBUTION_ROCKSDB,CLICKHOUSE",
            paramLabel = "NAME",
            description = "Of ${COMPLETION-CANDIDATES} (default: all).")
    List<Variant> variants = new ArrayList<>();

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() throws Exception {
        SimulatedCluster cluster = cluster();
        if (repeat < 1 || warmUp < 0 || parallelism < 1) {
            throw new UsageException(
                    "--repeat and --parallelism are at least 1, --warm-up at least 0");
        }
        PipelineBenchmark.Plan plan =
                new PipelineBenchmark.Plan(variants, repeat, warmUp, parallelism);
        PipelineReport report;
        try (LocalStack stack = bench.ledger.stack();
                ScratchDirectory scratch =
                        ScratchDirectory.below(bench.ledger.scratch(), "bench")) {
            BenchCommand.refuseASecond(stack);
            Warehouse warehouse = bench.ledger.warehouse(stack);
            try (BenchTopics topics = BenchTopics.create(bench.ledger.brokers(stack), PARTITIONS)) {
                double load = ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
                bench.say("writing %,d GPU samples into Kafka".formatted(cluster.samples()));
                BenchTopics.Contents contents =
                        topics.write(cluster, variants.contains(Variant.CLICKHOUSE));
                PipelineBenchmark benchmark =
                        new PipelineBenchmark(
                                topics,
                                contents,
                                warehouse.inDatabase(warehouse.database() + "_bench"),
                                new ProcessMeter(BenchCommand.servers(stack)),
                                scratch.path());
                report =
                        new PipelineReport(
                                cluster,
                                contents,
                                topics.partitions(),
                                plan,
                                load,
                                benchmark.run(plan, cluster.jobs(), bench::say));
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        out.print(json ? report.json() + System.lineSeparator() : report.text());
        out.flush();
        return ExitCode.DONE;
    }

    private SimulatedCluster cluster() {
        try {
            return new SimulatedCluster(
                    seed,
                    hosts,
                    Duration.ofMinutes(spanMinutes),
                    Duration.ofSeconds(scrapeSeconds),
                    Duration.ofSeconds(pollSeconds));
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }
}

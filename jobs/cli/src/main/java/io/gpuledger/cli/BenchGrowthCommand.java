package io.gpuledger.cli;

import io.gpuledger.benchmarks.GrowthBenchmark;
import io.gpuledger.benchmarks.GrowthReport;
import io.gpuledger.benchmarks.ProcessMeter;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Warehouse;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Whether a sample costs more where there is more. */
@Command(
        name = "growth",
        mixinStandardHelpOptions = true,
        description = {
            "What a sample costs with history, runs or hosts doubled; the size of the state and of its checkpoint.",
            "Writes into topics of its own and the database NAME_bench, which is dropped before and after; about ten minutes. Linux only."
        })
final class BenchGrowthCommand implements Callable<Integer> {
    @CommandLine.ParentCommand BenchCommand bench;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--hosts",
            defaultValue = "48",
            paramLabel = "N",
            description = "Hosts of 8 GPUs in the base (default: ${DEFAULT-VALUE}).")
    int hosts;

    @Option(
            names = "--span",
            defaultValue = "1440",
            paramLabel = "MINUTES",
            description = "Of the base (default: ${DEFAULT-VALUE}).")
    int spanMinutes;

    @Option(
            names = "--scrape-interval",
            defaultValue = "30",
            paramLabel = "SECONDS",
            description = "Of the exporters (default: ${DEFAULT-VALUE}).")
    int scrapeSeconds;

    @Option(
            names = "--state-hosts",
            defaultValue = "191",
            paramLabel = "N",
            description = "Hosts of which the state is measured (default: ${DEFAULT-VALUE}).")
    int stateHosts;

    @Option(
            names = "--state-span",
            defaultValue = "2880",
            paramLabel = "MINUTES",
            description = "Time that the state is of (default: ${DEFAULT-VALUE}).")
    int stateSpanMinutes;

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
            description = "Runs of each case that count (default: ${DEFAULT-VALUE}).")
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

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() throws Exception {
        GrowthBenchmark.Plan plan = plan();
        GrowthReport report;
        try (LocalStack stack = bench.ledger.stack();
                ScratchDirectory scratch =
                        ScratchDirectory.below(bench.ledger.scratch(), "bench")) {
            BenchCommand.refuseASecond(stack);
            Warehouse warehouse = bench.ledger.warehouse(stack);
            GrowthBenchmark benchmark =
                    new GrowthBenchmark(
                            bench.ledger.brokers(stack),
                            warehouse.inDatabase(warehouse.database() + "_bench"),
                            new ProcessMeter(BenchCommand.servers(stack)),
                            scratch.path());
            double load = ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
            report =
                    new GrowthReport(
                            load,
                            plan,
                            benchmark.run(plan, bench::say),
                            benchmark.checkpoint(plan, bench::say));
        }
        PrintWriter out = spec.commandLine().getOut();
        out.print(json ? report.json() + System.lineSeparator() : report.text());
        out.flush();
        return ExitCode.DONE;
    }

    private GrowthBenchmark.Plan plan() {
        try {
            return new GrowthBenchmark.Plan(
                            seed,
                            hosts,
                            Duration.ofMinutes(spanMinutes),
                            Duration.ofSeconds(scrapeSeconds),
                            stateHosts,
                            Duration.ofMinutes(stateSpanMinutes),
                            repeat,
                            warmUp,
                            parallelism)
                    .checked();
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }
}

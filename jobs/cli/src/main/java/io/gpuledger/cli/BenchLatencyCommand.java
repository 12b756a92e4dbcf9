package io.gpuledger.cli;

import io.gpuledger.benchmarks.LatencyBenchmark;
import io.gpuledger.benchmarks.LatencyReport;
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

/** How late rows are. */
@Command(
        name = "latency",
        mixinStandardHelpOptions = true,
        description = {
            "Time from the end of a window, settling left out, to its row in ClickHouse, at the pace of the clock.",
            "Writes into topics of its own and the database NAME_bench, which is dropped before and after; as many minutes as windows, and two, for each interval."
        })
final class BenchLatencyCommand implements Callable<Integer> {
    @CommandLine.ParentCommand BenchCommand bench;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--hosts",
            defaultValue = "191",
            paramLabel = "N",
            description = "Hosts of 8 GPUs (default: ${DEFAULT-VALUE}).")
    int hosts;

    @Option(
            names = "--scrape-interval",
            split = ",",
            defaultValue = "1,30",
            paramLabel = "SECONDS",
            description = "Of the exporters, one after the other (default: ${DEFAULT-VALUE}).")
    List<Integer> scrapeSeconds = new ArrayList<>();

    @Option(
            names = "--windows",
            defaultValue = "3",
            paramLabel = "N",
            description = "Minutes that are measured (default: ${DEFAULT-VALUE}).")
    int windows;

    @Option(
            names = "--smoke",
            description =
                    "Only the minute in which all begins: shows that rows arrive, not how fast.")
    boolean smoke;

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
        if (hosts < 1 || windows < 1 || parallelism < 1) {
            throw new UsageException("--hosts, --windows and --parallelism are at least 1");
        }
        for (int seconds : scrapeSeconds) {
            if (seconds < 1 || 300 % seconds != 0) {
                throw new UsageException(
                        "--scrape-interval %d does not divide 300 s".formatted(seconds));
            }
        }
        double load = ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
        List<LatencyReport.Case> cases = new ArrayList<>();
        try (LocalStack stack = bench.ledger.stack();
                ScratchDirectory scratch =
                        ScratchDirectory.below(bench.ledger.scratch(), "bench")) {
            BenchCommand.refuseASecond(stack);
            Warehouse warehouse = bench.ledger.warehouse(stack);
            LatencyBenchmark benchmark =
                    new LatencyBenchmark(
                            bench.ledger.brokers(stack),
                            warehouse.inDatabase(warehouse.database() + "_bench"),
                            scratch.path());
            for (int seconds : scrapeSeconds) {
                bench.say("scrapes each %d s, %d windows".formatted(seconds, windows));
                LatencyBenchmark.Plan plan =
                        new LatencyBenchmark.Plan(
                                hosts,
                                Duration.ofSeconds(seconds),
                                smoke ? 0 : windows,
                                parallelism);
                cases.add(new LatencyReport.Case(plan, benchmark.run(plan)));
            }
        }
        LatencyReport report = new LatencyReport(load, cases);
        PrintWriter out = spec.commandLine().getOut();
        out.print(json ? report.json() + System.lineSeparator() : report.text());
        out.flush();
        return ExitCode.DONE;
    }
}

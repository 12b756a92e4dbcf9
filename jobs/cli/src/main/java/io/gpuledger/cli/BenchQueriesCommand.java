package io.gpuledger.cli;

import io.gpuledger.benchmarks.ProcessMeter;
import io.gpuledger.benchmarks.queries.QueryBenchmark;
import io.gpuledger.benchmarks.queries.QueryReport;
import io.gpuledger.benchmarks.queries.YearPlan;
import io.gpuledger.benchmarks.queries.YearTables;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Warehouse;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What users ask, of a whole year. */
@Command(
        name = "queries",
        mixinStandardHelpOptions = true,
        description = {
            "Time, memory and disk that a year of a cluster takes, asked as usage, quota and explain ask.",
            "Writes a seeded year into the database NAME_bench_year, which is dropped before and after; about two minutes."
        })
final class BenchQueriesCommand implements Callable<Integer> {
    @CommandLine.ParentCommand BenchCommand bench;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--gpus",
            defaultValue = "1528",
            paramLabel = "N",
            description = "In hosts of 8 (default: ${DEFAULT-VALUE}).")
    int gpus;

    @Option(
            names = "--days",
            defaultValue = "365",
            paramLabel = "N",
            description = "With hour rows (default: ${DEFAULT-VALUE}).")
    int days;

    @Option(
            names = "--minute-days",
            defaultValue = "2",
            paramLabel = "N",
            description = "The last of them also have minute rows (default: ${DEFAULT-VALUE}).")
    int minuteDays;

    @Option(
            names = "--grants",
            defaultValue = "40",
            paramLabel = "N",
            description = "That jobs are charged to (default: ${DEFAULT-VALUE}).")
    int grants;

    @Option(
            names = "--seed",
            defaultValue = "1",
            paramLabel = "N",
            description = "The same seed gives the same year (default: ${DEFAULT-VALUE}).")
    long seed;

    @Option(
            names = "--repeat",
            defaultValue = "20",
            paramLabel = "N",
            description = "How often each question is asked (default: ${DEFAULT-VALUE}).")
    int repeat;

    @Option(
            names = "--keep",
            description = "Leave the year in its database, and use one that was left.")
    boolean keep;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() throws Exception {
        YearPlan plan = plan();
        if (repeat < 1) {
            throw new UsageException("--repeat is at least 1");
        }
        QueryReport report;
        try (LocalStack stack = bench.ledger.stack()) {
            BenchCommand.refuseASecond(stack);
            Warehouse warehouse = bench.ledger.warehouse(stack);
            try (YearTables year =
                    new YearTables(
                            warehouse.inDatabase(warehouse.database() + "_bench_year"),
                            plan,
                            keep)) {
                bench.say("writing a year of %,d GPUs".formatted(gpus));
                year.fill(bench::say);
                double load = ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
                List<QueryBenchmark.Measured> measured =
                        new QueryBenchmark(
                                        year, repeat, new ProcessMeter(BenchCommand.servers(stack)))
                                .run(bench::say);
                report = new QueryReport(plan, load, repeat, measured, year.storage());
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        out.print(json ? report.json() + System.lineSeparator() : report.text());
        out.flush();
        return ExitCode.DONE;
    }

    private YearPlan plan() {
        try {
            return new YearPlan(seed, gpus, days, minuteDays, grants);
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }
}

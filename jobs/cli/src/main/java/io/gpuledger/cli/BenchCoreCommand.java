package io.gpuledger.cli;

import io.gpuledger.benchmarks.CoreReport;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The pieces one by one. */
@Command(
        name = "core",
        mixinStandardHelpOptions = true,
        description =
                "Nanoseconds to attribute a window, merge snapshots, decode a scrape and encode a row (JMH; about four minutes).")
final class BenchCoreCommand implements Callable<Integer> {
    @CommandLine.ParentCommand BenchCommand bench;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--smoke",
            description =
                    "One short iteration of each in this process: shows that they run, not how fast.")
    boolean smoke;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() throws Exception {
        CoreReport report = CoreReport.run(smoke);
        PrintWriter out = spec.commandLine().getOut();
        out.print(json ? report.json() + System.lineSeparator() : report.text());
        out.flush();
        return ExitCode.DONE;
    }
}

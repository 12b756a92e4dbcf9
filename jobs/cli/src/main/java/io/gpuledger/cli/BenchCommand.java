package io.gpuledger.cli;

import io.gpuledger.local.LocalStack;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Groups the benchmarks. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description = "Measures speed on this machine.",
        subcommands = {BenchPipelineCommand.class, BenchQueriesCommand.class})
final class BenchCommand implements Runnable {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(), "give a benchmark, for example gpu-ledger bench pipeline");
    }

    /** Two would measure each other, and drop each other's database and topics. */
    static void refuseASecond(LocalStack stack) {
        stack.joinUnlessAnotherDoes()
                .ifPresent(
                        other -> {
                            throw new UsageException(
                                    "another %s runs; wait for it".formatted(other));
                        });
    }

    /** For people who wait. */
    void say(String text) {
        PrintWriter err = spec.commandLine().getErr();
        err.println(text);
        err.flush();
    }
}

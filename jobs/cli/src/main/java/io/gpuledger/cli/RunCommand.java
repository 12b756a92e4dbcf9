package io.gpuledger.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Groups the Flink jobs. */
@Command(
        name = "run",
        mixinStandardHelpOptions = true,
        description = "Runs a Flink job in this process until it is stopped.",
        subcommands = {RunAttributionCommand.class, RunQuotaCommand.class})
final class RunCommand implements Runnable {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(), "give a job: gpu-ledger run attribution, or run quota");
    }
}

package io.gpuledger.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Groups the collectors. */
@Command(
        name = "collect",
        mixinStandardHelpOptions = true,
        description = "Collects into Kafka until it is stopped.",
        subcommands = {
            CollectDcgmCommand.class,
            CollectPrometheusCommand.class,
            CollectSlurmCommand.class
        })
final class CollectCommand implements Runnable {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(), "give what to collect, for example collect dcgm");
    }
}

package io.gpuledger.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Groups the enforcers. */
@Command(
        name = "enforce",
        mixinStandardHelpOptions = true,
        description = "Carries out decisions in a scheduler.",
        subcommands = EnforceSlurmCommand.class)
final class EnforceCommand implements Runnable {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(), "give the scheduler, for example enforce slurm --dry-run");
    }
}

package io.gpuledger.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Groups what shows the configuration. */
@Command(
        name = "config",
        mixinStandardHelpOptions = true,
        description = "Shows the configuration.",
        subcommands = {ConfigShowCommand.class, ConfigTemplateCommand.class})
final class ConfigCommand implements Runnable {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(), "give what to do: config show or config template");
    }
}

package io.gpuledger.cli;

import io.gpuledger.cli.config.Template;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Prints a file to begin with. */
@Command(
        name = "template",
        mixinStandardHelpOptions = true,
        description = "Prints a gpu-ledger.yaml with every key, its default, unit and meaning.")
final class ConfigTemplateCommand implements Callable<Integer> {
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public Integer call() {
        spec.commandLine().getOut().print(Template.text());
        spec.commandLine().getOut().flush();
        return ExitCode.DONE;
    }
}

package io.gpuledger.cli;

import io.gpuledger.local.LocalStack;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Stops the local stack; its data stays. */
@Command(
        name = "down",
        mixinStandardHelpOptions = true,
        description = "Stops the local stack. Data stays; up continues with it.")
final class DownCommand implements Callable<Integer> {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public Integer call() {
        try (LocalStack stack = ledger.stack()) {
            stack.down();
        }
        spec.commandLine().getOut().println("stopped");
        return ExitCode.DONE;
    }
}

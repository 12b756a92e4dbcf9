package io.gpuledger.cli;

import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Presence;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Stops the local stack; its data stays. */
@Command(
        name = "down",
        mixinStandardHelpOptions = true,
        description = {
            "Stops the local stack. Data stays; up continues with it.",
            "Refuses while another command uses the stack, for that one would fail half-way."
        })
final class DownCommand implements Callable<Integer> {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(names = "--force", description = "Stop it under the commands that use it as well.")
    boolean force;

    @Override
    public Integer call() {
        try (LocalStack stack = ledger.stack()) {
            spec.commandLine().getOut().println(stack.exists() ? stop(stack) : nothing(stack));
        }
        return ExitCode.DONE;
    }

    private String stop(LocalStack stack) {
        if (force) {
            stack.down();
            return "stopped";
        }
        List<Presence.Sign> users = stack.downUnlessUsed();
        if (!users.isEmpty()) {
            throw new UsageException(
                    "%s uses the stack in %s; wait until it is done, or add --force to stop it all the same"
                            .formatted(
                                    users.stream()
                                            .map(Presence.Sign::toString)
                                            .collect(Collectors.joining(" and ")),
                                    stack.directory()));
        }
        return "stopped";
    }

    private static String nothing(LocalStack stack) {
        return "nothing to stop: there is no stack in " + stack.directory();
    }
}

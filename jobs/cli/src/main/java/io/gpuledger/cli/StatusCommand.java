package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.gpuledger.local.LocalStack;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Says what of the local stack runs. */
@Command(
        name = "status",
        mixinStandardHelpOptions = true,
        description = "Shows the services of the local stack. Exit 1 when one is down.")
final class StatusCommand implements Callable<Integer> {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() {
        List<LocalStack.Status> all;
        try (LocalStack stack = ledger.stack()) {
            all = stack.status();
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            ArrayNode array = new ObjectMapper().createArrayNode();
            for (LocalStack.Status s : all) {
                array.addObject()
                        .put("service", s.service().label())
                        .put("up", s.up())
                        .put("pid", s.pid())
                        .put("port", s.port())
                        .put("log", s.log());
            }
            out.println(array.toPrettyString());
        } else {
            for (LocalStack.Status s : all) {
                out.println(
                        s.up()
                                ? "%-12s up    port %-6d pid %-8d %s"
                                        .formatted(s.service().label(), s.port(), s.pid(), s.log())
                                : "%-12s down                        %s"
                                        .formatted(s.service().label(), s.log()));
            }
        }
        out.flush();
        return all.stream().allMatch(LocalStack.Status::up) ? ExitCode.DONE : ExitCode.FINDINGS;
    }
}

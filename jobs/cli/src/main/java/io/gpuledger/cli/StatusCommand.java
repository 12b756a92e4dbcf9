package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.sql.Warehouse;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Says what of the local stack runs. */
@Command(
        name = "status",
        mixinStandardHelpOptions = true,
        description =
                "Shows the services of the local stack. Exit 1 when one is not up or a row was refused for its balance.")
final class StatusCommand implements Callable<Integer> {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() {
        List<LocalStack.Status> all;
        long unbalanced = 0;
        boolean exists;
        try (LocalStack stack = ledger.stack()) {
            exists = stack.exists();
            all = stack.status();
            if (all.stream().anyMatch(s -> s.up() && s.service() == Service.CLICKHOUSE)) {
                unbalanced = unbalanced(ledger.runningWarehouse(stack));
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            ArrayNode array = new ObjectMapper().createArrayNode();
            for (LocalStack.Status s : all) {
                array.addObject()
                        .put("service", s.service().label())
                        .put("up", s.up())
                        .put("state", s.state().label())
                        .put("pid", s.pid())
                        .put("port", s.port())
                        .put("log", s.log());
            }
            array.addObject()
                    .put("service", "ledger")
                    .put("up", unbalanced == 0)
                    .put("rows_out_of_balance", unbalanced);
            out.println(array.toPrettyString());
        } else if (exists) {
            all.forEach(s -> out.println(line(s)));
        } else {
            out.println(
                    "there is no stack in %s; gpu-ledger up starts one"
                            .formatted(ledger.stackDirectory()));
        }
        if (!json && unbalanced > 0) {
            out.println(
                    "ledger       %d rows broke the closed balance and were set aside: dead_letters, reason BALANCE"
                            .formatted(unbalanced));
        }
        out.flush();
        boolean up = all.stream().allMatch(LocalStack.Status::up);
        return up && unbalanced == 0 ? ExitCode.DONE : ExitCode.FINDINGS;
    }

    private static String line(LocalStack.Status s) {
        String process =
                s.state() == LocalStack.State.DOWN
                        ? ""
                        : "port %-6d pid %d".formatted(s.port(), s.pid());
        return "%-12s %-14s %-22s %s"
                .formatted(s.service().label(), s.state().label(), process, s.log());
    }

    /** A ledger that was never migrated has none. */
    private static long unbalanced(Warehouse warehouse) {
        boolean migrated =
                !warehouse
                        .inDatabase("")
                        .query(
                                "SELECT 1 FROM system.tables WHERE database = {name:String}"
                                        + " AND name = 'dead_letters'",
                                Map.of("name", warehouse.database()))
                        .isEmpty();
        return migrated
                ? Long.parseLong(
                        warehouse
                                .query(
                                        "SELECT count() FROM dead_letters WHERE reason = 'BALANCE'",
                                        Map.of())
                                .get(0)
                                .get(0))
                : 0;
    }
}

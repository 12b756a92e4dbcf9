package io.gpuledger.cli;

import io.gpuledger.benchmarks.ProcessMeter;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import java.io.PrintWriter;
import java.util.EnumMap;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Groups the benchmarks. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description = "Measures speed on this machine.",
        subcommands = {
            BenchPipelineCommand.class,
            BenchQueriesCommand.class,
            BenchCoreCommand.class,
            BenchLatencyCommand.class,
            BenchGrowthCommand.class
        })
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

    /** Processes of this machine that take part; servers that were named may be anywhere. */
    static Map<ProcessMeter.Part, Long> servers(LocalStack stack) {
        Map<ProcessMeter.Part, Long> servers = new EnumMap<>(ProcessMeter.Part.class);
        for (LocalStack.Status status : stack.status()) {
            if (status.pid() > 0 && status.service() == Service.CLICKHOUSE) {
                servers.put(ProcessMeter.Part.CLICKHOUSE, status.pid());
            } else if (status.pid() > 0 && status.service() == Service.KAFKA) {
                servers.put(ProcessMeter.Part.KAFKA, status.pid());
            }
        }
        return servers;
    }

    /** For people who wait. */
    void say(String text) {
        PrintWriter err = spec.commandLine().getErr();
        err.println(text);
        err.flush();
    }
}

package io.gpuledger.cli;

import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.sql.Migrator;
import java.io.PrintWriter;
import java.util.EnumSet;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Starts the local stack and leaves it running. */
@Command(
        name = "up",
        mixinStandardHelpOptions = true,
        description = "Starts Kafka, ClickHouse and the jobs on this machine. Safe to repeat.")
final class UpCommand implements Callable<Integer> {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public Integer call() {
        ledger.refuseServers("up");
        try (LocalStack stack = ledger.stack()) {
            Migrator.migrate(ledger.localWarehouse(stack));
            stack.ensureUp(EnumSet.allOf(Service.class));
            stack.leaveRunning();
            PrintWriter out = spec.commandLine().getOut();
            out.println("ClickHouse  " + stack.clickHouseUrl());
            out.println("Kafka       " + stack.kafkaBrokers());
            out.println("Flink       " + stack.flinkUrl());
            out.println("Stop it with: gpu-ledger down");
            out.flush();
        }
        return ExitCode.DONE;
    }
}

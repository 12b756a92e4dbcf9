package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.registry.Recharge;
import io.gpuledger.core.time.Span;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.RegistryLog;
import io.gpuledger.sql.Warehouse;
import java.io.PrintWriter;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Charges what is in the ledger by the registry in force. */
@Command(
        name = "restate",
        mixinStandardHelpOptions = true,
        description = {
            "Charges usage that is in the ledger anew, by the registry in force and by how its runs ended as known now:"
                    + " for what is older than the live job's horizon, and for what backfills wrote. Held time, energy"
                    + " and all else of a row stay as they are; hours stay the sum of their minutes.",
            "Rows get the next revision, so what the live job learns meanwhile stands. The same again changes nothing;"
                    + " one that was killed is repeated.",
            "Exit codes: 0 done, or nothing to change; 1 usage is left with the charge it had, for the ledger does not"
                    + " say what the new one depends on; 2 wrong usage, or no registry is in force; 3 ClickHouse cannot"
                    + " be reached."
        })
final class RestateCommand implements Callable<Integer> {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--cluster",
            paramLabel = "NAME",
            description = "Cluster (default: key cluster).")
    @Nullable String givenCluster;

    @Option(names = "--from", required = true, description = "ISO 8601, inclusive, whole minutes.")
    String from = "";

    @Option(names = "--to", required = true, description = "ISO 8601, exclusive, whole minutes.")
    String to = "";

    @Option(names = "--zone", description = "Zone of dates and months (default: key zone, UTC).")
    @Nullable String zone;

    @Option(names = "--dry-run", description = "Only tell what would change.")
    boolean dryRun;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() {
        String cluster = ledger.cluster(givenCluster);
        ZoneId zoneId = ledger.configuration().get(Keys.ZONE, "--zone", zone);
        Instant start = UsageCommand.instant("--from", from, zoneId);
        Instant end = UsageCommand.instant("--to", to, zoneId);
        if (!start.isBefore(end)) {
            throw new UsageException("--to %s is not after --from %s".formatted(to, from));
        }
        Span span = new Span(start.toEpochMilli(), end.toEpochMilli());
        RegistryLog.Version version;
        Restatement.Plan plan;
        Restatement.Written written;
        try (LocalStack stack = ledger.stack()) {
            Warehouse warehouse = ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            RegistryLog log = new RegistryLog(warehouse);
            // Once more if another one was applied meanwhile: rows that the live job had charged by
            // it already may have been read and charged by the old one, and the live job knows of
            // nothing to mend.
            do {
                version = inForce(log);
                Restatement restatement =
                        new Restatement(warehouse, cluster, RegistryCommand.parse(version));
                plan = restatement.plan(span, zoneId);
                int places = plan.places().size();
                written =
                        restatement.run(
                                plan.places(), span, dryRun, done -> progress(done, places));
            } while (!dryRun && inForce(log).version() != version.version());
        }
        say(version, plan.effect(), written);
        boolean left = plan.effect().undecidedGpuMs() > 0 || written.undecidedHours() > 0;
        return left ? ExitCode.FINDINGS : ExitCode.DONE;
    }

    private static RegistryLog.Version inForce(RegistryLog log) {
        return log.latest()
                .orElseThrow(
                        () ->
                                new UsageException(
                                        "no registry is in force, so there is nothing to charge by; registry apply DIR puts one in force"));
    }

    /** In a terminal only. */
    private void progress(int done, int of) {
        if (!Boolean.getBoolean("gpuledger.terminal")) {
            return;
        }
        PrintWriter err = spec.commandLine().getErr();
        err.printf("\r%d of %d hosts and days%s", done, of, done == of ? "\n" : "");
        err.flush();
    }

    private void say(
            RegistryLog.Version version, Recharge.Effect effect, Restatement.Written written) {
        List<Recharge.Line> lines = effect.differing();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            ObjectNode root =
                    new ObjectMapper()
                            .createObjectNode()
                            .put("registry_version", version.version())
                            .put("dry_run", dryRun)
                            .put("minute_rows", written.minuteRows())
                            .put("hour_rows", written.hourRows())
                            .put("undecided_gpu_ms", effect.undecidedGpuMs())
                            .put("undecided_hour_rows", written.undecidedHours());
            RechargeOutput.json(lines, root.putArray("usage"));
            out.println(root.toPrettyString());
        } else {
            if (written.minuteRows() + written.hourRows() == 0) {
                out.printf(
                        "nothing to change: all is charged by registry version %d%n",
                        version.version());
            } else {
                out.printf(
                        "%s by registry version %d: %,d minute rows and %,d hour rows%n",
                        dryRun ? "would be charged anew" : "charged anew",
                        version.version(),
                        written.minuteRows(),
                        written.hourRows());
                out.print(RechargeOutput.table(lines));
            }
            RechargeOutput.undecided(effect.undecidedGpuMs()).ifPresent(out::println);
            if (written.undecidedHours() > 0) {
                out.printf(
                        "%,d hour rows keep their charge: it changes within the hour and their minutes are gone; backfill --replace those hours%n",
                        written.undecidedHours());
            }
        }
        out.flush();
    }
}

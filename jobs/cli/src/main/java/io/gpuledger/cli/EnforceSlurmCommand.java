package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.cli.config.Configuration;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.enforcement.Limits;
import io.gpuledger.enforcement.EnforcementLog;
import io.gpuledger.enforcement.SchedulerException;
import io.gpuledger.enforcement.SlurmEnforcer;
import io.gpuledger.enforcement.SlurmScheduler;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.sql.WarehouseUnreachableException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Decisions to limits, over and over. */
@Command(
        name = "slurm",
        mixinStandardHelpOptions = true,
        description = {
            "Makes the limits of Slurm's accounts what the quota decisions want, and takes them back when they do.",
            "HOLD sets GrpTRES=gres/gpu=0, REFUSE also GrpSubmitJobs=0, DRAIN also cancels GPU jobs; ALLOW and WARN bring back what was there before.",
            "Only accounts that the registry maps are touched, never one whose balance is old. All of it is kept in the table enforcement_log."
        })
final class EnforceSlurmCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** After a failure: the log gets two rows for each try. */
    private static final long PAUSE_MS = 30_000;

    @CommandLine.ParentCommand EnforceCommand enforce;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--cluster",
            paramLabel = "NAME",
            description = "The cluster's name in the ledger (default: key cluster).")
    @Nullable String givenCluster;

    @Option(
            names = "--slurm-cluster",
            paramLabel = "NAME",
            description =
                    "ClusterName in Slurm (key enforce.slurm_cluster; default: as in the ledger).")
    @Nullable String slurmCluster;

    @Option(names = "--dry-run", description = "Say what would be done, do nothing.")
    boolean dryRun;

    @Option(names = "--once", description = "Compare once, instead of until it is stopped.")
    boolean once;

    @Option(
            names = "--every",
            paramLabel = "DURATION",
            description = "How often to compare (default: key enforce.every, 5s).")
    @Nullable String every;

    @Option(
            names = "--stale-after",
            paramLabel = "DURATION",
            description =
                    "Leave a grant as it is whose balance is older (default: key enforce.stale_after, 5min).")
    @Nullable String staleAfter;

    @Option(names = "--json", description = "A line of JSON for each change.")
    boolean json;

    private String lastNotes = "";

    @Override
    public Integer call() throws Exception {
        Configuration configuration = enforce.ledger.configuration();
        String cluster = enforce.ledger.cluster(givenCluster);
        String named =
                configuration.get(Keys.ENFORCE_SLURM_CLUSTER, "--slurm-cluster", slurmCluster);
        long pauseMs = configuration.get(Keys.ENFORCE_EVERY, "--every", every).toMillis();
        SlurmEnforcer.Settings settings =
                new SlurmEnforcer.Settings(
                        cluster,
                        configuration.get(Keys.ENFORCE_STALE, "--stale-after", staleAfter),
                        dryRun,
                        actor());
        try (ScratchDirectory scratch =
                        ScratchDirectory.below(enforce.ledger.scratch(), "enforce");
                LocalStack stack = enforce.ledger.stack()) {
            Warehouse warehouse = enforce.ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            SlurmEnforcer enforcer =
                    new SlurmEnforcer(
                            settings,
                            new SlurmScheduler(
                                    named.isEmpty() ? cluster : named,
                                    configuration.get(Keys.SLURM_COMMANDS),
                                    scratch.path()),
                            warehouse,
                            Clock.systemUTC());
            if (once) {
                return once(enforcer);
            }
            while (true) {
                TimeUnit.MILLISECONDS.sleep(round(enforcer) ? pauseMs : PAUSE_MS);
            }
        }
    }

    private int once(SlurmEnforcer enforcer) throws InterruptedException {
        try {
            SlurmEnforcer.Step step = enforcer.step();
            say(step);
            if (step.done().isEmpty() && step.failed().isEmpty() && !json) {
                spec.commandLine().getOut().println("Nothing to change.");
            }
            return step.failed().isEmpty() && step.notes().isEmpty()
                    ? ExitCode.DONE
                    : ExitCode.FINDINGS;
        } catch (SchedulerException e) {
            complain(String.valueOf(e.getMessage()));
            return ExitCode.UNREACHABLE;
        }
    }

    /** Whether the next round may follow at the usual pace. */
    private boolean round(SlurmEnforcer enforcer) throws InterruptedException {
        try {
            SlurmEnforcer.Step step = enforcer.step();
            say(step);
            return step.failed().isEmpty();
        } catch (SchedulerException | WarehouseUnreachableException e) {
            note(e.getMessage() + "; nothing is changed until it answers");
            return true;
        }
    }

    private void say(SlurmEnforcer.Step step) {
        PrintWriter out = spec.commandLine().getOut();
        for (List<EnforcementLog.Entry> entries : List.of(step.done(), step.failed())) {
            for (EnforcementLog.Entry e : entries) {
                out.println(json ? asJson(e) : asText(e));
            }
        }
        out.flush();
        note(String.join("\n", step.notes()));
    }

    /** Said when it changes, not every few seconds. */
    private void note(String notes) {
        if (!notes.equals(lastNotes)) {
            lastNotes = notes;
            if (!notes.isEmpty()) {
                notes.lines().forEach(this::complain);
            }
        }
    }

    private void complain(String line) {
        PrintWriter err = spec.commandLine().getErr();
        err.println("gpu-ledger: " + line);
        err.flush();
    }

    private static String asText(EnforcementLog.Entry e) {
        return "%s  %-8s %-7s %s  gpus %s -> %s, jobs %s -> %s  (%s #%d)%s%s"
                .formatted(
                        Instant.ofEpochMilli(e.recordedAtUs() / 1000),
                        e.outcome().name().toLowerCase(java.util.Locale.ROOT).replace('_', '-'),
                        e.measure(),
                        e.association(),
                        limit(e.before().gpus()),
                        limit(e.after().gpus()),
                        limit(e.before().submitted()),
                        limit(e.after().submitted()),
                        e.grantId().isEmpty() ? "no grant" : e.grantId(),
                        e.sequence(),
                        e.command().isEmpty() ? "" : "\n    " + e.command(),
                        e.detail().isEmpty() ? "" : "\n    " + e.detail());
    }

    private static String limit(long value) {
        return value == Limits.NONE ? "any" : Long.toString(value);
    }

    private static String asJson(EnforcementLog.Entry e) {
        ObjectNode node =
                JSON.createObjectNode()
                        .put("recorded_at_us", e.recordedAtUs())
                        .put("cluster", e.cluster())
                        .put("account", e.association().account())
                        .put("user", e.association().user())
                        .put("grant_id", e.grantId())
                        .put("sequence", e.sequence())
                        .put("measure", e.measure().name())
                        .put("outcome", e.outcome().name())
                        .put("before_gpus", e.before().gpus())
                        .put("before_submitted", e.before().submitted())
                        .put("after_gpus", e.after().gpus())
                        .put("after_submitted", e.after().submitted())
                        .put("command", e.command())
                        .put("detail", e.detail());
        return node.toString();
    }

    private static String actor() {
        String user = System.getProperty("user.name", "unknown");
        try {
            return user + "@" + InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return user; // a machine without a name of its own
        }
    }
}

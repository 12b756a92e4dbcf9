package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.registry.Recharge;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.registry.StoredCharge;
import io.gpuledger.core.time.Span;
import io.gpuledger.local.LocalStack;
import io.gpuledger.registry.RegistryConflictException;
import io.gpuledger.registry.RegistryTopic;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.RegistryLog;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Puts a registry in force. */
@Command(
        name = "apply",
        mixinStandardHelpOptions = true,
        description = {
            "Checks the files and puts them in force as a whole: one record in the Kafka topic registry, and a copy"
                    + " in ClickHouse. The same again changes nothing. Of two at once only one is applied.",
            "A change with effect in the past restates usage: the live job writes anew what lies within its horizon;"
                    + " for older usage that is charged otherwise the restate command is given.",
            "Exit codes: 0 applied, or in force already; 2 the files are wrong, or another apply came in between;"
                    + " 3 Kafka or ClickHouse cannot be reached."
        })
final class RegistryApplyCommand implements Callable<Integer> {
    private static final long HOUR_MS = 3_600_000;

    @CommandLine.ParentCommand RegistryCommand registry;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Parameters(paramLabel = "DIR", description = "Directory of .yaml files, or one of them.")
    Path directory;

    @Option(
            names = "--by",
            paramLabel = "NAME",
            description = "Who applies it, for the record (default: the user of this process).")
    @Nullable String by;

    @Option(names = "--zone", description = "Zone of months (default: key zone, UTC).")
    @Nullable String zone;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        ZoneId zoneId = registry.ledger.configuration().get(Keys.ZONE, "--zone", zone);
        String who = UsageCommand.only("--by", by);
        Optional<Registry> given = RegistryCommand.read(directory, json, spec);
        if (given.isEmpty()) {
            return ExitCode.WRONG_USAGE;
        }
        try (LocalStack stack = registry.ledger.stack()) {
            Warehouse warehouse = registry.ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            RegistryTopic topic = new RegistryTopic(registry.ledger.brokers(stack));
            long now = System.currentTimeMillis();
            RegistryTopic.Applied applied =
                    topic.apply(
                            given.get(),
                            who.isEmpty() ? System.getProperty("user.name") : who,
                            now);
            copy(topic, applied.version(), new RegistryLog(warehouse));
            long horizon = now - registry.ledger.configuration().get(Keys.HORIZON).toMillis();
            long settled = Math.floorDiv(horizon, HOUR_MS) * HOUR_MS;
            RegistryEffect effect = new RegistryEffect(warehouse, zoneId);
            List<Recharge.Usage> older =
                    effect.usage(given.get(), new Span(0, settled), "", false).stream()
                            .map(RegistryEffect.Placed::usage)
                            .toList();
            StoredCharge charge = new StoredCharge(given.get());
            say(
                    applied,
                    given.get(),
                    Recharge.of(older, charge).differing(),
                    restatements(older, charge, settled, zoneId),
                    effect.of(given.get(), new Span(settled, RegistryEffect.ALL_TIME.endMs()))
                            .differing());
        } catch (RegistryConflictException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
        return ExitCode.DONE;
    }

    /** The commands that charge older usage anew, one for each cluster. */
    private static List<String> restatements(
            List<Recharge.Usage> older, StoredCharge charge, long settledMs, ZoneId zone) {
        Map<String, String> firstMonths = new TreeMap<>();
        for (Recharge.Usage usage : older) {
            if (usage.differs(charge)) {
                firstMonths.merge(
                        usage.subject().cluster(),
                        usage.period(),
                        (a, b) -> a.compareTo(b) < 0 ? a : b);
            }
        }
        List<String> commands = new ArrayList<>();
        firstMonths.forEach(
                (cluster, month) ->
                        commands.add(
                                "gpu-ledger restate --cluster %s --from %s --to %s"
                                        .formatted(
                                                cluster,
                                                YearMonth.parse(month)
                                                        .atDay(1)
                                                        .atStartOfDay(zone)
                                                        .toInstant(),
                                                Instant.ofEpochMilli(settledMs))));
        return commands;
    }

    /** All that ClickHouse lacks: one that was killed here is made up for by the next. */
    private static void copy(RegistryTopic topic, RegistryTopic.Version applied, RegistryLog log) {
        long newest = log.newest();
        for (RegistryTopic.Version v : missing(topic.after(newest), applied, newest)) {
            log.add(
                    new RegistryLog.Version(
                            v.version(), v.recordedAtMs(), v.recordedBy(), v.digest(), v.body()));
        }
    }

    /**
     * What to add to a log whose newest version is given. A commit is acknowledged before its
     * marker is written, so who reads at once may not see yet what he has just applied.
     */
    static List<RegistryTopic.Version> missing(
            List<RegistryTopic.Version> read, RegistryTopic.Version applied, long newest) {
        List<RegistryTopic.Version> missing = new ArrayList<>(read);
        if (applied.version() > newest
                && read.stream().noneMatch(v -> v.version() == applied.version())) {
            missing.add(applied);
        }
        return missing;
    }

    private void say(
            RegistryTopic.Applied applied,
            Registry given,
            List<Recharge.Line> older,
            List<String> restatements,
            List<Recharge.Line> younger) {
        RegistryTopic.Version version = applied.version();
        Instant recorded = Instant.ofEpochMilli(version.recordedAtMs());
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            ObjectNode root =
                    new ObjectMapper()
                            .createObjectNode()
                            .put("version", version.version())
                            .put("applied", applied.isNew())
                            .put("recorded_at", recorded.toString())
                            .put("recorded_by", version.recordedBy())
                            .put("digest", version.digest());
            RechargeOutput.json(older, root.putArray("needs_restate"));
            restatements.forEach(root.putArray("restate_with")::add);
            RechargeOutput.json(younger, root.putArray("follows"));
            out.println(root.toPrettyString());
        } else {
            out.printf(
                    applied.isNew()
                            ? "applied as version %d: %s%n"
                            : "in force already, as version %d: %s%n",
                    version.version(),
                    RegistryCheckCommand.summary(given));
            if (!older.isEmpty()) {
                out.println(
                        "older usage than the live job's horizon is charged otherwise in the ledger:");
                out.print(RechargeOutput.table(older));
                out.println("to charge it anew (--dry-run tells first what that changes):");
                restatements.forEach(command -> out.println("  " + command));
            }
            if (!younger.isEmpty()) {
                out.println(
                        "the live job writes anew what follows; what backfills wrote there, restate does:");
                out.print(RechargeOutput.table(younger));
            }
        }
        out.flush();
    }
}

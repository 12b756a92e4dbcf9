package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.registry.Recharge;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.local.LocalStack;
import io.gpuledger.registry.RegistryDiff;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.RegistryLog;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows what applying a directory would change. */
@Command(
        name = "diff",
        mixinStandardHelpOptions = true,
        description = {
            "Compares the files with the registry in force: which entries differ, and for which grants and months"
                    + " usage that is in the ledger would be charged otherwise. Changes nothing.",
            "Exit codes: 0 no difference, 1 there are differences, 2 the files are wrong."
        })
final class RegistryDiffCommand implements Callable<Integer> {
    @CommandLine.ParentCommand RegistryCommand registry;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Parameters(paramLabel = "DIR", description = "Directory of .yaml files, or one of them.")
    Path directory;

    @Option(names = "--zone", description = "Zone of dates and months (default: key zone, UTC).")
    @Nullable String zone;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        ZoneId zoneId = registry.ledger.configuration().get(Keys.ZONE, "--zone", zone);
        Optional<Registry> given = RegistryCommand.read(directory, json, spec);
        if (given.isEmpty()) {
            return ExitCode.WRONG_USAGE;
        }
        Optional<RegistryLog.Version> inForce;
        List<Recharge.Line> effect;
        try (LocalStack stack = registry.ledger.stack()) {
            Warehouse warehouse = registry.ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            inForce = new RegistryLog(warehouse).latest();
            effect =
                    new RegistryEffect(warehouse, zoneId)
                            .of(given.get(), RegistryEffect.ALL_TIME)
                            .differing();
        }
        Registry before = inForce.map(RegistryCommand::parse).orElse(Registry.EMPTY);
        List<RegistryDiff.Change> changes = RegistryDiff.between(before, given.get(), zoneId);
        long version = inForce.map(RegistryLog.Version::version).orElse(0L);
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            ObjectNode root = new ObjectMapper().createObjectNode().put("against_version", version);
            changes(changes, root.putArray("changes"));
            RechargeOutput.json(effect, root.putArray("usage"));
            out.println(root.toPrettyString());
        } else {
            print(changes, effect, version, out);
        }
        out.flush();
        return changes.isEmpty() && effect.isEmpty() ? ExitCode.DONE : ExitCode.FINDINGS;
    }

    static void changes(List<RegistryDiff.Change> changes, ArrayNode into) {
        for (RegistryDiff.Change change : changes) {
            ArrayNode details =
                    into.addObject()
                            .put("change", change.kind().name())
                            .put("entry", change.entry())
                            .putArray("details");
            change.details().forEach(details::add);
        }
    }

    private static void print(
            List<RegistryDiff.Change> changes,
            List<Recharge.Line> effect,
            long version,
            PrintWriter out) {
        String against = version == 0 ? "nothing, none is in force" : "version " + version;
        if (changes.isEmpty()) {
            out.printf("the files say the same as %s%n", against);
        } else {
            out.printf("against %s:%n", against);
            for (RegistryDiff.Change change : changes) {
                out.printf("%s %s%n", change.kind().sign(), change.entry());
                change.details().forEach(d -> out.println("    " + d));
            }
        }
        out.println();
        if (effect.isEmpty()) {
            out.println("usage: what is in the ledger would be charged as it is");
        } else {
            out.println("usage that would be charged otherwise than it is now:");
            out.print(RechargeOutput.table(effect));
        }
    }
}

package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.registry.Recharge;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.time.Span;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Computes what a registry would have charged. */
@Command(
        name = "what-if",
        mixinStandardHelpOptions = true,
        description = {
            "For every grant and month the difference that a registry would make to what the ledger charges."
                    + " Computed from the ledger's rows; changes nothing.",
            "Where a weight depends on the GPU model and the ledger does not say what the scheduler calls the cards, the charge"
                    + " is taken as it is, and said."
        })
final class RegistryWhatIfCommand implements Callable<Integer> {
    @CommandLine.ParentCommand RegistryCommand parent;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--registry",
            required = true,
            paramLabel = "DIR",
            description = "Directory of .yaml files, or one of them.")
    Path directory;

    @Option(names = "--from", required = true, description = "ISO 8601, inclusive, whole minutes.")
    String from = "";

    @Option(names = "--to", required = true, description = "ISO 8601, exclusive, whole minutes.")
    String to = "";

    @Option(names = "--zone", description = "Zone of dates and months (default: key zone, UTC).")
    @Nullable String zone;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        ZoneId zoneId = parent.ledger.configuration().get(Keys.ZONE, "--zone", zone);
        Instant start = UsageCommand.instant("--from", from, zoneId);
        Instant end = UsageCommand.instant("--to", to, zoneId);
        if (!start.isBefore(end)) {
            throw new UsageException("--to %s is not after --from %s".formatted(to, from));
        }
        Optional<Registry> given = RegistryCommand.read(directory, json, spec);
        if (given.isEmpty()) {
            return ExitCode.WRONG_USAGE;
        }
        Recharge.Effect effect;
        try (LocalStack stack = parent.ledger.stack()) {
            Warehouse warehouse = parent.ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            effect =
                    new RegistryEffect(warehouse, zoneId)
                            .of(given.get(), new Span(start.toEpochMilli(), end.toEpochMilli()));
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            ObjectNode root =
                    new ObjectMapper()
                            .createObjectNode()
                            .put("from", start.toString())
                            .put("to", end.toString());
            root.put("undecided_gpu_ms", effect.undecidedGpuMs());
            RechargeOutput.json(effect.lines(), root.putArray("usage"));
            out.println(root.toPrettyString());
        } else {
            out.print(RechargeOutput.table(effect.lines()));
            RechargeOutput.undecided(effect.undecidedGpuMs()).ifPresent(out::println);
        }
        out.flush();
        return ExitCode.DONE;
    }
}

package io.gpuledger.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.registry.AccountMapping;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.RegistryLog;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Shows the registry in force, or one that was. */
@Command(
        name = "show",
        mixinStandardHelpOptions = true,
        description = "Shows the registry in force, who applied it and when; or the one that was.")
final class RegistryShowCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final DateTimeFormatter DATE =
            DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ssXXX", Locale.ROOT);

    @CommandLine.ParentCommand RegistryCommand registry;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--as-of",
            paramLabel = "T",
            description = "The one that was in force then: recorded time, ISO 8601, whole minutes.")
    @Nullable String asOf;

    @Option(names = "--history", description = "All that were applied, newest first.")
    boolean history;

    @Option(names = "--zone", description = "Zone of dates (default: key zone, UTC).")
    @Nullable String zone;

    @Option(
            names = "--json",
            description = "For programs; holds the whole registry, which check and apply take too.")
    boolean json;

    private ZoneId zoneId = ZoneId.of("UTC");

    @Override
    public Integer call() throws IOException {
        zoneId = registry.ledger.configuration().get(Keys.ZONE, "--zone", zone);
        long at =
                asOf == null
                        ? Long.MAX_VALUE
                        : UsageCommand.instant("--as-of", asOf, zoneId).toEpochMilli();
        List<RegistryLog.Version> all;
        Optional<RegistryLog.Version> version;
        try (LocalStack stack = registry.ledger.stack()) {
            Warehouse warehouse = registry.ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            RegistryLog log = new RegistryLog(warehouse);
            all = history ? log.history() : List.of();
            version = at == Long.MAX_VALUE ? log.latest() : log.asOf(at);
        }
        PrintWriter out = spec.commandLine().getOut();
        if (history) {
            out.print(json ? historyJson(all) : historyTable(all));
        } else if (version.isEmpty()) {
            out.println(
                    json ? "{\"version\": 0}" : "no registry was applied; all usage is unmapped");
        } else if (json) {
            out.println(json(version.get()));
        } else {
            print(version.get(), out);
        }
        out.flush();
        return ExitCode.DONE;
    }

    private static ObjectNode head(RegistryLog.Version version) {
        return JSON.createObjectNode()
                .put("version", version.version())
                .put("recorded_at", Instant.ofEpochMilli(version.recordedAtMs()).toString())
                .put("recorded_by", version.recordedBy())
                .put("digest", version.digest());
    }

    private static String json(RegistryLog.Version version) throws IOException {
        JsonNode body = JSON.readTree(version.body());
        return head(version).set("registry", body).toPrettyString();
    }

    private static String historyJson(List<RegistryLog.Version> all) {
        ArrayNode array = JSON.createArrayNode();
        all.forEach(v -> array.add(head(v)));
        return array.toPrettyString() + "\n";
    }

    private String historyTable(List<RegistryLog.Version> all) {
        TextTable table = new TextTable(4, List.of("version", "recorded at", "by", "digest"));
        for (RegistryLog.Version version : all) {
            table.add(
                    List.of(
                            Long.toString(version.version()),
                            date(version.recordedAtMs()),
                            version.recordedBy(),
                            version.digest().substring(0, 12)));
        }
        return table.toString();
    }

    private void print(RegistryLog.Version version, PrintWriter out) {
        Registry shown = RegistryCommand.parse(version);
        out.printf(
                "version %d, recorded %s by %s: %s%n%n",
                version.version(),
                date(version.recordedAtMs()),
                version.recordedBy(),
                RegistryCheckCommand.summary(shown));
        TextTable table =
                new TextTable(
                        6, List.of("grant", "kind", "PI", "from", "to", "accounts", "budget h"));
        for (Grant grant : shown.grants()) {
            String accounts =
                    shown.mappings().stream()
                            .filter(m -> m.grantId().equals(grant.id()))
                            .map(AccountMapping::account)
                            .distinct()
                            .collect(Collectors.joining(", "));
            long budget = grant.budget().stream().mapToLong(l -> l.gpuUs()).sum();
            table.add(
                    List.of(
                            grant.id(),
                            grant.kind().name().toLowerCase(Locale.ROOT),
                            grant.pi(),
                            date(grant.term().startMs()),
                            date(grant.term().endMs()),
                            accounts,
                            grant.budget().isEmpty() ? "-" : RechargeOutput.ofUs(budget)));
        }
        out.print(table);
    }

    private String date(long ms) {
        return DATE.format(Instant.ofEpochMilli(ms).atZone(zoneId));
    }
}

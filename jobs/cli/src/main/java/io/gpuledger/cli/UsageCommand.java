package io.gpuledger.cli;

import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.RegistryLog;
import io.gpuledger.sql.UsageQuery;
import io.gpuledger.sql.Warehouse;
import java.io.PrintWriter;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Prints consumption. */
@Command(
        name = "usage",
        mixinStandardHelpOptions = true,
        description = "Consumption by any keys, from the ledger.")
final class UsageCommand implements Callable<Integer> {
    /** Output formats. */
    enum Format {
        TABLE,
        CSV,
        JSON
    }

    private static final int ACCOUNTS_SHOWN = 10;

    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--by",
            split = ",",
            required = true,
            paramLabel = "KEYS",
            description =
                    "cluster, grant, account, user, run, job, slot, model, partition, qos, bucket, hour, day, month.")
    List<String> by = new ArrayList<>();

    @Option(names = "--from", required = true, description = "ISO 8601, inclusive, whole minutes.")
    String from = "";

    @Option(names = "--to", required = true, description = "ISO 8601, exclusive, whole minutes.")
    String to = "";

    @Option(names = "--cluster", paramLabel = "NAME", description = "Only this cluster.")
    @Nullable String cluster;

    @Option(names = "--grant", paramLabel = "NAME", description = "Only this grant.")
    @Nullable String grant;

    @Option(
            names = "--account",
            paramLabel = "NAME",
            description =
                    "Only this account. Time nobody holds has none: --by account shows it without a name.")
    @Nullable String account;

    @Option(names = "--zone", description = "Zone of times and days (default: key zone, UTC).")
    @Nullable String zone;

    @Option(
            names = "--basis",
            defaultValue = "HELD",
            description =
                    "held: who had the card; scheduled: what the scheduler charges, by the registry in force (default: held).")
    UsageQuery.Basis basis = UsageQuery.Basis.HELD;

    @Option(
            names = "--format",
            defaultValue = "TABLE",
            description = "table, csv or json (default: table).")
    Format format = Format.TABLE;

    @Override
    public Integer call() {
        ZoneId zoneId = ledger.configuration().get(Keys.ZONE, "--zone", zone);
        UsageQuery query;
        try {
            query =
                    new UsageQuery(
                            by,
                            instant("--from", from, zoneId),
                            instant("--to", to, zoneId),
                            only("--cluster", cluster),
                            only("--grant", grant),
                            only("--account", account),
                            zoneId,
                            basis);
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
        UsageQuery.Result result;
        Optional<UsageQuery.Unmapped> unmapped;
        try (LocalStack stack = ledger.stack()) {
            Warehouse warehouse = ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            result = query.run(warehouse, new ScheduledCharges(inForce(warehouse)));
            unmapped = query.unmapped(warehouse, result);
        }
        PrintWriter out = spec.commandLine().getOut();
        switch (format) {
            case CSV -> out.print(result.csv());
            case JSON -> out.println(result.json());
            case TABLE -> out.print(result.table());
        }
        out.flush();
        unmapped.ifPresent(this::warn);
        return ExitCode.DONE;
    }

    private static Registry inForce(Warehouse warehouse) {
        return new RegistryLog(warehouse)
                .latest()
                .map(RegistryCommand::parse)
                .orElse(Registry.EMPTY);
    }

    private void warn(UsageQuery.Unmapped unmapped) {
        List<String> accounts = unmapped.accounts();
        List<String> first = accounts.subList(0, Math.min(ACCOUNTS_SHOWN, accounts.size()));
        PrintWriter err = spec.commandLine().getErr();
        err.printf(
                "warning: no grant pays for %s held GPU-hours of account%s %s%s; map them in the registry%n",
                RechargeOutput.ofMs(unmapped.gpuMs()),
                accounts.size() == 1 ? "" : "s",
                String.join(", ", first),
                accounts.size() > first.size()
                        ? " and %d more".formatted(accounts.size() - first.size())
                        : "");
        err.flush();
    }

    /**
     * The name a filter asks for, empty without the filter. A variable that a script forgot to set
     * must not widen the answer.
     */
    static String only(String option, @Nullable String name) {
        if (name != null && name.isEmpty()) {
            throw new UsageException(option + " is empty; give a name or leave it out");
        }
        return name == null ? "" : name;
    }

    /** A whole minute; without a zone it is one of that zone. */
    static Instant instant(String option, String text, ZoneId zone) {
        @Nullable Instant instant = parse(text, zone);
        if (instant == null || instant.getEpochSecond() % 60 != 0 || instant.getNano() != 0) {
            throw new UsageException(
                    "%s %s is no whole minute in ISO 8601; give one like 2026-11-01T00:00"
                            .formatted(option, text));
        }
        return instant;
    }

    private static @Nullable Instant parse(String text, ZoneId zone) {
        try {
            if (text.length() == 10) {
                return LocalDate.parse(text).atStartOfDay(zone).toInstant();
            }
            boolean zoned = text.endsWith("Z") || text.matches(".*T.*[+-]\\d\\d:?\\d\\d$");
            return zoned
                    ? OffsetDateTime.parse(text).toInstant()
                    : LocalDateTime.parse(text).atZone(zone).toInstant();
        } catch (DateTimeException e) {
            return null;
        }
    }
}

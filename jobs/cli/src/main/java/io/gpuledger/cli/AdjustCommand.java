package io.gpuledger.cli;

import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.time.Span;
import io.gpuledger.sql.RegistryLog;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.CreditBook;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Credits for what the site lost. */
@Command(
        name = "adjust",
        mixinStandardHelpOptions = true,
        description = {
            "Credits for runs that ended NODE_FAIL or BOOT_FAIL: at most what they were charged in the time of key"
                    + " credits.window before their end.",
            "",
            "What is accepted becomes an adjustment in the site's own registry files; registry apply puts it in force.",
        },
        subcommands = {
            AdjustProposeCommand.class,
            AdjustAcceptCommand.class,
            AdjustRejectCommand.class
        })
final class AdjustCommand implements Runnable {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(), "give a command, for example adjust propose --month 2026-10");
    }

    static Registry inForce(Warehouse warehouse) {
        return new RegistryLog(warehouse)
                .latest()
                .map(RegistryCommand::parse)
                .orElseThrow(
                        () ->
                                new UsageException(
                                        "no registry is in force, so there is no grant to credit; registry apply DIR puts one in force"));
    }

    List<CreditBook.Proposal> proposals(Warehouse warehouse, Span span, String cluster) {
        return new CreditBook(warehouse)
                .proposals(
                        inForce(warehouse),
                        span,
                        cluster,
                        ledger.configuration().get(Keys.CREDIT_WINDOW).toMillis());
    }

    /** One that is still open. */
    CreditBook.Proposal open(Warehouse warehouse, String id) {
        CreditBook.Proposal proposal =
                proposals(warehouse, new Span(0, System.currentTimeMillis()), "").stream()
                        .filter(p -> p.id().equals(id))
                        .findFirst()
                        .orElseThrow(
                                () ->
                                        new UsageException(
                                                "there is no proposal %s; adjust propose shows those there are"
                                                        .formatted(id)));
        if (proposal.standing() == CreditBook.Standing.ACCEPTED) {
            throw new UsageException("%s is accepted already".formatted(id));
        }
        return proposal;
    }

    static String author(@Nullable String given) {
        if (given != null && given.isBlank()) {
            throw new UsageException("--author is empty; give a name or leave it out");
        }
        return given == null ? System.getProperty("user.name", "unknown") : given;
    }
}

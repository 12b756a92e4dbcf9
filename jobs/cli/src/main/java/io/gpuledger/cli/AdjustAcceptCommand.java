package io.gpuledger.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.CreditBook;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Gives a credit. */
@Command(
        name = "accept",
        mixinStandardHelpOptions = true,
        description =
                "Writes a proposed credit as an adjustment into credits.yaml of the site's registry directory.")
final class AdjustAcceptCommand implements Callable<Integer> {
    private static final String FILE = "credits.yaml";
    private static final String HEAD =
            "# Written by gpu-ledger adjust accept; entries may be edited.\nadjustments:\n";

    @CommandLine.ParentCommand AdjustCommand adjust;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @CommandLine.Parameters(paramLabel = "PROPOSAL", description = "As adjust propose shows it.")
    String id = "";

    @Option(
            names = "--registry",
            required = true,
            paramLabel = "DIR",
            description = "The site's registry files.")
    Path registry;

    @Option(
            names = "--reason",
            paramLabel = "TEXT",
            description = "Printed on the statement (default: the run and how it ended).")
    @Nullable String reason;

    @Option(
            names = "--author",
            paramLabel = "NAME",
            description = "Who gives it (default: the user of this process).")
    @Nullable String author;

    @Override
    public Integer call() throws IOException {
        String who = AdjustCommand.author(author);
        if (reason != null && reason.isBlank()) {
            throw new UsageException("--reason is empty; give one or leave it out");
        }
        if (!Files.isDirectory(registry)) {
            throw new UsageException("--registry %s is no directory".formatted(registry));
        }
        Path file = registry.resolve(FILE);
        String before = Files.exists(file) ? Files.readString(file) : "";
        if (!before.isEmpty() && !before.startsWith(HEAD)) {
            throw new UsageException(
                    "%s is not written by this command; rename it".formatted(file));
        }
        if (RegistryCommand.read(registry, false, spec).isEmpty()) {
            return ExitCode.WRONG_USAGE;
        }
        try (LocalStack stack = adjust.ledger.stack()) {
            Warehouse warehouse = adjust.ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            CreditBook.Proposal proposal = adjust.open(warehouse, id);
            String why =
                    reason == null
                            ? "Job %s ended %s"
                                    .formatted(
                                            proposal.jobId().isEmpty()
                                                    ? proposal.runId()
                                                    : proposal.jobId(),
                                            proposal.state())
                            : reason;
            Files.writeString(file, (before.isEmpty() ? HEAD : before) + entry(proposal, why, who));
            if (RegistryCommand.read(registry, false, spec).isEmpty()) {
                restore(file, before);
                return ExitCode.WRONG_USAGE;
            }
            new CreditBook(warehouse).decide(proposal, CreditBook.Standing.ACCEPTED, why, who);
        }
        spec.commandLine()
                .getOut()
                .printf("%s is in %s; registry apply %s puts it in force%n", id, file, registry);
        spec.commandLine().getOut().flush();
        return ExitCode.DONE;
    }

    private static void restore(Path file, String before) throws IOException {
        if (before.isEmpty()) {
            Files.delete(file);
        } else {
            Files.writeString(file, before);
        }
    }

    /** A JSON string is one of YAML too. */
    private static String entry(CreditBook.Proposal p, String why, String who)
            throws JsonProcessingException {
        ObjectMapper json = new ObjectMapper();
        return "  - {id: %s, grant: %s, at: %s, %s%sreason: %s, author: %s}\n"
                .formatted(
                        json.writeValueAsString(p.id()),
                        json.writeValueAsString(p.grantId()),
                        Instant.ofEpochMilli(p.atMs()),
                        p.gpuUs() == 0 ? "" : "gpu_us: " + p.gpuUs() + ", ",
                        p.money().signum() == 0 ? "" : "money: " + p.money().toPlainString() + ", ",
                        json.writeValueAsString(why),
                        json.writeValueAsString(who));
    }
}

package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.registry.Problem;
import io.gpuledger.registry.RegistryException;
import io.gpuledger.registry.RegistryFiles;
import io.gpuledger.registry.RegistryText;
import io.gpuledger.sql.RegistryLog;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Grants, accounts and charge policy: a site's own files, and what of them is in force. */
@Command(
        name = "registry",
        mixinStandardHelpOptions = true,
        description = {
            "Grants, account mappings, charge policy and prices, as YAML files in a directory of the site.",
            "",
            "check the files, diff them against what is in force, apply them. An example of a whole site is in"
                    + " deploy/registry-example; editors can use the output of registry schema.",
        },
        subcommands = {
            RegistryCheckCommand.class,
            RegistryDiffCommand.class,
            RegistryApplyCommand.class,
            RegistryShowCommand.class,
            RegistryWhatIfCommand.class,
            RegistrySchemaCommand.class
        })
final class RegistryCommand implements Runnable {
    private static final ObjectMapper JSON = new ObjectMapper();

    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(), "give a command, for example registry check DIR");
    }

    /**
     * The registry in a directory, or nothing when it is wrong: then all that is wrong is printed,
     * to people on the error output, to programs as JSON on the output.
     */
    static Optional<Registry> read(
            Path directory, boolean json, CommandLine.Model.CommandSpec command)
            throws IOException {
        try {
            return Optional.of(RegistryFiles.read(directory));
        } catch (RegistryException e) {
            if (json) {
                ObjectNode root = JSON.createObjectNode().put("valid", false);
                ArrayNode problems = root.putArray("problems");
                for (Problem problem : e.problems()) {
                    ObjectNode one = problems.addObject().put("file", problem.file());
                    if (problem.line() > 0) {
                        one.put("line", problem.line());
                    }
                    one.put("found", problem.found()).put("remedy", problem.remedy());
                }
                PrintWriter out = command.commandLine().getOut();
                out.println(root.toPrettyString());
                out.flush();
            } else {
                PrintWriter err = command.commandLine().getErr();
                e.problems().forEach(p -> err.println("gpu-ledger: " + p));
                err.flush();
            }
            return Optional.empty();
        }
    }

    /** A registry out of the log; one that this program wrote is always one that it can read. */
    static Registry parse(RegistryLog.Version version) {
        try {
            return RegistryText.parse("registry version " + version.version(), version.body());
        } catch (RegistryException e) {
            throw new UsageException(
                    "registry version %d in ClickHouse is none of this program (%s); use a newer one"
                            .formatted(version.version(), e.problems().get(0)));
        }
    }
}

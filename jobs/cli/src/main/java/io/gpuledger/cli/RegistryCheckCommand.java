package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.registry.RegistryText;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Tells everything that is wrong with registry files. */
@Command(
        name = "check",
        mixinStandardHelpOptions = true,
        description = {
            "Checks the files as a whole and tells every mistake with file and line. Needs no server.",
            "Exit codes: 0 they may be applied, 2 they may not."
        })
final class RegistryCheckCommand implements Callable<Integer> {
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Parameters(paramLabel = "DIR", description = "Directory of .yaml files, or one of them.")
    Path directory;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        Optional<Registry> read = RegistryCommand.read(directory, json, spec);
        if (read.isEmpty()) {
            return ExitCode.WRONG_USAGE;
        }
        Registry registry = read.get();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            ObjectNode root = new ObjectMapper().createObjectNode().put("valid", true);
            root.put("digest", RegistryText.digest(RegistryText.of(registry)))
                    .put("clusters", registry.clusters().size())
                    .put("grants", registry.grants().size())
                    .put("accounts", registry.mappings().size())
                    .put("charge_policies", registry.policies().size())
                    .put("price_lists", registry.priceLists().size())
                    .put("adjustments", registry.adjustments().size());
            root.putArray("problems");
            out.println(root.toPrettyString());
        } else {
            out.println("nothing is wrong: " + summary(registry));
        }
        out.flush();
        return ExitCode.DONE;
    }

    static String summary(Registry registry) {
        return "%s, %s, %s, %s, %s"
                .formatted(
                        count(registry.grants().size(), "grant", "grants"),
                        count(registry.mappings().size(), "account mapping", "account mappings"),
                        count(registry.policies().size(), "charge policy", "charge policies"),
                        count(registry.priceLists().size(), "price list", "price lists"),
                        count(registry.adjustments().size(), "adjustment", "adjustments"));
    }

    static String count(int number, String one, String many) {
        return number + " " + (number == 1 ? one : many);
    }
}

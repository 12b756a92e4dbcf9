package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.gpuledger.cli.config.Configuration;
import io.gpuledger.cli.config.Key;
import io.gpuledger.cli.config.Keys;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import java.util.function.ToIntFunction;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Prints what is in force and who said so. */
@Command(
        name = "show",
        mixinStandardHelpOptions = true,
        description =
                "Shows what every key is set to and where: an option, a variable, the file with its line, or the default. Secrets are not shown.")
final class ConfigShowCommand implements Callable<Integer> {
    @CommandLine.ParentCommand ConfigCommand config;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() {
        Configuration configuration = config.ledger.configuration();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(json(configuration));
        } else {
            print(configuration, out);
        }
        out.flush();
        return ExitCode.DONE;
    }

    private static void print(Configuration configuration, PrintWriter out) {
        int name = widest(key -> key.name().length());
        int value = widest(key -> configuration.shown(key).length());
        for (Key<?> key : Keys.ALL) {
            out.println(
                    ("%-" + name + "s  %-" + Math.max(1, value) + "s  %s")
                            .formatted(
                                    key.name(),
                                    configuration.shown(key),
                                    configuration.origin(key)));
        }
    }

    private static int widest(ToIntFunction<Key<?>> width) {
        return Keys.ALL.stream().mapToInt(width).max().orElse(1);
    }

    private static String json(Configuration configuration) {
        ArrayNode array = new ObjectMapper().createArrayNode();
        for (Key<?> key : Keys.ALL) {
            array.addObject()
                    .put("key", key.name())
                    .put("value", configuration.shown(key))
                    .put("origin", configuration.origin(key))
                    .put("default", key.standard())
                    .put("unit", key.type().unit())
                    .put("environment", key.environmentVariable())
                    .put("description", key.description());
        }
        return array.toPrettyString();
    }
}

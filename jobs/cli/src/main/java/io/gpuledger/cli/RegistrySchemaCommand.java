package io.gpuledger.cli;

import io.gpuledger.registry.RegistryFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Prints the JSON Schema of registry files. */
@Command(
        name = "schema",
        mixinStandardHelpOptions = true,
        description = {
            "Prints the JSON Schema of the files. Save it beside them and begin each with",
            "  # yaml-language-server: $schema=registry.schema.json"
        })
final class RegistrySchemaCommand implements Callable<Integer> {
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        try (InputStream in = RegistryFiles.class.getResourceAsStream("/registry.schema.json")) {
            if (in == null) {
                throw new IllegalStateException("the schema is not packaged");
            }
            out.print(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
        out.flush();
        return ExitCode.DONE;
    }
}

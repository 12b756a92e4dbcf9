package io.gpuledger.cli;

import io.gpuledger.statements.StatementBook;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Prints the JSON Schema of statements. */
@Command(
        name = "schema",
        mixinStandardHelpOptions = true,
        description =
                "Prints the JSON Schema of statements: what each field of statement show --json and of reports means.")
final class StatementSchemaCommand implements Callable<Integer> {
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        try (InputStream in = StatementBook.class.getResourceAsStream("/statement.schema.json")) {
            if (in == null) {
                throw new IllegalStateException("the schema is not packaged");
            }
            out.print(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
        out.flush();
        return ExitCode.DONE;
    }
}

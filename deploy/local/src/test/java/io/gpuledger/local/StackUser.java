package io.gpuledger.local;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.concurrent.TimeUnit;

/** A command in a process of its own: uses ClickHouse until it is told to finish. */
final class StackUser implements AutoCloseable {
    private final Process process;

    private StackUser(Process process) {
        this.process = process;
    }

    /** Returns when the command has its ClickHouse. */
    static StackUser start(Path data, String work) throws IOException {
        Process process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Xmx128m",
                                "-cp",
                                System.getProperty("java.class.path"),
                                StackUser.class.getName(),
                                data.toString(),
                                LocalStackIT.cache().toString(),
                                work)
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        BufferedReader out = process.inputReader();
        String line = out.readLine();
        if (!"ready".equals(line)) {
            process.destroyForcibly();
            throw new IOException("the command said " + line);
        }
        return new StackUser(process);
    }

    long pid() {
        return process.pid();
    }

    /** Lets the command end as commands do. */
    void finish() throws Exception {
        process.outputWriter().close();
        if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
            throw new AssertionError("the command did not end well");
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }

    public static void main(String[] args) throws IOException {
        try (LocalStack stack =
                LocalStack.open(
                        new LocalStack.Options(Path.of(args[0]), Path.of(args[1]), 0, 0),
                        args[2])) {
            stack.ensureUp(EnumSet.of(Service.CLICKHOUSE));
            System.out.println("ready");
            // Until the end of what it is told, which is when the test closes it.
            System.in.readAllBytes();
        }
    }
}

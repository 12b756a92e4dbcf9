package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.local.LocalStack;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands of several people, each a process, at once on one data directory. */
class SharedStackIT {
    private static final String[] USAGE = {
        "usage", "--by=run", "--from=2026-11-23T11:00", "--to=2026-11-23T13:00", "--format=csv"
    };

    @TempDir Path directory;

    @Test
    void they_do_not_stop_the_stack_under_each_other_and_the_last_one_does() throws Exception {
        List<Process> commands = new ArrayList<>();
        for (int i = 1; i <= 2; i++) {
            Path file = directory.resolve(i + ".psv");
            Files.writeString(
                    file,
                    "JobIDRaw|State|Start|End|NodeList|Account|User|AllocTRES\n"
                            + i
                            + "|COMPLETED|1795434848|1795434862|n1|g1|alice|gres/gpu=1\n");
            // Short commands come and go while the long ones are at work.
            commands.add(start("backfill", "--cluster=c" + i, "--slurm", file.toString()));
            commands.add(start(USAGE));
        }
        for (Process command : commands) {
            finish(command);
        }
        try (LocalStack stack = stack()) {
            assertThat(stack.exists()).isTrue();
            assertThat(stack.status()).allMatch(s -> s.state() == LocalStack.State.DOWN);
        }
        assertThat(data().resolve("tmp")).isEmptyDirectory();
        assertThat(finish(start(USAGE)))
                .contains("c1/1/1795434848,14000,0", "c2/2/1795434848,14000,0");
    }

    private static String finish(Process command) throws Exception {
        String said = new String(command.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(command.waitFor(120, TimeUnit.SECONDS)).isTrue();
        assertThat(command.exitValue()).as(said).isZero();
        return said;
    }

    private Path data() {
        return directory.resolve("data");
    }

    private LocalStack stack() {
        return LocalStack.open(new LocalStack.Options(data(), directory, 0, 0), "test");
    }

    private Process start(String... words) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("-Xmx512m");
        command.add("-Dorg.apache.avro.SERIALIZABLE_PACKAGES=io.gpuledger.schemas");
        for (String opened : List.of("java.util", "java.lang", "java.time")) {
            command.add("--add-opens=java.base/" + opened + "=ALL-UNNAMED");
        }
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(GpuLedger.class.getName());
        command.add("--data=" + data());
        command.addAll(List.of(words));
        return new ProcessBuilder(command).redirectErrorStream(true).start();
    }
}

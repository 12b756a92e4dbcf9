package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScratchDirectoryTest {
    @TempDir Path parent;

    @Test
    void what_a_killed_process_left_is_removed_by_the_next_and_what_one_uses_is_not()
            throws Exception {
        Path other = Files.createDirectory(parent.resolve("gpu-ledger-spool-1-2"));
        Process user = user();
        try (BufferedReader out = user.inputReader()) {
            Path used = Path.of(out.readLine());
            try (ScratchDirectory mine = ScratchDirectory.below(parent, "spool")) {
                assertThat(used.resolve("records")).exists();
                assertThat(mine.path()).isNotEqualTo(used);
            }

            user.destroyForcibly();
            assertThat(user.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(used).exists();
            try (ScratchDirectory mine = ScratchDirectory.below(parent, "spool")) {
                assertThat(used).doesNotExist();
                assertThat(mine.path()).exists();
            }
            // What has no sign is not known to be of a killed process.
            assertThat(parent).isDirectoryContaining(other::equals);
            assertThat(parent.toFile().list()).hasSize(1);
        } finally {
            user.destroyForcibly();
        }
    }

    private Process user() throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        User.class.getName(),
                        parent.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** Holds a scratch directory until it is killed. */
    static final class User {
        private User() {}

        public static void main(String[] args) throws IOException {
            try (ScratchDirectory scratch = ScratchDirectory.below(Path.of(args[0]), "spool")) {
                Files.writeString(scratch.path().resolve("records"), "");
                System.out.println(scratch.path());
                System.in.readAllBytes();
            }
        }
    }
}

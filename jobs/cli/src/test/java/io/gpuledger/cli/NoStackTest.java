package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands that only look, where nothing was ever started. */
class NoStackTest {
    @TempDir Path directory;

    @Test
    void status_and_down_say_so_and_create_nothing() {
        assertThat(run("status", ExitCode.FINDINGS)).contains("no stack in " + absent());
        assertThat(run("down", ExitCode.DONE)).contains("no stack in " + absent());
        assertThat(absent()).doesNotExist();
    }

    @Test
    void programs_read_that_each_service_is_down() {
        assertThat(run("status --json", ExitCode.FINDINGS))
                .contains("\"service\" : \"kafka\"", "\"state\" : \"down\"");
    }

    private Path absent() {
        return directory.resolve("absent");
    }

    private String run(String words, int exit) {
        StringWriter out = new StringWriter();
        String[] all = ("--data=" + absent() + " " + words).split(" ");
        assertThat(GpuLedger.commandLine().setOut(new PrintWriter(out)).execute(all))
                .isEqualTo(exit);
        return out.toString();
    }
}

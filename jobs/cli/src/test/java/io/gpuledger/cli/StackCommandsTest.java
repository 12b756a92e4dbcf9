package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Presence;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What commands say of a stack without starting one. */
class StackCommandsTest {
    @TempDir Path directory;

    private record Outcome(int exit, String out, String err) {}

    @Test
    void status_and_down_of_no_stack_say_so_and_create_nothing() {
        Outcome status = run("status");
        assertThat(status.exit()).isEqualTo(ExitCode.FINDINGS);
        assertThat(status.out()).contains("no stack in " + data());
        Outcome down = run("down");
        assertThat(down.exit()).isEqualTo(ExitCode.DONE);
        assertThat(down.out()).contains("no stack in " + data());
        assertThat(data()).doesNotExist();
    }

    @Test
    void programs_read_that_each_service_is_down() {
        Outcome status = run("status", "--json");
        assertThat(status.exit()).isEqualTo(ExitCode.FINDINGS);
        assertThat(status.out()).contains("\"service\" : \"kafka\"", "\"state\" : \"down\"");
    }

    @Test
    void down_refuses_while_a_command_uses_the_stack_unless_forced() {
        try (LocalStack user = open("backfill")) {
            assertThat(user.joinUnlessAnotherDoes()).isEmpty();
            Outcome refused = run("down");
            assertThat(refused.exit()).isEqualTo(ExitCode.WRONG_USAGE);
            assertThat(refused.err())
                    .hasLineCount(1)
                    .contains("backfill (process " + ProcessHandle.current().pid(), "--force");
            assertThat(run("down", "--force").exit()).isEqualTo(ExitCode.DONE);
        }
        assertThat(run("down").exit()).isEqualTo(ExitCode.DONE);
    }

    @Test
    void a_second_demo_on_the_same_data_is_refused() {
        try (LocalStack user = open("demo")) {
            assertThat(user.joinUnlessAnotherDoes()).isEmpty();
            Outcome refused = run("demo", "--once");
            assertThat(refused.exit()).isEqualTo(ExitCode.WRONG_USAGE);
            assertThat(refused.err()).hasLineCount(1).contains("another demo (process", "--data");
        }
    }

    @Test
    void a_second_attribution_on_the_same_data_is_refused_before_anything_starts()
            throws Exception {
        try (Presence one = RunAttributionCommand.alone(data())) {
            Outcome refused = run("run", "attribution");
            assertThat(refused.exit()).isEqualTo(ExitCode.WRONG_USAGE);
            assertThat(refused.err())
                    .hasLineCount(1)
                    .contains(one.sign().toString(), data().toString(), "--data");
            assertThat(data().resolve("clickhouse")).doesNotExist();
        }
    }

    private Path data() {
        return directory.resolve("data");
    }

    private LocalStack open(String work) {
        return LocalStack.open(new LocalStack.Options(data(), directory, 0, 0), work);
    }

    private Outcome run(String... words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        String[] all = new String[words.length + 1];
        all[0] = "--data=" + data();
        System.arraycopy(words, 0, all, 1, words.length);
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(all);
        return new Outcome(exit, out.toString(), err.toString());
    }
}

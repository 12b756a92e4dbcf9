package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.gpuledger.attribution.AttributionSettings;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** What a user types and gets told, before any server is needed. */
class CommandLineTest {
    private static final String SPAN = " --from 2026-11-23 --to 2026-11-24";

    @TempDir Path directory;

    private record Outcome(int exit, String out, String err) {}

    @Test
    void the_file_decides_how_time_is_attributed_and_a_site_without_one_has_the_designs_values()
            throws IOException {
        assertThat(ledger(file("")).attribution()).isEqualTo(AttributionSettings.Choice.STANDARD);
        assertThat(
                        ledger(
                                        file(
                                                """
                                                attribution:
                                                  settle: 3min
                                                  horizon: 3d
                                                  scheduler_gap: 10min
                                                  future: 1min
                                                  energy_gap: 90s
                                                  held_idle_activity: 2.5%
                                                """))
                                .attribution())
                .isEqualTo(
                        new AttributionSettings.Choice(
                                180_000, 259_200_000, 600_000, 60_000, 90_000, 25_000));
    }

    @Test
    void the_configuration_is_shown_with_who_said_so_and_without_secrets() throws IOException {
        Path file = file("clickhouse:\n  password: hush\nattribution:\n  settle: 5min\n");
        Outcome shown = run("--config", file.toString(), "--database", "d", "config", "show");

        assertThat(shown.exit()).as(shown.err()).isZero();
        assertThat(shown.out())
                .containsPattern("attribution\\.settle +5min +" + file + ":4\n")
                .containsPattern("clickhouse\\.database +d +--database\n")
                .containsPattern("clickhouse\\.password +\\*{6} +" + file + ":2\n")
                .containsPattern("attribution\\.horizon +48h +default\n")
                .doesNotContain("hush");
        assertThat(run("--config", file.toString(), "config", "show", "--json").out())
                .contains("\"value\" : \"5min\"")
                .doesNotContain("hush");
    }

    @Test
    void a_value_may_be_called_like_a_command() {
        assertThat(run("--database", "demo", "config", "show").out())
                .containsPattern("clickhouse\\.database +demo +--database\n");
        assertThat(run("--database=status", "config", "show").exit()).isZero();
    }

    @Test
    void a_template_is_a_configuration() throws IOException {
        Path file = file(run("config", "template").out());

        assertThat(run("--config", file.toString(), "config", "show").exit()).isZero();
    }

    @Test
    void a_configuration_that_is_wrong_is_refused_a_line_for_each_mistake() throws IOException {
        Path file = file("attribution:\n  settel: 2min\n  horizon: 2 weeks\n");
        Outcome refused = run("--config=" + file, "migrate");

        assertThat(refused.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(refused.err())
                .hasLineCount(2)
                .contains(file + ":2: unknown key", "did you mean 'attribution.settle'?")
                .contains(file + ":3: attribution.horizon 2 weeks is no duration");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--config= migrate",
                "--data= migrate",
                "--database= migrate",
                "--clickhouse= migrate",
                "--kafka= migrate",
                "backfill --cluster= --slurm x",
                "usage --by account --cluster=" + SPAN,
                "statement close --month 2026-01 --grant=",
                "statement close --month 2026-01 --override=",
                "reconcile --cluster= --sacct x" + SPAN
            })
    void an_empty_value_is_refused_in_one_line(String line) {
        Outcome refused = run(line.split(" ", -1));

        assertThat(refused.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(refused.err()).hasLineCount(1).contains("is empty; give");
    }

    @ParameterizedTest
    @CsvSource({
        "backfill --cluster c --zone Nowhere --slurm x,--zone Nowhere is no time zone",
        "backfill --cluster c --scrape-interval 0 --slurm x,is out of range; give 1s to 1h",
        "backfill --slurm x,give --cluster NAME",
        "backfill --cluster a/b --slurm x,give another name",
        "backfill --cluster c --observed-at 1999-12-31T23:59:59Z --slurm x,between the years 2000 and 2100",
        "backfill --cluster c --observed-at 2100-01-01T00:00:00Z --slurm x,between the years 2000 and 2100",
        "--kafka-port 70000 up,is no port",
        "--clickhouse http://h:1 up,leave out --clickhouse",
        "--clickhouse nonsense migrate,is no URL of a server"
    })
    void a_value_that_is_none_is_refused_in_one_line(String line, String why) throws IOException {
        Path file = directory.resolve("x");
        Files.writeString(file, "JobIDRaw|State|Start|End|AllocTRES\n");
        Outcome refused = run(line.replace("--slurm x", "--slurm " + file).split(" ", -1));

        assertThat(refused.exit()).as(refused.err()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(refused.err()).hasLineCount(1).contains(why);
    }

    @ParameterizedTest
    @ValueSource(ints = {200, 404})
    void a_server_that_is_no_clickhouse_is_named_in_one_line(int status) throws IOException {
        byte[] page = "<html>\n<body>It works</body>\n</html>".getBytes(StandardCharsets.UTF_8);
        HttpServer server =
                HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext(
                "/",
                exchange -> {
                    exchange.sendResponseHeaders(status, page.length);
                    exchange.getResponseBody().write(page);
                    exchange.close();
                });
        server.start();
        try {
            String url = "http://127.0.0.1:" + server.getAddress().getPort();
            Outcome refused = run("--clickhouse", url, "migrate");

            assertThat(refused.exit()).isEqualTo(ExitCode.UNREACHABLE);
            assertThat(refused.err())
                    .hasLineCount(1)
                    .contains(url, "is no ClickHouse")
                    .doesNotContain("<");
        } finally {
            server.stop(0);
        }
    }

    @Test
    void checkpoints_of_a_shorter_horizon_are_not_gone_on_from() throws IOException {
        long day = 86_400_000;
        CheckpointedHorizon.in(directory).begin(day, false);
        CheckpointedHorizon.in(directory).begin(day / 2, true);

        assertThatThrownBy(() -> CheckpointedHorizon.in(directory).begin(day, true))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("attribution.horizon is 24 h")
                .hasMessageContaining("keep 12 h");
        CheckpointedHorizon.in(directory).begin(day, false);
    }

    private GpuLedger ledger(Path file) {
        CommandLine line = GpuLedger.commandLine();
        line.parseArgs("--config", file.toString(), "config", "show");
        return line.getCommand();
    }

    private Path file(String text) throws IOException {
        return Files.writeString(directory.resolve("gpu-ledger.yaml"), text);
    }

    /** The data in a directory of its own; what the line says of it comes first. */
    private Outcome run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out, true))
                        .setErr(new PrintWriter(err, true));
        List<String> all = new ArrayList<>(Arrays.asList(arguments));
        if (all.stream().noneMatch(a -> a.startsWith("--data"))) {
            all.add(0, "--data=" + directory.resolve("data"));
        }
        int exit = line.execute(all.toArray(String[]::new));
        return new Outcome(exit, out.toString(), err.toString());
    }
}

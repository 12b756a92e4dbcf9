package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gpuledger.cli.config.Configuration;
import io.gpuledger.cli.config.Keys;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** What operators copy must be what the program takes. */
class DeployFilesTest {
    private static final Path DEPLOY = Path.of("../../deploy");
    private static final Path SYSTEMD_ANALYZE = Path.of("/usr/bin/systemd-analyze");
    private static final String LAUNCHER = "/opt/gpu-ledger/deploy/gpu-ledger";

    private static List<Path> units() throws IOException {
        try (Stream<Path> all = Files.list(DEPLOY.resolve("systemd"))) {
            List<Path> units = all.sorted().toList();
            assertThat(units).hasSizeGreaterThanOrEqualTo(5);
            return units;
        }
    }

    @Test
    void the_example_configuration_has_no_mistake() {
        Configuration example =
                Configuration.read(
                        DEPLOY.resolve("gpu-ledger.yaml").toAbsolutePath(), Map.of(), List.of());
        assertThat(example.get(Keys.KAFKA_BROKERS)).contains(",");
        assertThat(example.get(Keys.DCGM_TARGET_FILES)).hasSize(1);
    }

    @Test
    void every_unit_runs_a_command_that_there_is() throws IOException {
        for (Path unit : units()) {
            String start =
                    Files.readAllLines(unit).stream()
                            .filter(line -> line.startsWith("ExecStart="))
                            .findFirst()
                            .orElse("");
            assertThat(start).as(unit.toString()).startsWith("ExecStart=" + LAUNCHER + " ");
            String[] words = start.split(" ", -1);
            CommandLine.ParseResult parsed =
                    GpuLedger.commandLine()
                            .parseArgs(java.util.Arrays.copyOfRange(words, 1, words.length));
            assertThat(parsed.subcommand().subcommand()).as(unit.toString()).isNotNull();
        }
    }

    @Test
    void systemd_finds_nothing_wrong_with_the_units() throws Exception {
        assumeTrue(Files.isExecutable(SYSTEMD_ANALYZE), "no systemd-analyze here");
        List<String> command = new ArrayList<>(List.of(SYSTEMD_ANALYZE.toString(), "verify"));
        units().forEach(unit -> command.add(unit.toString()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        assertThat(said.lines())
                .filteredOn(line -> line.contains("gpu-ledger"))
                // It is not installed where this is tested.
                .filteredOn(line -> !line.contains("Command " + LAUNCHER + " is not executable"))
                .isEmpty();
    }
}

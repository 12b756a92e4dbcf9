package io.gpuledger.cli.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigurationTest {
    /** A home without a configuration. */
    @TempDir Path home;

    @Test
    void an_option_beats_the_environment_which_beats_the_file_which_beats_the_default()
            throws IOException {
        Path file = file("data: /file\ncache: /file\nclickhouse:\n  database: file\n");
        Configuration configuration =
                Configuration.read(
                        file,
                        environment(
                                Map.of(
                                        "GPU_LEDGER_DATA", "/environment",
                                        "GPU_LEDGER_CLICKHOUSE_DATABASE", "environment")),
                        List.of(new Configuration.Given(Keys.DATA, "--data", "/option")));

        assertThat(configuration.get(Keys.DATA)).isEqualTo(Path.of("/option"));
        assertThat(configuration.origin(Keys.DATA)).isEqualTo("--data");
        assertThat(configuration.get(Keys.CLICKHOUSE_DATABASE)).isEqualTo("environment");
        assertThat(configuration.origin(Keys.CLICKHOUSE_DATABASE))
                .isEqualTo("GPU_LEDGER_CLICKHOUSE_DATABASE");
        assertThat(configuration.get(Keys.CACHE)).isEqualTo(Path.of("/file"));
        assertThat(configuration.origin(Keys.CACHE)).isEqualTo(file + ":2");
        assertThat(configuration.get(Keys.SETTLE)).isEqualTo(Duration.ofMinutes(2));
        assertThat(configuration.origin(Keys.SETTLE)).isEqualTo("default");
    }

    @Test
    void everything_that_is_wrong_is_said_at_once_with_its_line() throws IOException {
        Path file =
                file(
                        """
                        zone: Nowhere
                        attribution:
                          settel: 2min
                          settle: 90s
                          horizon: 48
                          scheduler_gap: 2m
                          energy_gap: [1h]
                          parallelism: many
                          held_idle_activity: 101%
                        clickhouse:
                          url: http://alice:secret@host:8123
                        local:
                          kafka_port: 70000
                          kafka_port: 1
                        data: here
                        colour: blue
                        """);

        assertThatThrownBy(() -> read(file))
                .isInstanceOf(ConfigurationException.class)
                .satisfies(e -> assertThat(String.valueOf(e.getMessage())).doesNotContain("secret"))
                .extracting(e -> String.valueOf(e.getMessage()).lines().toList())
                .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.list(String.class))
                .containsExactly(
                        file + ":1: zone Nowhere is no time zone; give one like Europe/Copenhagen",
                        file
                                + ":3: unknown key 'attribution.settel'; did you mean"
                                + " 'attribution.settle'?",
                        file + ":4: attribution.settle 90s is not in whole min; round it",
                        file
                                + ":5: attribution.horizon 48 has no unit; give one like 30s, units are"
                                + " ms, s, min, h, d",
                        file
                                + ":6: attribution.scheduler_gap 2m is no duration; give one like 30s,"
                                + " units are ms, s, min, h, d",
                        file + ":7: attribution.energy_gap takes one value, not a list or section",
                        file + ":8: attribution.parallelism many is out of range; give 1 to 1024",
                        file
                                + ":9: attribution.held_idle_activity 101% is no percentage; give one"
                                + " like 1% or 0.5%",
                        file
                                + ":11: clickhouse.url http://******@host:8123 is no URL of a server;"
                                + " give one like http://127.0.0.1:8123, user and password apart",
                        file
                                + ":13: local.kafka_port 70000 is no port; give 1 to 65535, or 0 for a"
                                + " free one",
                        file
                                + ":14: local.kafka_port is given before, at "
                                + file
                                + ":13; leave one out",
                        file + ":15: data here is no whole path; begin it with / or ~/",
                        file + ":16: unknown key 'colour'; gpu-ledger config template shows all");
    }

    @Test
    void a_mistake_in_the_file_is_not_hidden_by_what_overrides_it() throws IOException {
        Path file = file("zone: Nowhere\n");

        assertThatThrownBy(
                        () ->
                                Configuration.read(
                                        file,
                                        environment(Map.of("GPU_LEDGER_ZONE", "UTC")),
                                        List.of()))
                .hasMessageContaining(file + ":1: zone Nowhere");
    }

    @Test
    void a_variable_that_is_nearly_one_of_ours_is_a_mistake() {
        assertThatThrownBy(
                        () ->
                                Configuration.read(
                                        null,
                                        environment(
                                                Map.of("GPU_LEDGER_ATTRIBUTION_SETTEL", "1min")),
                                        List.of()))
                .hasMessage(
                        "unknown variable GPU_LEDGER_ATTRIBUTION_SETTEL; did you mean"
                                + " GPU_LEDGER_ATTRIBUTION_SETTLE?");
        assertThatThrownBy(
                        () ->
                                Configuration.read(
                                        null,
                                        environment(
                                                Map.of("GPU_LEDGER_ATTRIBUTION_SETTLE", "soon")),
                                        List.of()))
                .hasMessageStartingWith("GPU_LEDGER_ATTRIBUTION_SETTLE soon is no duration");
    }

    @Test
    void the_file_is_the_named_one_else_the_variables_else_the_one_at_home() throws IOException {
        Path named = Files.writeString(home.resolve("named.yaml"), "zone: Europe/Copenhagen\n");
        Path ofVariable = Files.writeString(home.resolve("variable.yaml"), "zone: Europe/Berlin\n");
        Map<String, String> variable =
                environment(Map.of("GPU_LEDGER_CONFIG", ofVariable.toString()));

        assertThat(read(null).file()).isEmpty();
        Path atHome =
                Files.createDirectories(home.resolve("gpu-ledger")).resolve("gpu-ledger.yaml");
        Files.writeString(atHome, "zone: Europe/Paris\n");
        assertThat(read(null).file()).contains(atHome);
        assertThat(Configuration.read(null, variable, List.of()).file()).contains(ofVariable);
        assertThat(Configuration.read(named, variable, List.of()).file()).contains(named);
        assertThatThrownBy(() -> read(home.resolve("none.yaml")))
                .hasMessageEndingWith("none.yaml: no such file; check the path");
    }

    @ParameterizedTest
    @CsvSource({
        "'data: [',1",
        "'data: /a\n\tcache: /b',2",
        "'- data',1",
        "'--- \ndata: /a\n---\ndata: /b',3",
        "'[data]: /a',1"
    })
    void what_is_no_file_of_keys_is_said_with_its_line(String text, int line) throws IOException {
        Path file = file(text);

        assertThatThrownBy(() -> read(file)).hasMessageStartingWith(file + ":" + line + ": ");
    }

    @Test
    void empty_files_and_sections_are_the_defaults() throws IOException {
        assertThat(read(file("")).get(Keys.SETTLE)).isEqualTo(Duration.ofMinutes(2));
        Configuration configuration = read(file("attribution:\n  # settle: 3min\nkafka: {}\n"));
        assertThat(configuration.get(Keys.SETTLE)).isEqualTo(Duration.ofMinutes(2));
        assertThatThrownBy(() -> read(file("zone:\n")))
                .hasMessageEndingWith(":1: zone is empty; give a value or leave the key out");
    }

    @Test
    void the_template_has_every_key_and_reads_back_to_the_defaults() throws IOException {
        Configuration defaults = read(null);
        Configuration template = read(file(Template.text()));

        for (Key<?> key : Keys.ALL) {
            assertThat(template.get(key)).as(key.name()).isEqualTo(defaults.get(key));
            assertThat(template.origin(key)).as(key.name()).contains("gpu-ledger.yaml:");
            assertThat(Template.text()).contains(key.description(), key.environmentVariable());
        }
    }

    @Test
    void every_key_is_described_and_named_once() {
        Set<String> variables = new HashSet<>();
        for (Key<?> key : Keys.ALL) {
            assertThat(key.name()).matches("[a-z_]+(\\.[a-z_]+){0,2}");
            assertThat(key.description()).as(key.name()).matches("[A-Z].*\\.");
            assertThat(key.type().unit()).as(key.name()).isNotBlank();
            assertThat(variables.add(key.environmentVariable())).as(key.name()).isTrue();
        }
    }

    @Test
    void a_password_is_read_from_its_file_and_never_shown() throws IOException {
        Path secret = Files.writeString(home.resolve("secret"), "from file\n");
        Configuration inFile = read(file("clickhouse:\n  password_file: " + secret + "\n"));
        Configuration inline = read(file("clickhouse:\n  password: inline\n"));

        assertThat(inFile.clickHousePassword()).isEqualTo("from file");
        assertThat(inline.clickHousePassword()).isEqualTo("inline");
        assertThat(inline.shown(Keys.CLICKHOUSE_PASSWORD)).isEqualTo("******");
        assertThat(read(null).shown(Keys.CLICKHOUSE_PASSWORD)).isEmpty();
        assertThatThrownBy(
                        () ->
                                read(
                                        file(
                                                "clickhouse:\n  password: inline\n  password_file: "
                                                        + secret
                                                        + "\n")))
                .hasMessageContaining("both give a password")
                .hasMessageNotContaining("inline");
    }

    private Configuration read(@org.jspecify.annotations.Nullable Path file) {
        return Configuration.read(file, environment(Map.of()), List.of());
    }

    private Map<String, String> environment(Map<String, String> variables) {
        java.util.HashMap<String, String> all = new java.util.HashMap<>(variables);
        all.put("XDG_CONFIG_HOME", home.toString());
        return all;
    }

    private Path file(String text) throws IOException {
        return Files.writeString(home.resolve("gpu-ledger.yaml"), text);
    }
}

package io.gpuledger.registry;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** The schema for editors and the reader must not part. */
class RegistrySchemaTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path EXAMPLE = Path.of("../../deploy/registry-example");

    static List<Path> example() throws IOException {
        try (Stream<Path> files = Files.list(EXAMPLE)) {
            return files.filter(f -> f.toString().endsWith(".yaml")).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("example")
    void the_example_is_valid(Path file) throws IOException {
        assertThat(schema().validate(yaml(Files.readString(file)))).isEmpty();
        assertThat(Files.readString(file)).contains("registry.schema.json");
    }

    @Test
    void the_canonical_text_is_valid() throws Exception {
        String text = RegistryText.of(RegistryFiles.read(EXAMPLE));
        assertThat(schema().validate(JSON.readTree(text))).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "grant:|",
                "grants: [{id: a}]|",
                "accounts: [{cluster: c, account: a, grant: g, from: 2026-01-01T00:00}]|",
                "charge_policies: [{weights: [{weight: 1.0005}]}]|",
                "charge_policies: [{suspended: nope}]|"
            })
    void a_mistake_that_an_editor_can_see_is_refused(String text) throws IOException {
        assertThat(schema().validate(yaml(text))).isNotEmpty();
    }

    /** Every key that the reader knows is in the schema, and the other way round. */
    @Test
    void schema_and_reader_know_the_same_keys() throws IOException {
        JsonNode schema = JSON.readTree(resource());
        JsonNode types = schema.path("definitions");
        JsonNode grant = types.path("grant").path("properties");
        assertThat(keys(schema.path("properties"))).isEqualTo(RegistryReader.SECTIONS);
        assertThat(keys(grant)).isEqualTo(RegistryReader.GRANT);
        assertThat(keys(grant.path("term").path("properties"))).isEqualTo(RegistryReader.TERM);
        assertThat(keys(grant.path("thresholds").path("properties")))
                .isEqualTo(RegistryReader.THRESHOLDS);
        assertThat(keys(grant.path("enforcement").path("properties")))
                .isEqualTo(RegistryReader.ENFORCEMENT);
        assertThat(keys(types.path("budget_line").path("properties")))
                .isEqualTo(RegistryReader.LINE);
        assertThat(keys(types.path("account").path("properties")))
                .isEqualTo(RegistryReader.ACCOUNT);
        JsonNode policy = types.path("policy").path("properties");
        assertThat(keys(policy)).isEqualTo(RegistryReader.POLICY);
        assertThat(keys(policy.path("weights").path("items").path("properties")))
                .isEqualTo(RegistryReader.WEIGHT);
        JsonNode prices = types.path("price_list").path("properties");
        assertThat(keys(prices)).isEqualTo(RegistryReader.PRICE_LIST);
        assertThat(keys(prices.path("prices").path("items").path("properties")))
                .isEqualTo(RegistryReader.PRICE);
        assertThat(keys(types.path("adjustment").path("properties")))
                .isEqualTo(RegistryReader.ADJUSTMENT);
        assertThat(keys(types.path("grid_factor").path("properties")))
                .isEqualTo(RegistryReader.GRID_FACTOR);
    }

    private static List<String> keys(JsonNode properties) {
        List<String> keys = new ArrayList<>();
        properties.fieldNames().forEachRemaining(keys::add);
        return keys;
    }

    private static JsonNode yaml(String text) {
        return JSON.valueToTree(new Load(LoadSettings.builder().build()).loadFromString(text));
    }

    private static JsonSchema schema() throws IOException {
        JsonSchema schema =
                JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V7).getSchema(resource());
        Set<ValidationMessage> messages = schema.validate(JSON.readTree("{}"));
        assertThat(messages).isEmpty();
        return schema;
    }

    private static String resource() throws IOException {
        try (InputStream in = RegistryFiles.class.getResourceAsStream("/registry.schema.json")) {
            assertThat(in).isNotNull();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}

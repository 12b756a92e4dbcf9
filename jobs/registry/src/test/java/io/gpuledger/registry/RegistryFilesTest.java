package io.gpuledger.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.ChargePiece;
import io.gpuledger.core.registry.Charging;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.GrantKind;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.ChargeSubject;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RegistryFilesTest {
    private static final Path EXAMPLE = Path.of("../../deploy/registry-example");
    private static final Path MISTAKES = Path.of("src/test/resources/mistakes");

    private static final long SEED = 20_261_126;

    @TempDir Path directory;

    private record Expected(String file, int line, String text) {}

    /** The files say themselves what is wrong where. */
    @Test
    void every_mistake_is_reported_with_file_and_line_and_no_other() throws Exception {
        List<Expected> expected = new ArrayList<>();
        for (String file : List.of("grants.yaml", "rest.yaml", "several.yaml")) {
            List<String> lines = Files.readAllLines(MISTAKES.resolve(file));
            for (int i = 1; i < lines.size(); i++) {
                String[] parts = lines.get(i).split("#! ", -1);
                for (int p = 1; p < parts.length; p++) {
                    expected.add(new Expected(file, i + 1, parts[p].strip()));
                }
            }
        }
        assertThat(expected).hasSizeGreaterThanOrEqualTo(60);

        List<Problem> problems = problems(MISTAKES);

        for (Expected mistake : expected) {
            assertThat(problems)
                    .as(mistake.toString())
                    .filteredOn(
                            p ->
                                    p.file().endsWith(mistake.file())
                                            && p.line() == mistake.line()
                                            && p.toString().contains(mistake.text()))
                    .hasSize(1);
        }
        assertThat(problems).hasSameSizeAs(expected);
    }

    @Test
    void the_example_is_a_whole_site() throws Exception {
        Registry site = RegistryFiles.read(EXAMPLE);

        assertThat(site.clusters()).hasSize(2);
        assertThat(site.grants()).hasSize(12);
        assertThat(site.grants())
                .extracting(Grant::kind)
                .contains(GrantKind.VOUCHER, GrantKind.COMMERCIAL);
        assertThat(site.adjustments()).hasSize(2);
        long may = Instant.parse("2026-05-31T22:00:00Z").toEpochMilli();
        assertThat(budgetHours(site, "dcai-2026-002", may)).isEqualTo(22_500);
        assertThat(budgetHours(site, "dcai-2026-003", may)).isEqualTo(10_500);
        // 4749.5 hours exactly, without a floating point number.
        assertThat(site.grant("dcai-2026-007").orElseThrow().budgetAt(may))
                .isEqualTo(4_749 * BudgetLine.GPU_US_PER_GPU_HOUR + 1_800_000_000L);
        long august = Instant.parse("2026-07-31T22:00:00Z").toEpochMilli();
        assertThat(budgetHours(site, "dcai-2026-004", august - 1)).isEqualTo(13_500);
        assertThat(budgetHours(site, "dcai-2026-004", august)).isEqualTo(12_000);
    }

    @Test
    void an_account_that_moves_is_charged_to_both_grants_to_the_minute() throws Exception {
        Charging charging = new Charging(RegistryFiles.read(EXAMPLE));
        long move = Instant.parse("2026-04-14T22:00:00Z").toEpochMilli();
        Span around = new Span(move - 90_000, move + 30_000);

        List<ChargePiece> pieces =
                charging.pieces(
                        new ChargeSubject(
                                "gefion",
                                "medimg",
                                "emil",
                                "gpu",
                                "",
                                "h100",
                                Bucket.ALLOCATED,
                                ""),
                        around);

        assertThat(pieces)
                .extracting(p -> p.charge().grantId())
                .containsExactly("dcai-2026-005", "dcai-2026-006");
        assertThat(pieces).extracting(p -> p.span().lengthMs()).containsExactly(90_000L, 30_000L);
    }

    @Test
    void the_canonical_text_says_the_same_and_is_the_same_for_any_order() throws Exception {
        Registry site = RegistryFiles.read(EXAMPLE);
        String text = RegistryText.of(site);

        assertThat(RegistryText.parse("text", text)).isEqualTo(site);
        assertThat(RegistryText.of(RegistryText.parse("text", text))).isEqualTo(text);

        StringBuilder reversed = new StringBuilder("accounts:\n");
        List<String> lines = new ArrayList<>(Files.readAllLines(EXAMPLE.resolve("accounts.yaml")));
        for (int i = lines.size() - 1; i >= 0; i--) {
            reversed.append(lines.get(i).startsWith("  - ") ? lines.get(i) + "\n" : "");
        }
        for (String file : List.of("clusters", "policy", "vouchers-2026", "commercial", "grid")) {
            Files.copy(EXAMPLE.resolve(file + ".yaml"), directory.resolve("z" + file + ".yml"));
        }
        Files.writeString(directory.resolve("a.yaml"), reversed);
        assertThat(RegistryText.of(RegistryFiles.read(directory))).isEqualTo(text);
    }

    @Test
    void the_factor_of_the_hour_and_of_the_cluster_comes_first() throws Exception {
        Files.writeString(
                directory.resolve("r.yaml"),
                """
                clusters: [north, south]
                grid_factors:
                  - {area: DK2, g_per_kwh: 96}
                  - {area: DK2, from: 2026-10-01T00:00Z, hourly: [81.5, 79]}
                  - {cluster: south, area: DK1, from: 2026-10-01T01:00Z, g_per_kwh: 60}
                """);
        Registry site = RegistryFiles.read(directory);
        long at = Instant.parse("2026-10-01T00:30:00Z").toEpochMilli();
        assertThat(site.gridFactor("north", at - 3_600_000)).contains(new BigDecimal("96"));
        assertThat(site.gridFactor("north", at)).contains(new BigDecimal("81.5"));
        assertThat(site.gridFactor("north", at + 3_600_000)).contains(new BigDecimal("79"));
        assertThat(site.gridFactor("south", at + 3_600_000)).contains(new BigDecimal("60"));
        assertThat(Registry.EMPTY.gridFactor("north", at)).isEmpty();
        assertThat(RegistryText.parse("text", RegistryText.of(site))).isEqualTo(site);

        Files.writeString(
                directory.resolve("s.yaml"),
                """
                grid_factors:
                  - {area: DK2, from: 2026-10-01T01:00Z, hourly: [1, 2]}
                  - {cluster: west, g_per_kwh: -1}
                  - {hourly: [x, 2], from: 2026-10-01T01:00Z, to: 2026-10-02T01:00Z}
                """);
        assertThat(problems(directory))
                .extracting(Problem::toString)
                .anyMatch(
                        p -> p.contains("s.yaml:2") && p.contains("two grid factors are in force"))
                .anyMatch(p -> p.contains("s.yaml:3") && p.contains("a factor below zero"))
                .anyMatch(p -> p.contains("s.yaml:4") && p.contains("'x' is no factor"))
                .anyMatch(p -> p.contains("s.yaml:4") && p.contains("hourly factors with to"));
    }

    @Test
    void texts_of_any_characters_come_back() throws Exception {
        String title = "\"Quotes\", \\, tabs\tand\nlines, Ærø, \uD83D\uDE80, # no comment: {}";
        Files.writeString(
                directory.resolve("r.yaml"),
                "grants: [{id: a, kind: voucher, pi: p, title: "
                        + new JsonText().of(title)
                        + ", term: {from: 2026-01-01T00:00Z, to: 2027-01-01T00:00Z},"
                        + " budget: [{kind: initial, at: 2026-01-01T00:00Z, gpu_us: 3600000000000000}]}]");
        Registry registry = RegistryFiles.read(directory);

        assertThat(registry.grants().get(0).title()).isEqualTo(title);
        assertThat(RegistryText.parse("text", RegistryText.of(registry))).isEqualTo(registry);
    }

    @Test
    void what_is_no_registry_is_said_in_a_line() throws Exception {
        assertThat(problems(directory))
                .extracting(Problem::toString)
                .containsExactly(directory + ": holds no .yaml file; check the path");
        assertThat(problems(directory.resolve("gone")))
                .extracting(Problem::toString)
                .containsExactly(directory.resolve("gone") + ": does not exist; check the path");
        Files.writeString(directory.resolve("a.yaml"), "grants:\n  - {id: [\n");
        Files.write(directory.resolve("b.yaml"), new byte[] {(byte) 0xff, (byte) 0xfe, 'x'});
        Files.writeString(directory.resolve("c.yaml"), "just a text");
        Files.writeString(directory.resolve("d.yaml"), "grants: {id: a}");
        Files.writeString(
                directory.resolve("e.yaml"), "grants: [a, [b]]\nclusters: [[a]]\n? [a]\n: b\n");
        List<Problem> problems = problems(directory);
        assertThat(problems.stream().map(p -> p.file().substring(p.file().length() - 6)).distinct())
                .containsExactly("a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml");
        assertThat(problems)
                .allMatch(p -> !p.remedy().isEmpty())
                .allMatch(p -> p.line() >= 1 || p.found().equals("is no UTF-8 text"));
    }

    /**
     * Words of the example change places or are lost: what comes is a registry or a list of faults.
     */
    @Test
    void words_in_the_wrong_places_are_faults_and_no_more() throws Exception {
        List<List<String>> texts = new ArrayList<>();
        try (Stream<Path> files = Files.list(EXAMPLE)) {
            for (Path file : files.sorted().toList()) {
                texts.add(List.of(Files.readString(file).split("(?<=[ ,{}:\\n])", -1)));
            }
        }
        int faulty = 0;
        for (int seed = 0; seed < 3_000; seed++) {
            Random random = new Random(SEED + seed);
            List<List<String>> damaged = new ArrayList<>();
            texts.forEach(words -> damaged.add(new ArrayList<>(words)));
            for (int i = random.nextInt(4); i >= 0; i--) {
                List<String> words = damaged.get(random.nextInt(damaged.size()));
                List<String> others = texts.get(random.nextInt(texts.size()));
                String other = others.get(random.nextInt(others.size()));
                words.set(random.nextInt(words.size()), random.nextBoolean() ? other : "-1 ");
            }
            RegistryReader reader = new RegistryReader();
            for (int i = 0; i < damaged.size(); i++) {
                reader.read(i + ".yaml", String.join("", damaged.get(i)));
            }
            try {
                Registry registry = reader.registry();
                assertThat(RegistryText.parse("again", RegistryText.of(registry)))
                        .as("seed %d", seed)
                        .isEqualTo(registry);
            } catch (RegistryException e) {
                faulty++;
                assertThat(e.problems())
                        .as("seed %d", seed)
                        .isNotEmpty()
                        .allMatch(p -> p.line() >= 1 && !p.remedy().isEmpty());
            }
        }
        assertThat(faulty).isBetween(1_000, 2_999);
    }

    @Test
    void an_empty_file_says_nothing() throws Exception {
        Files.writeString(directory.resolve("a.yaml"), "# later\n");
        Files.createDirectory(directory.resolve(".git"));
        Files.writeString(directory.resolve(".git").resolve("b.yaml"), "not: ours");
        assertThat(RegistryFiles.read(directory)).isEqualTo(Registry.EMPTY);
    }

    private static long budgetHours(Registry site, String grant, long at) {
        return site.grant(grant).orElseThrow().budgetAt(at) / BudgetLine.GPU_US_PER_GPU_HOUR;
    }

    private static List<Problem> problems(Path directory) throws IOException {
        RegistryException thrown =
                catchThrowableOfType(RegistryException.class, () -> RegistryFiles.read(directory));
        return thrown.problems();
    }
}

package io.gpuledger.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Mistakes of every kind in a registry of few entries: each alone is one message, all are all. */
class PlantedMistakesTest {
    private static final String SOUND =
            """
            clusters: [gefion]
            grants:
              - id: g-a
                title: A grant
                pi: Anna Holm
                kind: commercial
                term: {from: 2026-01-01T00:00Z, to: 2027-01-01T00:00Z}
                price_list: list
                budget:
                  - {kind: initial, at: 2026-01-01T00:00Z, gpu_hours: 1000}
                  - {kind: top-up, at: 2026-02-01T00:00Z, gpu_hours: 11}
                  - {kind: top-up, at: 2026-03-01T00:00Z, gpu_hours: 12}
                  - {kind: top-up, at: 2026-04-01T00:00Z, gpu_hours: 13, expires: 2026-12-01T00:00Z}
                  - {kind: correction, at: 2026-05-01T00:00Z, gpu_hours: -14}
                thresholds: {warning: 80, critical: 95, hysteresis: 1}
                enforcement: {warning: warn, exhausted: refuse, grace: 24h, dry_run: true}
              - id: g-b
                title: Another
                pi: Bo Lund
                kind: voucher
                term: {from: 2026-01-01T00:00Z, to: 2027-01-02T00:00Z}
                budget: [{kind: initial, at: 2026-01-02T00:00Z, gpu_hours: 7}]
                thresholds: {warning: 70, critical: 90, hysteresis: 2}
            accounts:
              - {cluster: gefion, account: one, grant: g-a}
              - {cluster: gefion, account: two, user: u, grant: g-b, from: 2026-01-03T00:00Z}
            charge_policies:
              - suspended: true
                overhead: true
                weights:
                  - {model: h100, qos: low, weight: 0.5}
                  - {model: a100, weight: 0.25}
                  - {bucket: overhead, weight: 0.1}
            price_lists:
              - name: list
                currency: DKK
                prices:
                  - {model: h100, to: 2026-07-01T00:00Z, per_gpu_hour: 20}
                  - {model: h100, from: 2026-07-01T00:00Z, per_gpu_hour: 21}
            adjustments:
              - {id: x1, grant: g-a, at: 2026-02-02T00:00Z, gpu_hours: 1, reason: hot, author: bo}
              - {id: x2, grant: g-b, at: 2026-03-03T00:00Z, gpu_us: 5, reason: cold, author: cy}
            """;

    /**
     * One thing that somebody gets wrong.
     *
     * @param right stands once in the sound registry
     * @param message part of what must be said of it, at its line
     */
    private record Mistake(String right, String wrong, String message) {}

    private static Mistake of(String right, String wrong, String message) {
        return new Mistake(right, wrong, message);
    }

    /** They do not touch each other. */
    private static List<Mistake> mistakes() {
        return List.of(
                of("[gefion]", "[gefion, gefion]", "cluster 'gefion' stands before"),
                of("title: A grant", "titel: A grant", "did you mean 'title'?"),
                of("kind: commercial", "kind: comercial", "did you mean 'commercial'?"),
                of("price_list: list", "price_list: lits", "price list 'lits'"),
                of("gpu_hours: 11", "gpu_hours: eleven", "'eleven' is no number"),
                of("at: 2026-03-01T00:00Z", "at: 2027-03-01T00:00Z", "outside the term"),
                of("gpu_hours: 12}", "gpu_hours: -12}", "a top-up of less than nothing"),
                of("expires: 2026-12-01T", "expires: 2026-03-31T", "expires before it counts"),
                of("gpu_hours: -14", "gpu_hours: -14, gpu_us: 3", "leave one out"),
                of("2026-05-01T00:00Z", "2026-05-01T00:00Z, grant: g-b", "only a transfer"),
                of("warning: 80", "warning: 0", "warning 0 %"),
                of("critical: 95", "critical: 101", "critical 101 %"),
                of("hysteresis: 1}", "hysteresis: 0.00001}", "finer than 0.0001 %"),
                of("exhausted: refuse", "exhausted: stop", "exhausted 'stop'"),
                of("grace: 24h", "grace: 24", "'24' is no length of time"),
                of("dry_run: true", "dry_run: maybe", "dry_run 'maybe' is neither"),
                of("2026-01-02T00:00Z", "2026-01-02T00:00:01Z", "no whole minute"),
                of("critical: 90", "critical: 60", "critical 60 % is less than warning 70 %"),
                of("hysteresis: 2}", "hysteresis: 70}", "hysteresis 70 %"),
                of("cluster: gefion, account: one", "cluster: gefoin, account: one", "'gefoin'"),
                of("account: one", "account: ' one'", "account ' one' is blank"),
                of("grant: g-a}", "grant: g-aa}", "grant 'g-aa', which does not exist"),
                of("user: u", "users: u", "did you mean 'user'?"),
                of("2026-01-03T00:00Z", "2026-01-03", "has no zone"),
                of("suspended: true", "suspended: yes", "suspended 'yes' is neither"),
                of("weight: 0.5", "weight: 0.00005", "finer than a thousandth"),
                of("weight: 0.25", "weight: -1", "a weight of -1"),
                of("bucket: overhead", "bucket: idle", "a weight for IDLE"),
                of("currency: DKK", "currency: kr", "currency 'kr'"),
                of("per_gpu_hour: 20", "per_gpu_hour: -20", "a price below zero"),
                of("per_gpu_hour: 21", "per_gpu_hour: all", "'all' is no number"),
                of("from: 2026-07-01", "from: 2026-06-01", "two prices of model 'h100'"),
                of("2026-02-02T00:00Z", "2025-02-02T00:00Z", "lies before the term"),
                of("gpu_hours: 1,", "gpu_hours: 0,", "credits nothing"),
                of(", author: bo", "", "an adjustment has no author"),
                of("id: x2", "id: x1", "adjustment 'x1' exists twice"),
                of("reason: cold", "reason: ", "an adjustment has no reason"),
                of("grant: g-b, at", "grant: g b, at", "'g b' is no name"));
    }

    /** Of these more would follow in an entry that has others. */
    private static List<Mistake> lonely() {
        return List.of(
                of("    pi: Anna Holm\n", "", "a grant has no pi"),
                of("pi: Anna Holm", "pi: [Anna]", "pi of a grant is a list or section"),
                of("price_list: list\n", "\n", "has no price list"),
                of("cluster: gefion, account: one", "clster: gefion, account: one", "'clster'"),
                of("account: two", "acount: two", "did you mean 'account'?"),
                of("to: 2027-01-01T00:00Z", "too: 2027-01-01T00:00Z", "'too'"),
                of("to: 2027-01-01T00:00Z", "to: 2025-01-01T00:00Z", "the term ends"),
                of("kind: initial, at: 2026-01-02", "kind: inital, at: 2026-01-02", "'inital'"),
                of("gpu_hours: 7", "gpu_hour: 7", "did you mean 'gpu_hours'?"),
                of("account: two, user: u", "account: one", "two mappings that fit the same"),
                of("kind: correction", "kind: top-up", "less than nothing"),
                of("warning: 80", "warning: eighty", "'eighty' is no number"));
    }

    private static Stream<Mistake> each() {
        return Stream.concat(mistakes().stream(), lonely().stream());
    }

    @Test
    void what_the_mistakes_are_planted_in_is_sound() throws Exception {
        assertThat(RegistryText.parse("sound.yaml", SOUND).grants()).hasSize(2);
    }

    @ParameterizedTest
    @MethodSource("each")
    void a_mistake_alone_is_one_message_at_its_line(Mistake mistake) {
        List<Problem> problems = problems(List.of(mistake));

        assertThat(problems).hasSize(1);
        assertThat(problems.get(0).toString())
                .startsWith("planted.yaml:")
                .contains(mistake.message())
                .doesNotContain("ppm");
    }

    @Test
    void all_at_once_are_all_reported_each_at_its_line() {
        List<Mistake> all = mistakes();
        assertThat(all).hasSizeGreaterThan(30);

        List<Problem> problems = problems(all);

        List<String> missing = new ArrayList<>();
        for (Mistake mistake : all) {
            int line = line(mistake);
            if (problems.stream()
                    .noneMatch(p -> p.line() == line && p.toString().contains(mistake.message()))) {
                missing.add(line + ": " + mistake);
            }
        }
        assertThat(missing).as("of %s", problems).isEmpty();
        assertThat(problems).hasSameSizeAs(all);
    }

    private static List<Problem> problems(List<Mistake> planted) {
        String text = SOUND;
        for (Mistake mistake : planted) {
            assertThat(text).as("%s", mistake).containsOnlyOnce(mistake.right());
            text = text.replace(mistake.right(), mistake.wrong());
        }
        String wrong = text;
        return catchThrowableOfType(
                        RegistryException.class, () -> RegistryText.parse("planted.yaml", wrong))
                .problems();
    }

    private static int line(Mistake mistake) {
        return (int) SOUND.substring(0, SOUND.indexOf(mistake.right())).lines().count();
    }
}

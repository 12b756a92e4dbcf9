package io.gpuledger.registry;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.registry.Registry;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What people are told of a change. */
class RegistryDiffTest {
    private static final String GRANT =
            """
            clusters: [c]
            grants:
              - id: alpha
                title: A
                pi: P
                kind: voucher
                term: {from: 2026-01-01T00:00Z, to: 2027-01-01T00:00Z}
                budget: [{kind: initial, at: 2026-01-01T00:00Z, gpu_hours: 1}]
            """;

    @Test
    void a_grant_that_says_nothing_of_them_has_the_standard_thresholds_and_enforcement()
            throws Exception {
        List<RegistryDiff.Change> changes =
                between(
                        GRANT,
                        GRANT
                                + "    thresholds: {warning: 70}\n"
                                + "    enforcement: {critical: hold}\n");

        assertThat(changes).hasSize(1);
        assertThat(changes.get(0).details())
                .containsExactly(
                        "thresholds: warning 80 %, critical 95 %, hysteresis 1 % -> warning 70 %, critical 95 %, hysteresis 1 %",
                        "enforcement: warning warn, critical warn, exhausted refuse, expired refuse, grace 0 s -> warning warn, critical hold, exhausted refuse, expired refuse, grace 0 s");
    }

    @Test
    void what_is_said_but_standard_is_no_change() throws Exception {
        assertThat(between(GRANT, GRANT + "    thresholds: {warning: 80, critical: 95}\n"))
                .isEmpty();
    }

    private static List<RegistryDiff.Change> between(String before, String after)
            throws RegistryException {
        return RegistryDiff.between(registry(before), registry(after), ZoneOffset.UTC);
    }

    private static Registry registry(String yaml) throws RegistryException {
        return RegistryText.parse("test", yaml);
    }
}

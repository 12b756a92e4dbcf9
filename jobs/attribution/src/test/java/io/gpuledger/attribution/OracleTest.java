package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.testkit.ExpectedRow;
import io.gpuledger.testkit.Inputs;
import io.gpuledger.testkit.Kind;
import io.gpuledger.testkit.Oracle;
import io.gpuledger.testkit.Scenario;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * The ledger's rows against those of the brute-force oracle. More scenarios: {@code
 * -Dgpuledger.seeds=5000}; one, as a failure names it: {@code -Dgpuledger.seed=17
 * -Dgpuledger.kinds=PLAIN,RESIZED}; others: {@link ScenarioChoice}.
 */
class OracleTest {
    private static final int SHOWN = 48;
    private static final int BATCH = 50;
    private static final int SALT = 1 + ScenarioChoice.FROM;
    private static final int SEEDS = Integer.getInteger("gpuledger.seeds", 150);

    /** Whatever makes rows of records. */
    private interface Engine {
        List<UsageRow> rows(Inputs inputs) throws Exception;
    }

    @Test
    void the_core_gives_the_rows_of_the_oracle() throws Exception {
        Failures failures = new Failures();
        for (int from = 0; from < SEEDS; from += BATCH) {
            List<Scenario> scenarios = ScenarioChoice.of(from, Math.min(SEEDS, from + BATCH));
            Engine engine = inputs -> PureEngine.rows(inputs.duplicated(SALT).shuffled(SALT));
            failures.compare(scenarios, minutes(scenarios), engine.rows(Inputs.of(scenarios)));
        }
        failures.check();
    }

    @Test
    void the_graph_gives_the_rows_of_the_oracle_in_any_order_and_with_duplicates()
            throws Exception {
        // One run of the graph for all scenarios: starting Flink costs more than they do.
        List<Scenario> scenarios =
                ScenarioChoice.of(1_000_000, 1_000_000 + Math.min(SEEDS, 500) / 3);
        List<ExpectedRow> minutes = minutes(scenarios);
        List<ExpectedRow> hours = OracleComparison.hours(minutes);
        Failures failures = new Failures();
        for (int order = 1; order <= 2; order++) {
            int salt = SALT + order;
            Inputs inputs = Inputs.of(scenarios).duplicated(salt).shuffled(salt);
            List<SinkRow> rows = graph(inputs, order);
            failures.compare(scenarios, minutes, GraphRun.rows(rows, SinkTable.USAGE_MINUTE));
            failures.compare(scenarios, hours, GraphRun.rows(rows, SinkTable.USAGE_HOUR));
        }
        failures.check();
    }

    private static List<ExpectedRow> minutes(List<Scenario> scenarios) {
        List<ExpectedRow> rows = new ArrayList<>();
        scenarios.forEach(scenario -> rows.addAll(Oracle.rows(scenario)));
        return rows;
    }

    private static List<SinkRow> graph(Inputs inputs, int parallelism) throws Exception {
        List<byte[]> scheduler = new ArrayList<>();
        List<byte[]> telemetry = new ArrayList<>();
        for (var record : inputs.jobs()) {
            scheduler.add(bytes(record.toByteBuffer()));
        }
        for (var record : inputs.hosts()) {
            scheduler.add(bytes(record.toByteBuffer()));
        }
        for (var record : inputs.heartbeats()) {
            scheduler.add(bytes(record.toByteBuffer()));
        }
        for (var record : inputs.scrapes()) {
            telemetry.add(bytes(record.toByteBuffer()));
        }
        List<SinkRow> rows = GraphRun.of(scheduler, telemetry, parallelism);
        assertThat(SinkContents.deadLetters(rows)).isEmpty();
        return rows;
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    /** What differs, by scenario; each is a cluster of its own. */
    private static final class Failures {
        private final List<String> differences = new ArrayList<>();
        private final Map<Kind, Integer> byKind = new EnumMap<>(Kind.class);
        private int failed;
        private int compared;

        void compare(List<Scenario> scenarios, List<ExpectedRow> expected, List<UsageRow> actual) {
            Map<String, List<ExpectedRow>> want = new HashMap<>();
            expected.forEach(r -> want.computeIfAbsent(r.cluster(), c -> new ArrayList<>()).add(r));
            Map<String, List<UsageRow>> have = new HashMap<>();
            actual.forEach(r -> have.computeIfAbsent(r.cluster(), c -> new ArrayList<>()).add(r));
            for (Scenario scenario : scenarios) {
                List<String> found =
                        OracleComparison.differences(
                                want.getOrDefault(scenario.cluster(), List.of()),
                                have.getOrDefault(scenario.cluster(), List.of()));
                compared++;
                if (!found.isEmpty()) {
                    failed++;
                    scenario.kinds().forEach(k -> byKind.merge(k, 1, Integer::sum));
                    differences.add(
                            "seed %d of %s: %d rows differ"
                                    .formatted(scenario.seed(), scenario.kinds(), found.size()));
                    differences.addAll(found.subList(0, Math.min(3, found.size())));
                }
            }
        }

        void check() {
            assertThat(differences.subList(0, Math.min(SHOWN, differences.size())))
                    .as("%d of %d comparisons failed, by kind %s", failed, compared, byKind)
                    .isEmpty();
        }
    }
}

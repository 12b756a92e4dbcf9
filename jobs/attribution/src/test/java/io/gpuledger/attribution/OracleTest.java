package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.testkit.Generator;
import io.gpuledger.testkit.Inputs;
import io.gpuledger.testkit.Kind;
import io.gpuledger.testkit.Oracle;
import io.gpuledger.testkit.Scenario;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * The ledger's rows against those of the brute-force oracle. More seeds: {@code
 * -Dgpuledger.seeds=1000}; one: {@code -Dgpuledger.seed=17 -Dgpuledger.kind=RESIZED}.
 */
class OracleTest {
    private static final int SHOWN = 48;
    private static final int BATCH = 20;

    /** The kinds that the engine does. */
    private enum Enabled {
        PLAIN,
        MULTI_HOST,
        EXCLUSIVE,
        SUSPENDED,
        SUSPENDED_BETWEEN_POLLS,
        CANCELLED_WHILE_SUSPENDED,
        RESIZED,
        REQUEUED,
        REQUEUED_AFTER_END,
        LOST_INCARNATION,
        LOST_INCARNATION_HOOKS_ONLY,
        NODE_FAIL,
        STILL_RUNNING,
        NEVER_STARTED,
        ZERO_LENGTH,
        DOUBLE_HOLD,
        RUNAWAY,
        COUNT_ONLY,
        COUNT_OVER_HOSTS,
        HOOKS_AND_ACCOUNTING,
        RARE_POLLS,
        SHARDS,
        MIG_MAPPED,
        MIG_MAPPED_INSTANCE_ROWS,
        MIG_UNMAPPED,
        NODE_STATES,
        INVENTORY_MAPS_UUIDS,
        NO_TELEMETRY,
        MISSING_SCRAPES,
        BLANK_FIELDS,
        COUNTER_RESET,
        TWO_EXPORTERS,
        NO_COUNTER,
        COUNTER_GAPS_WITH_POWER,
        NO_PROFILING,
        NEW_UUID,
        REPEATED_SCRAPES,
        REPEATED_WITH_OTHER_FIELDS;

        static Set<Kind> kinds() {
            Set<Kind> kinds = EnumSet.noneOf(Kind.class);
            Arrays.stream(values()).map(e -> Kind.valueOf(e.name())).forEach(kinds::add);
            return kinds;
        }
    }

    /** Whatever makes rows of records. */
    private interface Engine {
        List<UsageRow> rows(Inputs inputs) throws Exception;
    }

    @Test
    void the_core_gives_the_rows_of_the_oracle() throws Exception {
        int seeds = Integer.getInteger("gpuledger.seeds", 100);
        for (int from = 0; from < seeds; from += BATCH) {
            List<Scenario> scenarios = scenarios(from, Math.min(seeds, from + BATCH));
            check(scenarios, inputs -> PureEngine.rows(inputs.duplicated(1).shuffled(1)));
        }
    }

    @Test
    void the_graph_gives_the_rows_of_the_oracle_in_any_order_and_with_duplicates()
            throws Exception {
        int seeds = Math.max(2, Integer.getInteger("gpuledger.seeds", 100) / 50);
        List<Scenario> scenarios = scenarios(0, seeds);
        for (long order = 1; order <= 2; order++) {
            int parallelism = (int) order;
            long by = order;
            check(scenarios, inputs -> graph(inputs.duplicated(by).shuffled(by), parallelism));
        }
    }

    private static List<Scenario> scenarios(int from, int to) {
        Long one = Long.getLong("gpuledger.seed");
        String kind = System.getProperty("gpuledger.kind");
        Set<Kind> kinds = kind == null ? Enabled.kinds() : EnumSet.of(Kind.valueOf(kind));
        long first = one == null ? from : one;
        long end = one == null ? to : one + 1;
        List<Scenario> scenarios = new ArrayList<>();
        for (long seed = first; seed < end; seed++) {
            for (Kind k : kinds) {
                scenarios.add(Generator.of(seed, k));
            }
            if (kind == null) {
                scenarios.add(Generator.mixed(seed, kinds));
            }
        }
        return scenarios;
    }

    private static List<UsageRow> graph(Inputs inputs, int parallelism) throws Exception {
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
        assertThat(rows.stream().filter(r -> r.table.equals("DEAD_LETTERS"))).isEmpty();
        return GraphRun.current(rows, SinkTable.USAGE_MINUTE).values().stream()
                .map(UsageReader.Stored::row)
                .toList();
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    /** Runs all scenarios at once, each its own cluster, and compares row by row. */
    private static void check(List<Scenario> scenarios, Engine engine) throws Exception {
        Inputs all = Inputs.of(scenarios);
        Map<String, List<UsageRow>> actual = new HashMap<>();
        for (UsageRow row : engine.rows(all)) {
            actual.computeIfAbsent(row.cluster(), c -> new ArrayList<>()).add(row);
        }
        List<String> differences = new ArrayList<>();
        Map<Set<Kind>, Integer> failed = new HashMap<>();
        for (Scenario scenario : scenarios) {
            List<String> found =
                    OracleComparison.differences(
                            Oracle.rows(scenario),
                            actual.getOrDefault(scenario.cluster(), List.of()));
            if (!found.isEmpty()) {
                failed.merge(scenario.kinds(), 1, Integer::sum);
                differences.add(
                        "seed %d of %s: %d rows differ"
                                .formatted(scenario.seed(), scenario.kinds(), found.size()));
                differences.addAll(found.subList(0, Math.min(3, found.size())));
            }
        }
        assertThat(differences.subList(0, Math.min(SHOWN, differences.size())))
                .as("failed of %d scenarios, by kind: %s", scenarios.size(), failed)
                .isEmpty();
    }
}

package io.gpuledger.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.testkit.Scenario.Ending;
import io.gpuledger.testkit.Scenario.Host;
import io.gpuledger.testkit.Scenario.Instance;
import io.gpuledger.testkit.Scenario.Look;
import io.gpuledger.testkit.Scenario.Part;
import io.gpuledger.testkit.Scenario.Reading;
import io.gpuledger.testkit.Scenario.Reservation;
import io.gpuledger.testkit.Scenario.Run;
import io.gpuledger.testkit.Scenario.Seen;
import io.gpuledger.testkit.Scenario.Stretch;
import io.gpuledger.testkit.Scenario.Watch;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The oracle is trusted because examples small enough for a reader's head come out right. */
class OracleTest {
    /** A whole minute. */
    private static final long T0 = 1_699_999_980_000L;

    private static final Watch EVERY_MINUTE =
            new Watch(List.of(T0, T0 + 59_999, T0 + 60_000), List.of(), List.of(), false, true);

    @Test
    void a_run_an_epilog_and_then_nobody() {
        Run run = run(1, 10, 20, Map.of("n1", T0 + 20_500), part(0, -1, 0, 10, 20));

        assertThat(first(host(1, 0, 0, List.of()), EVERY_MINUTE, run))
                .containsExactlyInAnyOrder(
                        holder("ALLOCATED", run, -1, 10_000),
                        holder("OVERHEAD", run, -1, 500),
                        nobody("IDLE", 49_500));
    }

    @Test
    void instances_and_the_free_rest_share_a_card_without_loss() {
        Host host = host(1, 0, 7, List.of(new Instance(0, 0, 3, 2), new Instance(1, 0, 5, 3)));
        Run two = run(1, 0, 1, Map.of(), part(0, 3, 0, 0, 1));
        Run three = run(2, 0, 1, Map.of(), part(0, 5, 0, 0, 1));

        assertThat(first(host, EVERY_MINUTE, two, three))
                .containsExactlyInAnyOrder(
                        holder("ALLOCATED", two, 3, share(2, 0, 7)),
                        holder("ALLOCATED", three, 5, share(5, 2, 7)),
                        nobody("IDLE", 59_000 + share(7, 5, 7)));
    }

    private static long share(long after, long before, long of) {
        return ((T0 + 1_000) * after / of - T0 * after / of)
                - ((T0 + 1_000) * before / of - T0 * before / of);
    }

    @Test
    void a_node_that_is_down_or_reserved_is_not_idle() {
        Host host =
                new Host(
                        "n1",
                        1,
                        "",
                        0,
                        0,
                        List.of(),
                        List.of(0),
                        false,
                        List.of(
                                new Look(T0, List.of("DOWN", "RESERVED")),
                                new Look(T0 + 5_000, List.of("IDLE", "RESERVED")),
                                new Look(T0 + 15_000, List.of("IDLE")),
                                new Look(T0 + 59_000, List.of("DRAIN"))),
                        List.of(
                                new Reservation(
                                        "maint",
                                        T0 + 20_000,
                                        T0 + 25_000,
                                        T0 + 30_000,
                                        true,
                                        List.of(T0 + 10_000, T0 + 40_000))),
                        List.of());

        assertThat(first(host, EVERY_MINUTE))
                .containsExactlyInAnyOrder(
                        nobody("DOWN", 10_000), nobody("RESERVED", 10_000), nobody("IDLE", 40_000));
    }

    @Test
    void polls_too_far_apart_tell_nothing() {
        Watch rare = new Watch(List.of(T0, T0 + 300_001), List.of(), List.of(), false, true);
        Watch exact = new Watch(List.of(T0, T0 + 300_000), List.of(), List.of(), false, true);

        assertThat(first(host(1, 0, 0, List.of()), rare))
                .containsExactly(nobody("UNKNOWN", 60_000));
        assertThat(first(host(1, 0, 0, List.of()), exact)).containsExactly(nobody("IDLE", 60_000));
    }

    @Test
    void a_count_stands_at_minus_one_and_is_taken_back_from_idle() {
        Watch counts = new Watch(List.of(T0, T0 + 60_000), List.of(), List.of(), false, false);
        Run run = run(1, 0, 30, Map.of(), part(1, -1, 0, 0, 30));

        List<ExpectedRow> rows =
                Oracle.rows(scenario(host(2, 0, 0, List.of()), counts, List.of(run)));

        assertThat(rows).filteredOn(r -> r.gpuIndex() >= 0).hasSize(2);
        assertThat(rows)
                .filteredOn(r -> r.gpuIndex() == -1)
                .singleElement()
                .satisfies(
                        r -> {
                            assertThat(r.existsMs()).isZero();
                            assertThat(r.holders())
                                    .containsExactly(
                                            holder("ALLOCATED", run, -1, 30_000),
                                            nobody("IDLE", -30_000));
                        });
    }

    @Test
    void a_count_of_all_that_is_left_has_its_place() {
        Watch counts = new Watch(List.of(T0, T0 + 60_000), List.of(), List.of(), false, false);
        Run run = run(1, 0, 30, Map.of(), part(0, -1, 0, 0, 30), part(1, -1, 0, 0, 30));

        List<ExpectedRow> rows =
                Oracle.rows(scenario(host(2, 0, 0, List.of()), counts, List.of(run)));

        assertThat(rows).extracting(ExpectedRow::gpuIndex).containsExactly(0, 1);
        assertThat(rows.get(1).holders()).contains(holder("ALLOCATED", run, -1, 30_000));
    }

    @Test
    void a_sample_covers_one_and_a_half_intervals_at_most_and_the_first_nothing() {
        assertThat(
                        telemetry(
                                reading(5, Map.of(1001, 1_000_000L)),
                                reading(45, Map.of(203, 9_999L))))
                .isEqualTo(new long[] {15_000, 149_985, 0});
    }

    @Test
    void only_samples_with_activity_bound_the_cover_of_activity() {
        assertThat(
                        telemetry(
                                reading(5, Map.of(1001, 0L)),
                                reading(10, Map.of(156, 100L)),
                                reading(15, Map.of(1001, 500_000L)),
                                reading(20, Map.of(156, 7_100L))))
                .isEqualTo(new long[] {10_000, 5_000_000, 7_000});
    }

    @Test
    void a_counter_that_fell_says_nothing_and_power_stands_in_only_where_there_is_none() {
        assertThat(
                        telemetry(
                                reading(5, Map.of(156, 100L, 155, 9_000L)),
                                reading(15, Map.of(156, 40L, 155, 9_000L)),
                                reading(25, Map.of(156, 90L, 155, 9_000L))))
                .isEqualTo(new long[] {0, 0, 50});
        assertThat(telemetry(reading(5, Map.of(155, 1L)), reading(15, Map.of(155, 70_000L))))
                .isEqualTo(new long[] {0, 0, 700_000});
    }

    /** Covered, active and energy of an idle card in its first minute, 10 s scrapes. */
    private static long[] telemetry(Reading... readings) {
        Host host =
                new Host(
                        "n1",
                        1,
                        "",
                        0,
                        0,
                        List.of(),
                        List.of(0),
                        false,
                        List.of(new Look(T0, List.of("IDLE"))),
                        List.of(),
                        List.of(readings));
        ExpectedRow.Holder idle = first(host, EVERY_MINUTE).get(0);
        return new long[] {idle.coveredMs(), idle.activeGpuUs(), idle.energyMj()};
    }

    private static Reading reading(int second, Map<Integer, Long> values) {
        return new Reading("e", T0 + second * 1_000L, 10_000, 0, -1, "GPU-0", Map.copyOf(values));
    }

    private static List<ExpectedRow.Holder> first(Host host, Watch watch, Run... runs) {
        return Oracle.rows(scenario(host, watch, List.of(runs))).stream()
                .filter(r -> r.windowStartMs() == T0 && r.gpuIndex() == 0)
                .findAny()
                .orElseThrow()
                .holders();
    }

    private static Scenario scenario(Host host, Watch watch, List<Run> runs) {
        return new Scenario(
                0,
                EnumSet.of(Kind.PLAIN),
                "c",
                T0,
                T0 + 60_000,
                watch,
                List.of(host),
                List.copyOf(runs));
    }

    private static Host host(int cards, int shards, int slices, List<Instance> instances) {
        List<Integer> nvml = new ArrayList<>();
        for (int i = 0; i < cards; i++) {
            nvml.add(i);
        }
        return new Host(
                "n1",
                cards,
                "",
                shards,
                slices,
                instances,
                nvml,
                false,
                List.of(new Look(T0, List.of("IDLE"))),
                List.of(),
                List.of());
    }

    private static Part part(int card, int instance, int shards, int from, int to) {
        return new Part("n1", card, instance, shards, T0 + from * 1_000L, T0 + to * 1_000L);
    }

    private static Run run(long id, int from, int to, Map<String, Long> freed, Part... parts) {
        long start = T0 + from * 1_000L;
        long end = T0 + to * 1_000L;
        return new Run(
                id,
                0,
                "g",
                "alice",
                start,
                start,
                end,
                Ending.STATED,
                List.of(parts),
                List.<Stretch>of(),
                freed,
                new Seen(Map.of(), null, null, "COMPLETED", end, end, null, List.of()));
    }

    private static ExpectedRow.Holder holder(String bucket, Run run, int instance, long gpuMs) {
        return new ExpectedRow.Holder(bucket, run.id("c"), instance, gpuMs, 0, 0, 0, 0, Set.of());
    }

    private static ExpectedRow.Holder nobody(String bucket, long gpuMs) {
        return new ExpectedRow.Holder(bucket, "", -1, gpuMs, 0, 0, 0, 0, Set.of());
    }
}

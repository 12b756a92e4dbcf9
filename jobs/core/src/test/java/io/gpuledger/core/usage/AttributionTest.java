package io.gpuledger.core.usage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class AttributionTest {
    private static final Span WINDOW = new Span(0, 60_000);
    private static final Span ALWAYS = new Span(0, 600_000);

    @Test
    void what_nobody_holds_is_idle_only_while_the_scheduler_is_known() {
        HostFacts facts = facts(1, 0, List.of(), List.of(new Span(0, 20_000)), Map.of());

        assertThat(gpuMs(facts)).isEqualTo(Map.of("IDLE", 20_000L, "UNKNOWN", 40_000L));
    }

    @Test
    void suspended_time_stays_with_the_holder() {
        HostRun run = run("r", 5_000, 50_000, List.of(new Span(10_000, 30_000)), holding(0, 0, 1));

        assertThat(gpuMs(facts(1, 0, List.of(run), List.of(ALWAYS), Map.of())))
                .isEqualTo(Map.of("ALLOCATED", 25_000L, "SUSPENDED", 20_000L, "IDLE", 15_000L));
    }

    @Test
    void shards_share_a_card_and_the_free_ones_are_idle() {
        HostRun three = run("a", 0, 17_000, List.of(), holding(0, 3, 1));
        HostRun one = run("b", 0, 17_000, List.of(), holding(0, 1, 1));

        HostFacts both = facts(1, 4, List.of(three, one), List.of(ALWAYS), Map.of());
        HostFacts alone = facts(1, 4, List.of(three), List.of(ALWAYS), Map.of());

        assertThat(gpuMs(both)).isEqualTo(Map.of("ALLOCATED", 17_000L, "IDLE", 43_000L));
        assertThat(gpuMs(alone)).isEqualTo(Map.of("ALLOCATED", 12_750L, "IDLE", 47_250L));
    }

    @Test
    void a_count_without_position_takes_its_time_back_from_idle_slots() {
        HostRun counted = run("a", 0, 60_000, List.of(), holding(-1, 0, 3));

        List<UsageRow> rows =
                Attribution.attribute(
                        facts(2, 0, List.of(counted), List.of(ALWAYS), Map.of()), WINDOW);

        assertThat(rows).extracting(UsageRow::gpuIndex).containsExactly(0, 1, -1);
        assertThat(rows.get(2).existsMs()).isEqualTo(60_000);
        assertThat(sum(rows)).isEqualTo(Map.of("ALLOCATED", 180_000L, "IDLE", 0L));
    }

    @Test
    void a_forced_count_gets_its_positions() {
        HostRun explicit = run("a", 0, 60_000, List.of(), holding(0, 0, 1));
        HostRun counted = run("b", 0, 60_000, List.of(), holding(-1, 0, 2));
        HostFacts facts = facts(3, 0, List.of(explicit, counted), List.of(ALWAYS), Map.of());

        List<HostRun> placed = CountPlacement.place(facts);

        assertThat(placed.get(1).holdings()).extracting(Holding::gpuIndex).containsExactly(1, 2);
    }

    @Test
    void the_later_start_has_a_card_that_two_claim() {
        HostRun first = run("a", 0, 40_000, List.of(), holding(0, 0, 1));
        HostRun second = run("b", 30_000, 60_000, List.of(), holding(0, 0, 1));

        List<UsageRow> rows =
                Attribution.attribute(
                        facts(1, 0, List.of(first, second), List.of(ALWAYS), Map.of()), WINDOW);

        assertThat(rows.get(0).holders())
                .extracting(UsageRow.Holder::runId, UsageRow.Holder::gpuMs)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("a", 30_000L),
                        org.assertj.core.groups.Tuple.tuple("b", 30_000L));
    }

    @Test
    void energy_is_cut_without_losing_a_millijoule_and_never_across_a_reset() {
        List<GpuSample> samples =
                List.of(
                        sample(10_000, 500_000, 1_000),
                        sample(40_000, 500_000, 8_001),
                        sample(70_000, 500_000, 100),
                        sample(100_000, 500_000, 7_107));
        HostRun run = run("a", 20_000, 90_000, List.of(), holding(0, 0, 1));
        HostFacts facts = facts(1, 0, List.of(run), List.of(ALWAYS), Map.of(0, samples));

        long energy = 0;
        for (long w = 0; w < 180_000; w += 60_000) {
            for (UsageRow row : Attribution.attribute(facts, new Span(w, w + 60_000))) {
                for (UsageRow.Holder holder : row.holders()) {
                    assertThat(holder.energyMj()).isNotNegative();
                    energy += holder.energyMj();
                }
            }
        }
        assertThat(energy).isEqualTo(7_001 + 7_007);
    }

    @Test
    void a_row_that_does_not_close_cannot_be_made() {
        assertThatThrownBy(() -> new UsageRow("c", "h", 0, "", 0, 1, "", "", List.of()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("existed 1 ms");
    }

    @Test
    void every_window_closes_for_random_hosts() {
        for (long seed = 0; seed < 3_000; seed++) {
            Random random = new Random(seed);
            int shards = random.nextInt(3) * 2;
            List<HostRun> runs = new ArrayList<>();
            for (int i = 0; i < random.nextInt(6); i++) {
                long start = random.nextInt(100_000);
                long end = start + random.nextInt(100_000);
                long suspend = start + random.nextInt((int) (end - start) + 1);
                runs.add(
                        run(
                                "r" + i,
                                start,
                                end,
                                List.of(new Span(suspend, end)),
                                holding(
                                        random.nextInt(4) - 1,
                                        shards == 0 ? 0 : random.nextInt(3),
                                        1)));
            }
            HostFacts facts =
                    facts(3, shards, runs, List.of(new Span(0, random.nextInt(200_000))), Map.of());
            long total = 0;
            for (long w = 0; w < 240_000; w += 60_000) {
                Span window = new Span(w, w + 60_000);
                for (UsageRow row : Attribution.attribute(facts, window)) {
                    total += row.gpuIndex() >= 0 ? row.existsMs() : 0;
                    for (UsageRow.Holder holder : row.holders()) {
                        assertThat(holder.coveredMs())
                                .isLessThanOrEqualTo(Math.abs(holder.gpuMs()));
                    }
                }
            }
            assertThat(total).as("seed %d", seed).isEqualTo(3 * 240_000L);
        }
    }

    private static Map<String, Long> gpuMs(HostFacts facts) {
        return sum(Attribution.attribute(facts, WINDOW));
    }

    private static Map<String, Long> sum(List<UsageRow> rows) {
        Map<String, Long> sums = new TreeMap<>();
        for (UsageRow row : rows) {
            for (UsageRow.Holder holder : row.holders()) {
                sums.merge(holder.bucket().name(), holder.gpuMs(), Long::sum);
            }
        }
        return sums;
    }

    private static HostFacts facts(
            int slots,
            int shards,
            List<HostRun> runs,
            List<Span> known,
            Map<Integer, List<GpuSample>> samples) {
        TreeMap<Integer, HostFacts.Slot> all = new TreeMap<>();
        for (int i = 0; i < slots; i++) {
            all.put(i, new HostFacts.Slot(ALWAYS, "GPU-" + i, "H100"));
        }
        return new HostFacts("c", "h", all, true, shards, runs, known, samples);
    }

    /** Start and end come from the run. */
    private static Holding holding(int index, int shards, int count) {
        return new Holding("h", index, "h100", shards, count, 0, 0);
    }

    private static HostRun run(
            String id, long start, long end, List<Span> suspensions, Holding holding) {
        Holding timed =
                new Holding(
                        "h",
                        holding.gpuIndex(),
                        holding.gresType(),
                        holding.shards(),
                        holding.count(),
                        start,
                        end);
        return new HostRun(
                id,
                "1",
                "g1",
                "alice",
                "batch",
                "normal",
                start,
                end,
                0,
                List.of(timed),
                suspensions,
                0);
    }

    private static GpuSample sample(long at, long activePpm, long energy) {
        return new GpuSample(at, 45_000, activePpm, -1, -1, -1, -1, energy, -1);
    }
}

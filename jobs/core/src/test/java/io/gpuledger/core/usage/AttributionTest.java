package io.gpuledger.core.usage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.core.registry.Charging;
import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.HostInventory.Availability;
import io.gpuledger.core.usage.HostInventory.Reservation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class AttributionTest {
    private static final Span WINDOW = new Span(0, 60_000);
    private static final Span ALWAYS = new Span(0, 600_000);

    @Test
    void what_nobody_holds_is_idle_only_while_the_scheduler_is_known() {
        HostFacts facts = facts(1, 0, List.of(), List.of(new Span(0, 20_000)));

        assertThat(gpuMs(facts)).isEqualTo(Map.of("IDLE", 20_000L, "UNKNOWN", 40_000L));
    }

    @Test
    void suspended_time_stays_with_the_holder() {
        HostRun run = run("r", 5_000, 50_000, List.of(new Span(10_000, 30_000)), holding(0, 0, 1));

        assertThat(gpuMs(facts(1, 0, List.of(run), List.of(ALWAYS))))
                .isEqualTo(Map.of("ALLOCATED", 25_000L, "SUSPENDED", 20_000L, "IDLE", 15_000L));
    }

    @Test
    void shards_share_a_card_and_the_free_ones_are_idle() {
        HostRun three = run("a", 0, 17_000, List.of(), holding(0, 3, 1));
        HostRun one = run("b", 0, 17_000, List.of(), holding(0, 1, 1));

        HostFacts both = facts(1, 4, List.of(three, one), List.of(ALWAYS));
        HostFacts alone = facts(1, 4, List.of(three), List.of(ALWAYS));

        assertThat(gpuMs(both)).isEqualTo(Map.of("ALLOCATED", 17_000L, "IDLE", 43_000L));
        assertThat(gpuMs(alone)).isEqualTo(Map.of("ALLOCATED", 12_750L, "IDLE", 47_250L));
    }

    /** The product of an instant of today and so many shards is more than 64 bits hold. */
    @Test
    void more_shards_than_any_card_has_still_close() {
        List<HostRun> runs = new ArrayList<>();
        long from = 1_700_000_040_000L;
        for (int i = 0; i < 300; i++) {
            runs.add(run("r" + i, from, from + 60_000, List.of(), holding(0, 65_536, 1)));
        }

        List<UsageRow> rows =
                Attribution.attribute(
                        facts(1, 0, runs, List.of()),
                        Map.of(),
                        new Span(from, from + 60_000),
                        Charging.UNMAPPED);

        assertThat(sum(rows)).isEqualTo(Map.of("ALLOCATED", 60_000L));
    }

    /**
     * Weights are by the scheduler's type: what DCGM calls a card must not decide what it costs.
     */
    @Test
    void a_charge_sees_what_the_scheduler_calls_the_card_and_how_the_run_ended() {
        HostRun placed = run("a", 0, 20_000, List.of(new Span(5_000, 10_000)), holding(0, 0, 1));
        Holding typed = new Holding("h", -1, "a100", 0, 2, 0, 60_000);
        HostRun counted = run("b", 0, 60_000, List.of(), typed);
        HostFacts told =
                facts(
                        1,
                        0,
                        List.of(ended(placed, "NODE_FAIL"), ended(counted, "NODE_FAIL")),
                        List.of(ALWAYS));
        List<ChargeSubject> asked = new ArrayList<>();
        ChargeRule rule =
                (subject, at) -> {
                    asked.add(subject);
                    return new Charge("g-" + subject.gpuModel() + subject.endState(), 500);
                };

        List<UsageRow> rows = Attribution.attribute(told, Map.of(), WINDOW, rule);

        assertThat(asked).extracting(ChargeSubject::cluster).containsOnly("c");
        for (UsageRow row : rows) {
            for (UsageRow.Holder holder : row.holders()) {
                assertThat(holder.chargedGpuUs()).isEqualTo(holder.gpuMs() * 500);
                assertThat(holder.grantId())
                        .isEqualTo(
                                "g-%s%s"
                                        .formatted(
                                                row.gpuIndex() >= 0
                                                        ? "h100"
                                                        : holder.runId().isEmpty() ? "" : "a100",
                                                holder.runId().isEmpty() ? "" : "NODE_FAIL"));
            }
        }
        Holding untyped = new Holding("h", 0, "", 0, 1, 0, 60_000);
        // An exporter alone gives the card a name, and the charge none.
        HostFacts exported =
                exporting(1, false, ended(run("c", 0, 60_000, List.of(), untyped), "COMPLETED"));
        assertThat(Attribution.attribute(exported, Map.of(), WINDOW, rule).get(0).holders())
                .extracting(UsageRow.Holder::grantId)
                .containsExactly("g-");
    }

    @Test
    void a_count_without_position_takes_its_time_back_from_idle_slots() {
        HostRun counted = run("a", 0, 60_000, List.of(), holding(-1, 0, 3));

        List<UsageRow> rows =
                Attribution.attribute(
                        // What is missing from the cards is nobody's guess: two of three are idle.
                        facts(2, 0, List.of(counted), List.of(ALWAYS)),
                        Map.of(),
                        WINDOW,
                        Charging.UNMAPPED);

        assertThat(rows).extracting(UsageRow::gpuIndex).containsExactly(0, 1, -1);
        assertThat(rows.get(2).existsMs()).isEqualTo(60_000);
        assertThat(sum(rows)).isEqualTo(Map.of("ALLOCATED", 180_000L, "IDLE", 0L));
    }

    @Test
    void a_forced_count_gets_its_positions() {
        HostRun explicit = run("a", 0, 60_000, List.of(), holding(0, 0, 1));
        HostRun counted = run("b", 0, 60_000, List.of(), holding(-1, 0, 2));
        HostFacts facts = facts(3, 0, List.of(explicit, counted), List.of(ALWAYS));

        assertThat(facts.runs().get(1).holdings())
                .extracting(Holding::gpuIndex)
                .containsExactly(1, 2);
    }

    @Test
    void the_later_start_has_a_card_that_two_claim() {
        HostRun first = run("a", 0, 40_000, List.of(), holding(0, 0, 1));
        HostRun second = run("b", 30_000, 60_000, List.of(), holding(0, 0, 1));

        List<UsageRow> rows =
                Attribution.attribute(
                        facts(1, 0, List.of(first, second), List.of(ALWAYS)),
                        Map.of(),
                        WINDOW,
                        Charging.UNMAPPED);

        assertThat(rows.get(0).holders())
                .extracting(UsageRow.Holder::runId, UsageRow.Holder::gpuMs)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("a", 30_000L),
                        org.assertj.core.groups.Tuple.tuple("b", 30_000L));
    }

    @Test
    void energy_is_cut_without_losing_a_millijoule_and_never_across_a_reset() {
        List<Sample> samples =
                List.of(
                        sample(10_000, 500_000, 1_000),
                        sample(40_000, 500_000, 8_001),
                        sample(70_000, 500_000, 100),
                        sample(100_000, 500_000, 7_107));
        HostRun run = run("a", 20_000, 90_000, List.of(), holding(0, 0, 1));
        HostFacts facts = facts(1, 0, List.of(run), List.of(ALWAYS));
        Map<Integer, SlotReadings> readings = Map.of(0, readings(samples));

        long energy = 0;
        for (long w = 0; w < 180_000; w += 60_000) {
            for (UsageRow row :
                    Attribution.attribute(
                            facts, readings, new Span(w, w + 60_000), Charging.UNMAPPED)) {
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
    void a_free_slot_of_a_node_that_is_down_or_reserved_is_not_idle() {
        HostRun run = run("a", 0, 20_000, List.of(), holding(0, 0, 1));
        List<HostInventory> polls =
                List.of(
                        inventory(0, 2, 0, Availability.DOWN),
                        inventory(30_000, 2, 0, Availability.RESERVED),
                        inventory(50_000, 2, 0, Availability.AVAILABLE));

        assertThat(gpuMs(facts(polls, List.of(run), List.of(ALWAYS))))
                .isEqualTo(
                        Map.of(
                                "ALLOCATED", 20_000L,
                                "DOWN", 40_000L,
                                "RESERVED", 40_000L,
                                "IDLE", 20_000L));
    }

    @Test
    void a_reservation_holds_from_its_start_while_it_is_told_and_not_beyond_its_end() {
        List<HostInventory> told =
                List.of(
                        inventory(0, 1, 0, Availability.AVAILABLE),
                        // Told before it began, then made longer, then gone.
                        reserved(1_000, "course", 5, 15, false),
                        reserved(12_000, "course", 5, 25, false),
                        reserved(20_000, "course", 5, 25, false),
                        reserved(55_000, "maint", 30, 40, true),
                        reserved(55_000, "night", 35, 45, false));

        assertThat(gpuMs(facts(told, List.of(), List.of(ALWAYS))))
                .isEqualTo(Map.of("RESERVED", 20_000L, "DOWN", 10_000L, "IDLE", 30_000L));
    }

    @Test
    void a_state_that_nobody_looked_at_again_in_time_is_no_state() {
        List<HostInventory> polls =
                List.of(
                        inventory(0, 1, 0, Availability.DOWN),
                        inventory(300_001, 1, 0, Availability.DOWN));

        assertThat(gpuMs(facts(polls, List.of(), List.of(ALWAYS))))
                .isEqualTo(Map.of("IDLE", 60_000L));
    }

    @Test
    void instances_of_a_card_share_it_by_slices_and_the_free_ones_are_idle() {
        MigLayout layout =
                new MigLayout(
                        Map.of(
                                0, new MigLayout.Instance(0, 7, 1),
                                1, new MigLayout.Instance(0, 3, 3)),
                        7);
        List<HostInventory> polls =
                List.of(
                        layout(0, layout),
                        inventory(0, 2, 0, Availability.AVAILABLE),
                        inventory(599_999, 2, 0, Availability.AVAILABLE));
        HostRun one = run("a", 0, 60_000, List.of(), holding(0, 0, 1));
        HostRun three = run("b", 0, 30_000, List.of(), holding(1, 0, 1));

        List<UsageRow> rows =
                Attribution.attribute(
                        facts(polls, List.of(one, three), List.of(ALWAYS)),
                        Map.of(),
                        WINDOW,
                        Charging.UNMAPPED);

        assertThat(rows).hasSize(1);
        assertThat(rows.get(0).holders())
                .extracting(UsageRow.Holder::runId, UsageRow.Holder::instance)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("a", 7),
                        org.assertj.core.groups.Tuple.tuple("b", 3),
                        org.assertj.core.groups.Tuple.tuple("", -1));
        assertThat(rows.get(0).holders().get(0).gpuMs()).isEqualTo(60_000 / 7);
        assertThat(sum(rows).values().stream().mapToLong(v -> v).sum()).isEqualTo(60_000);
    }

    @Test
    void every_instance_repeats_the_cards_energy_and_it_is_counted_once() {
        SlotReadings readings =
                SlotReadings.of(
                        new TreeMap<>(
                                Map.of(
                                        7, new SlotReadings.Series(1, 7, energies(0, 7_000)),
                                        3, new SlotReadings.Series(3, 7, energies(0, 7_000)))),
                        ReadingRules.STANDARD);

        assertThat(readings.card(0, 60_000).energyMj).isEqualTo(7_000);
        assertThat(readings.card(0, 60_000).activeUs)
                .isEqualTo(30_000_000L / 7 + 30_000_000L * 3 / 7);
    }

    private static SampleSeries energies(long first, long second) {
        return series(
                List.of(
                        sample(0, 500_000, first),
                        new Sample(60_000, 90_000, "GPU-0", 500_000, second)));
    }

    @Test
    void a_counter_of_another_card_at_the_same_place_is_no_increase() {
        Sample other = new Sample(40_000, 45_000, "GPU-1", 0, 900_000);

        Readings.Sums sums = readings(List.of(sample(10_000, 0, 1_000), other)).card(0, 60_000);

        assertThat(sums.energyMj).isZero();
        assertThat(sums.coveredMs).isZero();
    }

    @Test
    void a_card_that_changes_places_takes_its_counter_along() {
        SampleSeries first =
                series(List.of(energy(10_000, "A", 1_000), energy(40_000, "B", 9_300)));
        SampleSeries second =
                series(List.of(energy(10_000, "B", 9_000), energy(40_000, "A", 4_000)));

        Map<Integer, SlotReadings> readings =
                SlotReadings.bySlot(
                        Map.of(
                                0, new TreeMap<>(Map.of(-1, whole(first))),
                                1, new TreeMap<>(Map.of(-1, whole(second)))),
                        ReadingRules.STANDARD);

        assertThat(energy(readings, 0, 0, 60_000)).isEqualTo(300);
        assertThat(energy(readings, 1, 0, 60_000)).isEqualTo(3_000);
        assertThat(energy(readings, 1, 0, 20_000)).isEqualTo(1_000);
    }

    /** The driver that was loaded anew numbers the cards anew, and counts from nothing. */
    @Test
    void a_counter_that_began_anew_on_the_way_is_no_increase() {
        SampleSeries first = series(List.of(energy(10_000, "A", 1_000)));
        SampleSeries second = series(List.of(energy(40_000, "A", 400)));

        Map<Integer, SlotReadings> readings =
                SlotReadings.bySlot(
                        Map.of(
                                0, new TreeMap<>(Map.of(-1, whole(first))),
                                1, new TreeMap<>(Map.of(-1, whole(second)))),
                        ReadingRules.STANDARD);

        assertThat(energy(readings, 1, 0, 60_000)).isZero();
    }

    private static Sample energy(long at, String card, long energy) {
        return new Sample(at, 45_000, card, 0, energy);
    }

    private static SlotReadings.Series whole(SampleSeries samples) {
        return new SlotReadings.Series(1, 1, samples);
    }

    private static long energy(Map<Integer, SlotReadings> readings, int slot, long from, long to) {
        return readings.getOrDefault(slot, SlotReadings.NONE).card(from, to).energyMj;
    }

    /** DESIGN 6.1: the epilog comes after the window of all other evidence. */
    @Test
    void what_is_still_blocked_after_a_whole_minute_exists() {
        HostRun run = freedAt(run("a", 0, 60_000, List.of(), holding(0, 0, 1)), 60_700);
        HostFacts facts =
                HostFacts.of(
                        "c",
                        "h",
                        HostTimeline.of(List.of(), 300_000),
                        List.of(run),
                        List.of(),
                        Map.of(),
                        List.of(ALWAYS));

        assertThat(
                        sum(
                                Attribution.attribute(
                                        facts,
                                        Map.of(),
                                        new Span(60_000, 120_000),
                                        Charging.UNMAPPED)))
                .isEqualTo(Map.of("OVERHEAD", 700L, "IDLE", 59_300L));
    }

    @Test
    void two_exporters_may_share_the_fields_of_a_card() {
        List<Sample> samples =
                List.of(
                        sample(0, 500_000, -1),
                        sample(15_000, -1, 1_000),
                        sample(30_000, 500_000, -1),
                        sample(45_000, -1, 4_000));

        Readings.Sums sums = readings(samples).card(0, 60_000);

        assertThat(sums.coveredMs).isEqualTo(30_000);
        assertThat(sums.energyMj).isEqualTo(3_000);
    }

    @Test
    void a_run_without_a_stated_end_ends_when_another_gets_one_of_its_cards() {
        HostRun lost = open("a", 0, 60_000, holding(0, 0, 1));
        HostRun next = run("b", 20_000, 50_000, List.of(), holding(0, 0, 1));

        List<UsageRow> rows =
                Attribution.attribute(
                        facts(1, 0, List.of(lost, next), List.of(ALWAYS)),
                        Map.of(),
                        WINDOW,
                        Charging.UNMAPPED);

        assertThat(rows.get(0).holders())
                .extracting(UsageRow.Holder::runId, UsageRow.Holder::gpuMs, UsageRow.Holder::flags)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple(
                                "a", 20_000L, RunFlag.END_ESTIMATED.bit()),
                        org.assertj.core.groups.Tuple.tuple("b", 30_000L, 0),
                        org.assertj.core.groups.Tuple.tuple("", 10_000L, 0));
    }

    private static HostRun open(String id, long start, long end, Holding holding) {
        HostRun run = run(id, start, end, List.of(), holding);
        return new HostRun(
                id,
                run.jobId(),
                run.account(),
                run.user(),
                run.partition(),
                run.qos(),
                "",
                start,
                end,
                start,
                0,
                run.holdings(),
                List.of(),
                RunFlag.OPEN.bit());
    }

    @Test
    void a_job_label_of_an_exporter_places_a_count_only_when_it_names_as_many_cards() {
        HostRun counted = run("c/42/0", 0, 60_000, List.of(), holding(-1, 0, 1));
        HostFacts.JobHint here = new HostFacts.JobHint("42", 1, 30_000, 30_001);
        HostFacts.JobHint there = new HostFacts.JobHint("42", 0, 40_000, 40_001);

        assertThat(hinted(counted, List.of(here))).containsExactly(1);
        assertThat(hinted(counted, List.of(here, there))).containsExactly(-1);
    }

    private static List<Integer> hinted(HostRun run, List<HostFacts.JobHint> hints) {
        return HostFacts.of(
                        "c",
                        "h",
                        HostTimeline.of(List.of(), 300_000),
                        List.of(run),
                        hints,
                        Map.of(),
                        List.of(ALWAYS))
                .runs()
                .get(0)
                .holdings()
                .stream()
                .map(Holding::gpuIndex)
                .toList();
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
            HostFacts facts = facts(3, shards, runs, List.of(new Span(0, random.nextInt(200_000))));
            long total = 0;
            for (long w = 0; w < 240_000; w += 60_000) {
                Span window = new Span(w, w + 60_000);
                for (UsageRow row :
                        Attribution.attribute(facts, Map.of(), window, Charging.UNMAPPED)) {
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

    @Test
    void a_card_is_called_as_the_scheduler_calls_it_and_as_dcgm_does_where_that_is_silent() {
        HostRun run = run("a", 0, 20_000, List.of(), holding(0, 0, 1));
        SortedMap<Long, HostFacts.CardName> told =
                new TreeMap<>(Map.of(0L, new HostFacts.CardName("GPU-0", "NVIDIA H100 80GB")));
        Map<Integer, HostFacts.Sampled> sampled =
                Map.of(0, new HostFacts.Sampled(0, 120_000, told, false));
        HostFacts facts =
                HostFacts.of(
                        "c",
                        "h",
                        HostTimeline.of(List.of(), 300_000),
                        List.of(run),
                        List.of(),
                        sampled,
                        List.of(ALWAYS));

        assertThat(Attribution.attribute(facts, Map.of(), WINDOW, Charging.UNMAPPED))
                .extracting(UsageRow::gpuModel)
                .containsExactly("h100");
        assertThat(
                        Attribution.attribute(
                                facts, Map.of(), new Span(60_000, 120_000), Charging.UNMAPPED))
                .extracting(UsageRow::gpuModel)
                .containsExactly("NVIDIA H100 80GB");
    }

    @Test
    void without_an_inventory_the_exported_gpus_are_all_there_are() {
        HostRun whole = run("a", 0, 20_000, List.of(), holding(-1, 0, 2));
        HostRun more = run("b", 20_000, 40_000, List.of(), holding(-1, 0, 4));

        assertThat(slotsOf(exporting(2, false, whole))).containsExactly(0, 1);
        assertThat(slotsOf(exporting(4, false, whole))).containsExactly(-1);
        // Somebody has four of them: two are not all.
        assertThat(slotsOf(exporting(2, false, whole, more))).containsExactly(-1);
        assertThat(slotsOf(exporting(2, true, whole))).containsExactly(-1);
    }

    private static HostFacts exporting(int cards, boolean divided, HostRun... runs) {
        Map<Integer, HostFacts.Sampled> sampled = new TreeMap<>();
        for (int i = 0; i < cards; i++) {
            SortedMap<Long, HostFacts.CardName> name =
                    new TreeMap<>(Map.of(0L, new HostFacts.CardName("GPU-" + i, "")));
            sampled.put(i, new HostFacts.Sampled(0, 60_000, name, divided));
        }
        return HostFacts.of(
                "c",
                "h",
                HostTimeline.of(List.of(), 300_000),
                List.of(runs),
                List.of(),
                sampled,
                List.of(ALWAYS));
    }

    /** Where anybody holds anything. */
    private static List<Integer> slotsOf(HostFacts facts) {
        return Attribution.attribute(facts, Map.of(), WINDOW, Charging.UNMAPPED).stream()
                .filter(row -> row.holders().stream().anyMatch(h -> h.bucket() == Bucket.ALLOCATED))
                .map(UsageRow::gpuIndex)
                .toList();
    }

    private static Map<String, Long> gpuMs(HostFacts facts) {
        return sum(Attribution.attribute(facts, Map.of(), WINDOW, Charging.UNMAPPED));
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

    /** A host whose inventory is polled at the start and the end of ten minutes. */
    private static HostFacts facts(int slots, int shards, List<HostRun> runs, List<Span> known) {
        List<HostInventory> polls =
                List.of(
                        inventory(0, slots, shards * slots, Availability.AVAILABLE),
                        inventory(599_999, slots, shards * slots, Availability.AVAILABLE));
        return facts(polls, runs, known);
    }

    private static HostFacts facts(
            List<HostInventory> polls, List<HostRun> runs, List<Span> known) {
        return HostFacts.of(
                "c", "h", HostTimeline.of(polls, 300_000), runs, List.of(), Map.of(), known);
    }

    private static HostInventory inventory(
            long at, int gpus, int shards, Availability availability) {
        return new HostInventory(
                at,
                true,
                availability,
                List.of(new HostInventory.TypedGpus("h100", gpus)),
                shards,
                MigLayout.NONE,
                List.of(),
                List.of(),
                "k" + gpus + availability);
    }

    /** Told at an instant: a reservation from one second to another. */
    private static HostInventory reserved(
            long at, String name, long fromS, long toS, boolean maintenance) {
        return new HostInventory(
                at,
                true,
                Availability.UNSAID,
                null,
                0,
                MigLayout.NONE,
                List.of(),
                List.of(new Reservation(name, fromS * 1000, toS * 1000, maintenance)),
                name + toS);
    }

    private static HostInventory layout(long at, MigLayout layout) {
        return new HostInventory(
                at, true, Availability.UNSAID, null, 0, layout, List.of(), List.of(), "layout");
    }

    private static SlotReadings readings(List<Sample> samples) {
        return SlotReadings.of(
                new TreeMap<>(Map.of(-1, new SlotReadings.Series(1, 1, series(samples)))),
                ReadingRules.STANDARD);
    }

    /** Start and end come from the run. */
    private static HostRun ended(HostRun run, String state) {
        return new HostRun(
                run.runId(),
                run.jobId(),
                run.account(),
                run.user(),
                run.partition(),
                run.qos(),
                ChargeSubject.endState(state),
                run.startMs(),
                run.endMs(),
                run.uncertainFromMs(),
                run.overheadUntilMs(),
                run.holdings(),
                run.suspensions(),
                run.flags());
    }

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
                "",
                start,
                end,
                Long.MAX_VALUE,
                0,
                List.of(timed),
                suspensions,
                0);
    }

    private static HostRun freedAt(HostRun run, long atMs) {
        return new HostRun(
                run.runId(),
                run.jobId(),
                run.account(),
                run.user(),
                run.partition(),
                run.qos(),
                run.endState(),
                run.startMs(),
                run.endMs(),
                run.uncertainFromMs(),
                atMs,
                run.holdings(),
                run.suspensions(),
                run.flags());
    }

    private record Sample(long at, long cover, String card, long enginePpm, long energyMj) {}

    private static Sample sample(long at, long activePpm, long energy) {
        return new Sample(at, 45_000, "GPU-0", activePpm, energy);
    }

    private static SampleSeries series(List<Sample> samples) {
        SampleSeries series = new SampleSeries();
        for (Sample s : samples) {
            long[] values = new long[SampleSeries.FIELDS];
            Arrays.fill(values, SampleSeries.ABSENT);
            values[SampleSeries.ENGINE] = s.enginePpm();
            values[SampleSeries.ENERGY] = s.energyMj();
            series.add(s.at(), s.cover(), s.card(), values, 0);
        }
        return series;
    }
}

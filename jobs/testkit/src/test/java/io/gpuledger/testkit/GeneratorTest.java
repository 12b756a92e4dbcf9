package io.gpuledger.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.testkit.Scenario.Ending;
import io.gpuledger.testkit.Scenario.Host;
import io.gpuledger.testkit.Scenario.Part;
import io.gpuledger.testkit.Scenario.Reading;
import io.gpuledger.testkit.Scenario.Run;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What must be true of every scenario and of what the oracle says of it, whatever the engine. */
class GeneratorTest {
    private static final int SEEDS = 2;

    @ParameterizedTest
    @EnumSource
    void a_seed_gives_the_same_scenario_and_records_again(Kind kind) {
        for (long seed = 0; seed < SEEDS; seed++) {
            Scenario scenario = Generator.of(seed, kind);
            assertThat(Generator.of(seed, kind)).isEqualTo(scenario);
            assertThat(Inputs.of(scenario)).isEqualTo(Inputs.of(scenario));
        }
    }

    @ParameterizedTest
    @EnumSource
    void faults_lose_and_invent_no_record(Kind kind) {
        Inputs inputs = Inputs.of(Generator.of(1, kind));
        Inputs faulty = inputs.duplicated(3).shuffled(4);

        assertThat(new HashSet<>(faulty.jobs())).isEqualTo(new HashSet<>(inputs.jobs()));
        assertThat(new HashSet<>(faulty.scrapes())).isEqualTo(new HashSet<>(inputs.scrapes()));
        assertThat(faulty.jobs().size()).isGreaterThan(inputs.jobs().size());
        assertThat(faulty.jobs()).isNotEqualTo(inputs.jobs());
    }

    /** Law 1. */
    @ParameterizedTest
    @EnumSource
    void the_parts_of_a_row_are_the_time_that_the_slot_existed(Kind kind) {
        for (long seed = 0; seed < SEEDS; seed++) {
            for (ExpectedRow row : Oracle.rows(Generator.of(seed, kind))) {
                assertThat(row.holders().stream().mapToLong(ExpectedRow.Holder::gpuMs).sum())
                        .as("seed %d %s", seed, row)
                        .isEqualTo(row.existsMs());
            }
        }
    }

    /** Law 3, over time and holders. */
    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"COUNTER_RESET", "NEW_UUID", "SWAPPED_CARDS"})
    void the_energy_of_a_card_is_what_its_counter_went_up(Kind kind) {
        for (long seed = 0; seed < SEEDS; seed++) {
            Scenario scenario = Generator.of(seed, kind);
            if (kind == Kind.NO_COUNTER || kind == Kind.COUNTER_GAPS_WITH_POWER) {
                continue;
            }
            Map<String, Long> booked = new TreeMap<>();
            for (ExpectedRow row : Oracle.rows(scenario)) {
                long sum = row.holders().stream().mapToLong(ExpectedRow.Holder::energyMj).sum();
                booked.merge(row.host() + "/" + row.gpuIndex(), sum, Long::sum);
            }
            for (Host host : scenario.hosts()) {
                for (int card = 0; card < host.cards(); card++) {
                    assertThat(booked.getOrDefault(host.name() + "/" + card, 0L))
                            .as("seed %d %s/%d", seed, host.name(), card)
                            .isEqualTo(counted(host, card));
                }
            }
        }
    }

    /**
     * The counters of a host's cards go up by what its slots are booked, wherever the cards are.
     */
    @Test
    void the_energy_of_cards_that_change_places_stays_with_the_host() {
        for (long seed = 0; seed < SEEDS; seed++) {
            Scenario scenario = Generator.of(seed, Kind.SWAPPED_CARDS);
            Map<String, Long> booked = new TreeMap<>();
            for (ExpectedRow row : Oracle.rows(scenario)) {
                for (ExpectedRow.Holder holder : row.holders()) {
                    booked.merge(row.host(), holder.energyMj(), Long::sum);
                }
            }
            for (Host host : scenario.hosts()) {
                Map<String, Long> least = new TreeMap<>();
                Map<String, Long> most = new TreeMap<>();
                for (Reading reading : host.readings()) {
                    Long counter = reading.values().get(Telemetry.ENERGY);
                    if (counter != null) {
                        least.merge(reading.uuid(), counter, Math::min);
                        most.merge(reading.uuid(), counter, Math::max);
                    }
                }
                long counted = 0;
                for (Map.Entry<String, Long> of : most.entrySet()) {
                    counted += of.getValue() - least.getOrDefault(of.getKey(), 0L);
                }
                assertThat(booked.getOrDefault(host.name(), 0L))
                        .as("seed %d %s", seed, host.name())
                        .isEqualTo(counted);
            }
        }
    }

    private static long counted(Host host, int card) {
        TreeMap<Long, Long> counters = new TreeMap<>();
        for (Reading reading : host.readings()) {
            Long counter = reading.values().get(Telemetry.ENERGY);
            if (reading.card() == card && counter != null) {
                counters.merge(reading.atMs(), counter, Math::max);
            }
        }
        return counters.isEmpty()
                ? 0
                : counters.lastEntry().getValue() - counters.firstEntry().getValue();
    }

    /** A run has what it held, to the millisecond, wherever its position is known. */
    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"DOUBLE_HOLD", "COUNT_OVER_HOSTS"})
    void a_run_is_booked_what_it_held(Kind kind) {
        for (long seed = 0; seed < SEEDS; seed++) {
            Scenario scenario = Generator.of(seed, kind);
            Map<String, Long> booked = new TreeMap<>();
            for (ExpectedRow row : Oracle.rows(scenario)) {
                for (ExpectedRow.Holder holder : row.holders()) {
                    if (Set.of("ALLOCATED", "SUSPENDED").contains(holder.bucket())) {
                        booked.merge(holder.runId(), holder.gpuMs(), Long::sum);
                    }
                }
            }
            for (Run run : scenario.runs()) {
                boolean whole =
                        run.parts().stream().allMatch(p -> p.shards() == 0 && p.instance() < 0);
                if (whole && run.ending() == Ending.STATED) {
                    long held = run.parts().stream().mapToLong(p -> p.toMs() - p.fromMs()).sum();
                    assertThat(booked.getOrDefault(run.id(scenario.cluster()), 0L))
                            .as("seed %d %s", seed, run)
                            .isEqualTo(held);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "DOUBLE_HOLD")
    void nobody_holds_a_card_that_another_has(Kind kind) {
        for (long seed = 0; seed < SEEDS; seed++) {
            List<Part> parts = new ArrayList<>();
            Generator.of(seed, kind).runs().forEach(run -> parts.addAll(run.parts()));
            for (int i = 0; i < parts.size(); i++) {
                for (int j = 0; j < i; j++) {
                    Part a = parts.get(i);
                    Part b = parts.get(j);
                    boolean meet =
                            a.host().equals(b.host())
                                    && a.card() == b.card()
                                    && a.instance() == b.instance()
                                    && a.shards() == 0
                                    && a.fromMs() < b.toMs()
                                    && b.fromMs() < a.toMs();
                    assertThat(meet).as("seed %d %s %s", seed, a, b).isFalse();
                }
            }
        }
    }

    @Test
    void kinds_can_be_mixed() {
        for (long seed = 0; seed < 60; seed++) {
            Scenario scenario = Generator.mixed(seed, EnumSet.allOf(Kind.class));
            assertThat(Oracle.rows(scenario)).as("seed %d", seed).isNotEmpty();
        }
    }
}

package io.gpuledger.core.usage;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.registry.Charging;
import io.gpuledger.core.run.Holding;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Law 3 of what telemetry says of a shared card: over time and over holders, to the unit. */
class SharedReadingsTest {
    private static final int SEEDS = Integer.getInteger("gpuledger.seeds", 400);
    private static final long FROM = 1_700_000_040_000L;
    private static final long TO = FROM + 180_000;

    /** Every quantity of a sum, so that none is forgotten. */
    private static long[] of(Readings.Sums sums) {
        return new long[] {
            sums.coveredMs,
            sums.idleMs,
            sums.activeUs,
            sums.smUs,
            sums.tensorUs,
            sums.dramUs,
            sums.memoryMibMs,
            sums.energyMj
        };
    }

    private static void add(long[] to, long[] what) {
        for (int i = 0; i < to.length; i++) {
            to[i] += what[i];
        }
    }

    @Test
    void parts_of_any_cut_add_up_to_the_whole_over_time_and_over_holders() {
        for (long seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            SlotReadings readings = card(random);
            List<Integer> shares = shares(random, 1 + random.nextInt(8));
            int denominator = shares.stream().mapToInt(Integer::intValue).sum();

            long[] whole = of(readings.card(FROM, TO));
            long[][] uncut = parts(readings, shares, denominator, FROM, TO);
            long[][] pieces = new long[shares.size()][8];
            TreeSet<Long> cuts = new TreeSet<>(List.of(TO));
            for (int i = random.nextInt(20); i > 0; i--) {
                cuts.add(FROM + random.nextInt((int) (TO - FROM)));
            }
            long from = FROM;
            for (long to : cuts) {
                long[][] piece = parts(readings, shares, denominator, from, to);
                for (int k = 0; k < piece.length; k++) {
                    add(pieces[k], piece[k]);
                }
                from = to;
            }

            assertThat(pieces).as("seed %d, over time", seed).isDeepEqualTo(uncut);
            long[] all = new long[8];
            for (long[] part : uncut) {
                add(all, part);
            }
            assertThat(all).as("seed %d, over holders", seed).isEqualTo(whole);
        }
    }

    @Test
    void holders_of_instances_telescope_over_time_and_are_never_more_active_than_covered() {
        for (long seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            SlotReadings readings = instances(random);
            long cut = FROM + random.nextInt((int) (TO - FROM));
            long[][] left = parts(readings, List.of(1, 2, 4), 7, FROM, cut);
            long[][] right = parts(readings, List.of(1, 2, 4), 7, cut, TO);
            long[][] uncut = parts(readings, List.of(1, 2, 4), 7, FROM, TO);
            for (int k = 0; k < uncut.length; k++) {
                add(left[k], right[k]);
                assertThat(uncut[k][2]).as("seed %d", seed).isBetween(0L, uncut[k][0] * 1_000);
            }
            assertThat(left).as("seed %d", seed).isDeepEqualTo(uncut);
            // A card held as a whole is covered while any of its instances is.
            long[] first = of(readings.card(FROM, cut));
            add(first, of(readings.card(cut, TO)));
            assertThat(first).as("seed %d", seed).isEqualTo(of(readings.card(FROM, TO)));
            assertThat(first[0]).as("seed %d", seed).isBetween(1L, TO - FROM);
            assertThat(first[1]).as("seed %d", seed).isBetween(0L, first[0]);
        }
    }

    @Test
    void an_instance_that_nobody_shows_is_not_covered() {
        Random random = new Random(1);
        TreeMap<Integer, SlotReadings.Series> shown = new TreeMap<>();
        shown.put(1, new SlotReadings.Series(1, 7, series(random, 1)));
        SlotReadings readings = SlotReadings.of(shown, ReadingRules.STANDARD);

        SlotReadings.Split split = readings.split(FROM, TO, 7, true);
        Readings.Sums here = split.next(1, 1).read();
        Readings.Sums unseen = split.next(2, 2).read();

        assertThat(here.coveredMs).isPositive();
        assertThat(unseen.coveredMs).isZero();
        assertThat(unseen.activeUs).isZero();
        assertThat(unseen.energyMj).isPositive();
    }

    @Test
    void no_row_has_more_activity_than_cover_nor_less_than_nothing_however_short_a_share_is() {
        for (long seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            SlotReadings readings = card(random);
            List<HostRun> runs = new ArrayList<>();
            int shards = 2 + random.nextInt(7);
            for (int i = 0; i < shards; i++) {
                long start = FROM + random.nextInt(120_000);
                int longest = random.nextBoolean() ? 5 : 60_000;
                runs.add(run("r" + i, start, start + 1 + random.nextInt(longest)));
            }
            HostFacts facts =
                    HostFacts.of(
                            "c",
                            "h",
                            HostTimeline.of(List.of(inventory(shards)), 300_000),
                            runs,
                            List.of(),
                            Map.of(0, new HostFacts.Sampled(FROM, TO - 1, new TreeMap<>(), false)),
                            List.of(new Span(FROM, TO)));
            for (long w = FROM; w < TO; w += 60_000) {
                long[] sum = new long[3];
                for (UsageRow row :
                        Attribution.attribute(
                                facts,
                                Map.of(0, readings),
                                new Span(w, w + 60_000),
                                Charging.UNMAPPED)) {
                    for (UsageRow.Holder h : row.holders()) {
                        String which = "seed %d, %s".formatted(seed, h);
                        assertThat(h.coveredMs()).as(which).isBetween(0L, Math.max(0, h.gpuMs()));
                        assertThat(h.activeGpuUs()).as(which).isBetween(0L, h.coveredMs() * 1_000);
                        assertThat(h.heldIdleMs()).as(which).isBetween(0L, h.coveredMs());
                        assertThat(h.energyMj()).as(which).isNotNegative();
                        add(sum, new long[] {h.coveredMs(), h.activeGpuUs(), h.energyMj()});
                    }
                }
                Readings.Sums whole = readings.card(w, w + 60_000);
                assertThat(sum)
                        .as("seed %d", seed)
                        .containsExactly(whole.coveredMs, whole.activeUs, whole.energyMj);
            }
        }
    }

    private static long[][] parts(
            SlotReadings readings, List<Integer> shares, int denominator, long from, long to) {
        SlotReadings.Split split = readings.split(from, to, denominator, denominator == 7);
        List<long[]> parts = new ArrayList<>();
        for (int k = 0; k < shares.size() - 1; k++) {
            parts.add(of(split.next(shares.get(k), shares.get(k)).read()));
        }
        parts.add(of(split.rest().read()));
        return parts.toArray(new long[0][]);
    }

    private static List<Integer> shares(Random random, int holders) {
        List<Integer> shares = new ArrayList<>();
        for (int i = 0; i < holders; i++) {
            shares.add(1 + random.nextInt(5));
        }
        return shares;
    }

    private static SlotReadings card(Random random) {
        TreeMap<Integer, SlotReadings.Series> card = new TreeMap<>();
        card.put(-1, new SlotReadings.Series(1, 1, series(random, random.nextInt(4))));
        return SlotReadings.of(card, ReadingRules.STANDARD);
    }

    /** Three of them, with slices as many as their number says; the last scrapes on its own. */
    private static SlotReadings instances(Random random) {
        TreeMap<Integer, SlotReadings.Series> card = new TreeMap<>();
        for (int slices : List.of(1, 2, 4)) {
            card.put(slices, new SlotReadings.Series(slices, 7, series(random, 1)));
        }
        if (random.nextBoolean()) {
            card.put(-1, new SlotReadings.Series(1, 1, series(random, 2)));
        }
        return SlotReadings.of(card, ReadingRules.STANDARD);
    }

    /**
     * Samples at odd instants, with blanks.
     *
     * @param kind 0: busy all along, 1: busy or idle, else anything
     */
    private static SampleSeries series(Random random, int kind) {
        SampleSeries series = new SampleSeries();
        long counter = 1_000_000;
        for (long at = FROM - 20_000; at < TO + 40_000; at += 1 + random.nextInt(15_000)) {
            long[] values = new long[SampleSeries.FIELDS];
            for (int f = 0; f < SampleSeries.FIELDS; f++) {
                values[f] = random.nextInt(10) == 0 ? SampleSeries.ABSENT : ppm(random, kind);
            }
            counter += random.nextInt(3) == 0 ? random.nextInt(3) : random.nextInt(10_000_000);
            values[SampleSeries.ENERGY] = random.nextInt(3) == 0 ? SampleSeries.ABSENT : counter;
            values[SampleSeries.MEMORY] = random.nextInt(80_000);
            series.add(at, 9_000, "GPU-0", values, 0);
        }
        return series;
    }

    private static long ppm(Random random, int kind) {
        return switch (kind) {
            case 0 -> 1_000_000;
            case 1 -> random.nextBoolean() ? 0 : 1_000_000;
            case 2 -> 999_999 - random.nextInt(3);
            default -> random.nextInt(1_000_001);
        };
    }

    private static HostInventory inventory(int shards) {
        return new HostInventory(
                FROM,
                true,
                HostInventory.Availability.AVAILABLE,
                List.of(new HostInventory.TypedGpus("h100", 1)),
                shards,
                MigLayout.NONE,
                List.of(),
                List.of(),
                "k");
    }

    private static HostRun run(String id, long start, long end) {
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
                List.of(new Holding("h", 0, "h100", 1, 1, start, end)),
                List.of(),
                0);
    }
}

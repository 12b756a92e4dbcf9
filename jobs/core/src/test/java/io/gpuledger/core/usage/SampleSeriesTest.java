package io.gpuledger.core.usage;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The series against the plainest thing that does the same: a sorted map of lists of values. */
class SampleSeriesTest {
    private static final int SAMPLES = 60;
    private static final int INSTANTS = 40;

    private record Sample(long at, long cover, String card, List<Long> values) {}

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void any_order_gives_what_a_sorted_map_gives(long seed) {
        Random random = new Random(seed);
        List<Sample> samples = samples(random, "GPU-a");
        TreeMap<Long, Sample> expected = new TreeMap<>();
        samples.forEach(s -> expected.merge(s.at(), s, SampleSeriesTest::union));
        for (int order = 0; order < 5; order++) {
            SampleSeries series = new SampleSeries(0);
            samples.forEach(s -> add(series, s));
            assertThat(contents(series)).containsExactlyElementsOf(expected.values());
            Collections.shuffle(samples, random);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void says_tells_before_whether_adding_changes_anything(long seed) {
        Random random = new Random(seed);
        SampleSeries series = new SampleSeries();
        List<Sample> samples = samples(random, "GPU-a", "GPU-b", "");
        for (Sample s : samples) {
            List<Sample> before = contents(series);
            boolean known = series.says(s.at(), s.cover(), s.card(), array(s), 0);
            boolean changed = add(series, s);
            assertThat(changed).isEqualTo(!known);
            if (known) {
                assertThat(contents(series)).isEqualTo(before);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void a_tail_is_what_adding_one_by_one_gives(long seed) {
        Random random = new Random(seed);
        SampleSeries added = new SampleSeries(0);
        SampleSeries tailed = new SampleSeries(0);
        for (String card : List.of("GPU-a", "", "GPU-b", "GPU-a")) {
            SampleSeries.Tail tail = tailed.tail(card);
            for (int i = 0; i < 20; i++) {
                Sample s =
                        new Sample(
                                1_000L * added.size() + random.nextInt(1_000),
                                random.nextInt(5_000),
                                card,
                                samples(random, card).get(0).values());
                add(added, s);
                tail.add(s.at(), s.cover(), array(s), 0);
            }
        }
        assertThat(contents(tailed)).isEqualTo(contents(added)).hasSize(80);
        assertThat(contents(tailed.named())).isEqualTo(contents(added.named()));
    }

    @Test
    void a_series_that_was_long_goes_on_after_it_gave_its_room_back() {
        SampleSeries series = new SampleSeries();
        long[] values = new long[SampleSeries.FIELDS];
        for (int i = 0; i < 5_000; i++) {
            values[0] = i;
            series.add(i * 1_000L, 1_000, "GPU-a", values, 0);
        }
        series.dropBefore(4_990_000);
        for (int i = 5_000; i < 5_100; i++) {
            values[0] = i;
            series.add(i * 1_000L, 1_000, "GPU-a", values, 0);
        }

        assertThat(series.size()).isEqualTo(111); // one before the cut has the last values
        assertThat(series.value(0, 0)).isEqualTo(4_989);
        assertThat(series.value(110, 0)).isEqualTo(5_099);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void dropping_keeps_the_last_value_of_every_field(long seed) {
        Random random = new Random(seed);
        SampleSeries series = new SampleSeries();
        samples(random, "GPU-a").forEach(s -> add(series, s));
        List<Sample> all = contents(series);
        long cut = random.nextInt(INSTANTS) * 1_000L;
        series.dropBefore(cut);

        List<Sample> left = contents(series);
        assertThat(left.stream().filter(s -> s.at() >= cut).toList())
                .isEqualTo(all.stream().filter(s -> s.at() >= cut).toList());
        for (int f = 0; f < SampleSeries.FIELDS; f++) {
            assertThat(lastBefore(left, f, cut)).isEqualTo(lastBefore(all, f, cut));
        }
        assertThat(left.stream().filter(s -> s.at() < cut).count())
                .isLessThanOrEqualTo(SampleSeries.FIELDS);
    }

    private static long lastBefore(List<Sample> samples, int field, long cut) {
        return samples.stream()
                .filter(s -> s.at() < cut && s.values().get(field) >= 0)
                .mapToLong(s -> s.at() * 1_000 + s.values().get(field))
                .max()
                .orElse(-1);
    }

    private static List<Sample> samples(Random random, String... cards) {
        List<Sample> samples = new ArrayList<>();
        for (int i = 0; i < SAMPLES; i++) {
            List<Long> values = new ArrayList<>();
            for (int f = 0; f < SampleSeries.FIELDS; f++) {
                values.add(random.nextInt(3) == 0 ? SampleSeries.ABSENT : random.nextInt(100));
            }
            samples.add(
                    new Sample(
                            random.nextInt(INSTANTS) * 1_000L,
                            500L * random.nextInt(4),
                            cards[random.nextInt(cards.length)],
                            values));
        }
        return samples;
    }

    private static Sample union(Sample a, Sample b) {
        List<Long> values = new ArrayList<>();
        for (int f = 0; f < SampleSeries.FIELDS; f++) {
            values.add(Math.max(a.values().get(f), b.values().get(f)));
        }
        return new Sample(a.at(), Math.max(a.cover(), b.cover()), a.card(), values);
    }

    private static boolean add(SampleSeries series, Sample s) {
        return series.add(s.at(), s.cover(), s.card(), array(s), 0);
    }

    private static long[] array(Sample s) {
        return s.values().stream().mapToLong(Long::longValue).toArray();
    }

    private static List<Sample> contents(SampleSeries series) {
        List<Sample> contents = new ArrayList<>();
        for (int i = 0; i < series.size(); i++) {
            Long[] values = new Long[SampleSeries.FIELDS];
            for (int f = 0; f < SampleSeries.FIELDS; f++) {
                values[f] = series.value(i, f);
            }
            contents.add(
                    new Sample(
                            series.atMs(i),
                            series.coverMs(i),
                            series.card(i),
                            Arrays.asList(values)));
        }
        return contents;
    }
}

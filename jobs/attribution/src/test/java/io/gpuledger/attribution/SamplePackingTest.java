package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.core.usage.SampleSeries;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SamplePackingTest {
    private static final long START_MS = 1_767_225_600_000L;

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
    void unpacking_gives_back_every_sample(long seed) {
        Random random = new Random(seed);
        Map<Integer, SeriesState> states = new TreeMap<>();
        Map<Integer, SampleSeries> series = new TreeMap<>();
        for (int id = 0; id < 1 + random.nextInt(9); id++) {
            SeriesState state = new SeriesState();
            SampleSeries samples = new SampleSeries();
            long at = START_MS;
            for (int i = random.nextInt(300); i > 0; i--) {
                at += random.nextInt(4) == 0 ? 1 + random.nextInt(100_000) : 1_000;
                String card = "GPU-" + (random.nextInt(50) == 0 ? 1 : 0);
                state.card(card, "", at);
                samples.add(at, 1_500, card, values(random), 0);
            }
            states.put(id, state);
            series.put(id, samples);
        }
        long from = START_MS + random.nextInt(50_000);
        long to = from + random.nextInt(3_000_000);

        Map<Integer, SampleSeries> unpacked =
                SamplePacking.unpack(SamplePacking.pack(series, states, from, to), states);

        assertThat(unpacked.keySet()).isEqualTo(series.keySet());
        series.forEach(
                (id, samples) ->
                        assertThat(
                                        rows(
                                                Objects.requireNonNull(unpacked.get(id)),
                                                Long.MIN_VALUE,
                                                Long.MAX_VALUE))
                                .isEqualTo(rows(samples, from, to)));
    }

    /** What DESIGN 13 asks to be stated: a busy H100 each 30 s with all eight fields. */
    @Test
    void a_sample_of_a_busy_gpu_takes_less_than_20_bytes() {
        Random random = new Random(1);
        SeriesState state = new SeriesState();
        SampleSeries samples = new SampleSeries();
        long energy = 1_000_000_000_000L;
        for (int i = 0; i < 120; i++) {
            long power = 600_000L + random.nextInt(50_000);
            energy += power * 30;
            state.card("GPU-0", "", START_MS);
            long[] values = {
                950_000 + random.nextInt(50_000),
                1_000_000,
                700_000 + random.nextInt(50_000),
                400_000 + random.nextInt(50_000),
                300_000 + random.nextInt(50_000),
                70_000,
                energy,
                power
            };
            samples.add(START_MS + i * 30_000L, 45_000, "GPU-0", values, 0);
        }

        byte[] packed =
                SamplePacking.pack(
                        Map.of(0, samples), Map.of(0, state), Long.MIN_VALUE, Long.MAX_VALUE);

        assertThat(packed.length / 120.0).isLessThan(20);
    }

    @Test
    void what_a_newer_release_packed_is_refused_by_name() {
        byte[] packed = SamplePacking.pack(Map.of(), Map.of(), Long.MIN_VALUE, Long.MAX_VALUE);
        packed[0] = 4; // version 2

        assertThatThrownBy(() -> SamplePacking.unpack(packed, Map.of()))
                .hasMessageContaining("version 2");
    }

    private static long[] values(Random random) {
        long[] values = new long[SampleSeries.FIELDS];
        for (int f = 0; f < values.length; f++) {
            values[f] =
                    switch (random.nextInt(4)) {
                        case 0 -> SampleSeries.ABSENT;
                        case 1 -> 0;
                        case 2 -> 1_000_000;
                        default -> random.nextLong() >>> (1 + random.nextInt(60));
                    };
        }
        return values;
    }

    private static List<List<Object>> rows(SampleSeries samples, long from, long to) {
        List<List<Object>> rows = new ArrayList<>();
        for (int i = samples.firstFrom(from); i < samples.firstFrom(to); i++) {
            List<Object> row = new ArrayList<>();
            row.add(samples.atMs(i));
            row.add(samples.coverMs(i));
            row.add(samples.card(i));
            for (int f = 0; f < SampleSeries.FIELDS; f++) {
                row.add(samples.value(i, f));
            }
            rows.add(row);
        }
        return rows;
    }
}

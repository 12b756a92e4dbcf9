package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.collectors.dcgm.RemoteWrite;
import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.schemas.HostScrapeRecord;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xerial.snappy.Snappy;

/** What a Prometheus sends, and what else may come to that address. */
class RemoteWriteTest {
    private static final int UNPACKED_LIMIT = 64 << 20;
    private static final long T = 1_700_000_000_000L;
    private static final int FUZZ = Integer.getInteger("gpuledger.fuzz", 20_000);

    @TempDir Path directory;

    private final RemoteWrite reader = new RemoteWrite("c1", 30_000, UNPACKED_LIMIT);

    private static Map<String, String> labels(String metric, String host, int gpu) {
        Map<String, String> labels = new LinkedHashMap<>();
        labels.put("__name__", metric);
        labels.put("Hostname", host);
        labels.put("UUID", "GPU-" + host + gpu);
        labels.put("gpu", "" + gpu);
        labels.put("instance", host + ":9400");
        labels.put("modelName", "NVIDIA \"H100\" \\ 80GB");
        return labels;
    }

    private static WriteRequests request() {
        WriteRequests request = new WriteRequests().metadata();
        for (String host : List.of("n1", "n2")) {
            for (int gpu = 0; gpu < 2; gpu++) {
                request.series(labels("DCGM_FI_DEV_GPU_UTIL", host, gpu), 40 + gpu, T, T + 30_000);
                request.series(
                        labels("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", host, gpu),
                        1.2345678901E10,
                        T,
                        T + 30_000);
            }
            request.series(labels("node_load1", host, 0), 1.5, T);
        }
        return request;
    }

    private Collected read(byte[] body) throws RemoteWrite.BadRequestException {
        Collected found = new Collected();
        reader.read(body, "127.0.0.1", found);
        return found;
    }

    @Test
    void the_records_are_those_of_the_same_samples_as_text() throws Exception {
        StringBuilder text = new StringBuilder();
        for (long at : List.of(T, T + 30_000)) {
            for (String host : List.of("n1", "n2")) {
                for (int gpu = 0; gpu < 2; gpu++) {
                    String labels =
                            "{Hostname=\"%1$s\",UUID=\"GPU-%1$s%2$d\",gpu=\"%2$d\",instance=\"%1$s:9400\",modelName=\"NVIDIA \\\"H100\\\" \\\\ 80GB\"}"
                                    .formatted(host, gpu);
                    text.append("DCGM_FI_DEV_GPU_UTIL%s %d %d%n".formatted(labels, 40 + gpu, at));
                    text.append(
                            "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION%s 12345678901 %d%n"
                                    .formatted(labels, at));
                }
            }
        }
        Path file = directory.resolve("1700000060.dcgm.prom");
        Files.writeString(file, text);
        List<HostScrapeRecord> expected = Collected.of(file).scrapes;
        assertThat(expected).hasSize(4);

        Collected found = read(request().packed());

        found.scrapes.forEach(s -> s.setOrigin(""));
        expected.forEach(s -> s.setOrigin(""));
        assertThat(found.scrapes).containsExactlyInAnyOrderElementsOf(expected);
        InputCount count = found.counts.get(0);
        assertThat(count.balanced()).isTrue();
        assertThat(count.used()).isEqualTo(16);
        assertThat(count.ignored()).containsEntry("other metric", 2L);
    }

    @Test
    void stale_markers_and_blank_values_are_no_samples() throws Exception {
        Collected found =
                read(
                        new WriteRequests()
                                .series(labels("DCGM_FI_DEV_GPU_UTIL", "n1", 0), Double.NaN, T)
                                .series(
                                        labels("DCGM_FI_DEV_POWER_USAGE", "n1", 0),
                                        140737488355328.0,
                                        T)
                                .packed());
        assertThat(found.scrapes)
                .allSatisfy(
                        s ->
                                assertThat(s.getGpus())
                                        .allMatch(
                                                g ->
                                                        g.getValues().stream()
                                                                .allMatch(
                                                                        java.util.Objects
                                                                                ::isNull)));
        assertThat(found.counts).allMatch(InputCount::balanced);
    }

    @Test
    void what_is_no_request_is_refused_whole() throws Exception {
        assertThatThrownBy(() -> read(new byte[0]))
                .isInstanceOf(RemoteWrite.BadRequestException.class);
        assertThatThrownBy(() -> read(request().plain()))
                .isInstanceOf(RemoteWrite.BadRequestException.class);
        byte[] plain = request().plain();
        byte[] torn = java.util.Arrays.copyOf(plain, plain.length - 3);
        Collected found = new Collected();
        assertThatThrownBy(() -> reader.read(Snappy.compress(torn), "here", found))
                .isInstanceOf(RemoteWrite.BadRequestException.class);
        assertThat(found.scrapes).isEmpty();
        assertThat(found.counts).isEmpty();
    }

    @Test
    void a_request_too_large_unpacked_is_not_unpacked() throws Exception {
        byte[] bomb = Snappy.compress(new byte[UNPACKED_LIMIT + 1]);
        assertThatThrownBy(() -> read(bomb))
                .isInstanceOf(RemoteWrite.BadRequestException.class)
                .hasMessageContaining("lower max_samples_per_send");
        // The length stands at the front: four bytes claim the most that is taken.
        byte[] lie = {(byte) 0x80, (byte) 0x80, (byte) 0x80, 0x20, 0, 0};
        assertThatThrownBy(() -> read(lie)).isInstanceOf(RemoteWrite.BadRequestException.class);
    }

    /** Small on the wire, and the same label would be told again with each of its samples. */
    @Test
    void a_long_label_with_many_samples_costs_its_length_once() throws Exception {
        Map<String, String> labels = labels("DCGM_FI_DEV_GPU_UTIL", "n1", 0);
        labels.put("pod", "p".repeat(2 << 20));
        long[] times = new long[20_000];
        for (int i = 0; i < times.length; i++) {
            times[i] = T + i;
        }
        byte[] body = new WriteRequests().series(labels, 1, times).packed();
        assertThat(body).hasSizeLessThan(1 << 20);
        // 20,000 times 2 MiB are 40 GB.
        Collected found = read(body);
        assertThat(found.scrapes).isEmpty();
        assertThat(found.deadLetters).hasSize(1);
        assertThat(found.deadLetters.get(0).getDetail()).contains("labels");
        assertThat(found.counts).allMatch(InputCount::balanced);
    }

    @Test
    void more_samples_than_a_sender_puts_into_one_request_are_refused() throws Exception {
        long[] times = new long[1_100_000];
        byte[] body =
                new WriteRequests()
                        .series(labels("DCGM_FI_DEV_GPU_UTIL", "n1", 0), 1, times)
                        .packed();
        assertThatThrownBy(() -> read(body))
                .isInstanceOf(RemoteWrite.BadRequestException.class)
                .hasMessageContaining("samples");
    }

    @Test
    void damaged_requests_are_refused_or_accounted_for() throws Exception {
        byte[] plain = request().plain();
        byte[] packed = request().packed();
        SplittableRandom dice = new SplittableRandom(20_261_126);
        int refused = 0;
        int used = 0;
        int dead = 0;
        for (int i = 0; i < FUZZ; i++) {
            boolean inside = dice.nextInt(10) > 0;
            byte[] bytes = (inside ? plain : packed).clone();
            int flips = 1 + dice.nextInt(4);
            for (int f = 0; f < flips; f++) {
                bytes[dice.nextInt(bytes.length)] = (byte) dice.nextInt(256);
            }
            if (dice.nextInt(8) == 0) {
                bytes = java.util.Arrays.copyOf(bytes, dice.nextInt(bytes.length + 20));
            }
            Collected found = new Collected();
            try {
                reader.read(inside ? Snappy.compress(bytes) : bytes, "fuzz", found);
                used += found.scrapes.size();
                dead += found.deadLetters.size();
                assertThat(found.counts).hasSize(1).allMatch(InputCount::balanced);
                assertThat(found.counts.get(0).deadLettered()).isEqualTo(found.deadLetters.size());
            } catch (RemoteWrite.BadRequestException e) {
                refused++;
                assertThat(found.scrapes).isEmpty();
            }
        }
        // A fuzz that only ever sees refusals tests nothing.
        assertThat(refused).isBetween(FUZZ / 50, FUZZ * 9 / 10);
        assertThat(used).isGreaterThan(FUZZ / 10);
        assertThat(dead).isPositive();
    }
}

package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.live.CollectorMetrics;
import io.gpuledger.collectors.slurm.SlurmFileReader;
import io.gpuledger.collectors.slurm.live.HookSpool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneId;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What hooks left while nobody looked. */
class HookSpoolTest {
    @TempDir Path directory;

    private final Collected found = new Collected();
    private final AtomicBoolean kafkaTakes = new AtomicBoolean(true);

    private HookSpool spool() {
        return new HookSpool(
                directory,
                new SlurmFileReader(new SlurmFileReader.Options("c1", ZoneId.of("UTC"), null)),
                found,
                kafkaTakes::get,
                new CollectorMetrics());
    }

    private void leave(String name, String text) throws IOException {
        Files.writeString(directory.resolve(name), text);
    }

    private static String line(int job) {
        return "{\"ts\":1795434900.25,\"hook\":\"prolog\",\"env\":{\"SLURM_JOB_ID\":\"%d\",\"SLURMD_NODENAME\":\"n1\",\"SLURM_JOB_GPUS\":\"0\"}}%n"
                .formatted(job);
    }

    private List<String> left() throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(Files::isRegularFile)
                    .map(f -> directory.relativize(f).toString())
                    .sorted()
                    .toList();
        }
    }

    @Test
    void a_file_goes_when_kafka_has_it() throws Exception {
        leave("1-prolog-1-1.json", line(1));
        leave("2-prolog-2-2.json", line(2));
        leave(".3-prolog-3-3", line(3).substring(0, 20));
        assertThat(spool().take()).isEqualTo(2);
        assertThat(found.jobs).extracting(j -> j.getRawJobId()).containsExactly(1L, 2L);
        assertThat(left()).containsExactly(".3-prolog-3-3");
        assertThat(spool().take()).isZero();
    }

    @Test
    void what_kafka_did_not_take_is_sent_again_by_the_next_collector() throws Exception {
        leave("1-prolog-1-1.json", line(1));
        kafkaTakes.set(false);
        assertThat(spool().take()).isZero();
        assertThat(left()).containsExactly("1-prolog-1-1.json");
        kafkaTakes.set(true);
        assertThat(spool().take()).isEqualTo(1);
        assertThat(left()).isEmpty();
        assertThat(found.jobs).hasSize(2);
        assertThat(found.jobs.get(0)).isEqualTo(found.jobs.get(1));
    }

    @Test
    void a_torn_line_is_a_dead_letter_and_the_rest_of_its_file_counts() throws Exception {
        leave("1", line(1) + line(2).substring(0, 40) + "\n" + line(3));
        leave("2", "");
        leave("3", line(4).strip());
        assertThat(spool().take()).isEqualTo(3);
        assertThat(found.jobs).extracting(j -> j.getRawJobId()).containsExactly(1L, 3L, 4L);
        assertThat(found.deadLetters).hasSize(1);
        assertThat(found.counts).allMatch(InputCount::balanced);
        assertThat(left()).isEmpty();
    }

    @Test
    void a_file_that_cannot_be_read_whole_is_put_aside_even_twice() throws Exception {
        for (int again = 0; again < 2; again++) {
            leave("1", "\u001f\u008b broken gzip");
            Files.write(directory.resolve("1"), new byte[] {0x1f, (byte) 0x8b, 8, 0, 0, 1, 2, 3});
            leave("2", line(2));
            spool().take();
        }
        assertThat(found.jobs).hasSize(2);
        assertThat(left()).allMatch(f -> f.startsWith("unreadable/")).isNotEmpty();
    }

    @Test
    void a_long_absence_is_made_up_for_in_parts() throws Exception {
        for (int i = 0; i < 2_500; i++) {
            leave("%05d.json".formatted(i), line(i + 1));
        }
        HookSpool spool = spool();
        assertThat(spool.take()).isEqualTo(1_000);
        assertThat(spool.take()).isEqualTo(1_000);
        assertThat(spool.take()).isEqualTo(500);
        assertThat(found.jobs).hasSize(2_500);
        assertThat(left()).isEmpty();
    }
}

package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFiles;
import io.gpuledger.collectors.file.InputFormat;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.NodeDeviceRecord;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damaged inputs of every format: the only exception is the documented one, every record is
 * accounted for, and nothing grows beyond what a record may hold. More of them: {@code
 * -Dgpuledger.fuzz=100000}; others than every build tries: {@code -Dgpuledger.from=1}.
 */
class InputFuzzTest {
    /** Of each format. */
    private static final int INPUTS = Integer.getInteger("gpuledger.fuzz", 8_000);

    /** Two starts are further apart than the formats' hashes times {@link #MOST}: none meet. */
    private static final long SEED = 20_261_123 + Long.getLong("gpuledger.from", 0) * (1L << 56);

    /** No two formats are damaged alike. */
    private static final long MOST = 10_000_000;

    /** No single damaged input of some kilobytes may take longer, even on a busy machine. */
    private static final long SLOWEST_MS = 5_000;

    private static final int HOSTS_PER_RECORD = 16_384;
    private static final int INDICES_PER_RECORD = 262_144;
    private static final Set<InputFormat> RESERVATIONS =
            EnumSet.of(InputFormat.SCONTROL_RESERVATIONS, InputFormat.SLURM_RESERVATIONS_JSON);
    private static final ZoneId ZONE = ZoneId.of("Europe/Copenhagen");

    @TempDir Path dir;

    /** What became of many inputs. */
    private record Outcome(long used, long dead, long refused) {
        static final Outcome NONE = new Outcome(0, 0, 0);

        Outcome plus(Outcome o) {
            return new Outcome(used + o.used, dead + o.dead, refused + o.refused);
        }
    }

    /** An undamaged input. */
    private static final class Seed {
        private final Path path;
        private final byte[] bytes;

        Seed(Path path) throws IOException {
            this.path = path;
            this.bytes = Files.readAllBytes(path);
        }
    }

    @Test
    void damaged_inputs_are_refused_or_accounted_for() throws Exception {
        Map<InputFormat, List<Seed>> seeds = seeds();
        assertThat(seeds).containsOnlyKeys(InputFormat.values());
        Map<InputFormat, Outcome> outcomes = new ConcurrentHashMap<>();
        seeds.entrySet().parallelStream()
                .forEach(e -> outcomes.put(e.getKey(), fuzz(e.getValue(), e.getKey())));
        Outcome all = outcomes.values().stream().reduce(Outcome.NONE, Outcome::plus);
        long inputs = (long) INPUTS * seeds.size();
        // A fuzz that only ever sees refusals tests nothing.
        assertThat(outcomes).allSatisfy((format, o) -> assertThat(o.used()).isPositive());
        assertThat(all.used()).isGreaterThan(inputs);
        assertThat(all.dead()).isGreaterThan(inputs / 10);
        assertThat(all.refused()).isBetween(inputs / 100, inputs / 2);
    }

    private static Map<InputFormat, List<Seed>> seeds() throws IOException, InputException {
        Map<InputFormat, List<Seed>> seeds = new EnumMap<>(InputFormat.class);
        try (var files = Files.list(Path.of("src", "test", "resources", "fuzz"))) {
            for (Path path : files.sorted().toList()) {
                InputFormat format = InputFiles.expand(List.of(path)).files().get(0).format();
                seeds.computeIfAbsent(format, f -> new ArrayList<>()).add(new Seed(path));
            }
        }
        return seeds;
    }

    private Outcome fuzz(List<Seed> seeds, InputFormat format) {
        try {
            Outcome outcome = Outcome.NONE;
            for (int i = 0; i < INPUTS; i++) {
                Seed seed = seeds.get(i % seeds.size());
                byte[] input =
                        new Mutator(SEED + format.name().hashCode() * MOST + i).mutate(seed.bytes);
                Path target =
                        dir.resolve(Objects.requireNonNull(seed.path.getFileName(), "a file"));
                // Some file systems write a file out when it is cut to nothing and filled again.
                Files.deleteIfExists(target);
                Files.write(target, input);
                outcome = outcome.plus(one(input, i, target, format));
            }
            return outcome;
        } catch (IOException e) {
            throw new AssertionError(format.toString(), e);
        }
    }

    private static Outcome one(byte[] input, int i, Path target, InputFormat format) {
        Collected found = new Collected();
        long began = System.nanoTime();
        try {
            // Every 8th goes the whole way; the others meet the reader even when damaged so much
            // that nobody would recognise them.
            InputFile file =
                    i % 8 == 0
                            ? InputFiles.expand(List.of(target)).files().get(0)
                            : new InputFile(target, format);
            found.read(file, ZONE, null);
            check(input, file.format(), found);
        } catch (InputException e) {
            assertThat(e.getMessage()).contains(target.toString());
            return new Outcome(0, 0, 1);
        } catch (Exception | StackOverflowError | OutOfMemoryError | AssertionError e) {
            throw new AssertionError(
                    "seed " + target.getFileName() + " input " + i + ": " + shown(input), e);
        }
        long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
        if (took >= SLOWEST_MS) {
            throw new AssertionError(target.getFileName() + " input " + i + " took ms " + took);
        }
        return new Outcome(found.counts.get(0).used(), found.deadLetters.size(), 0);
    }

    private static String shown(byte[] input) {
        return input.length > 8000
                ? input.length + " bytes"
                : Base64.getEncoder().encodeToString(input);
    }

    private static void check(byte[] input, InputFormat format, Collected found) throws Exception {
        assertThat(found.counts).hasSize(1);
        InputCount count = found.counts.get(0);
        assertThat(count.balanced()).as("%s", count).isTrue();
        assertThat(found.deadLetters).hasSize((int) count.deadLettered());
        if (format.family() == InputFormat.Family.DCGM) {
            long values = 0;
            for (HostScrapeRecord s : found.scrapes) {
                for (GpuSampleRecord g : s.getGpus()) {
                    assertThat(g.getValues()).hasSameSizeAs(s.getFields());
                    values += g.getValues().stream().filter(Objects::nonNull).count();
                }
            }
            assertThat(values).isEqualTo(count.used());
        } else if (RESERVATIONS.contains(format)) {
            // Each host of a reservation is told of it.
            assertThat((long) found.hosts.size())
                    .isBetween(count.used(), count.used() * HOSTS_PER_RECORD);
        } else if (format != InputFormat.HOST_CONFIGURATION) {
            assertThat(found.jobs.size() + found.hosts.size()).isEqualTo((int) count.used());
        }
        if (format == InputFormat.HOOKS || format == InputFormat.JOBCOMP) {
            long lines =
                    Arrays.stream(new String(input, StandardCharsets.UTF_8).split("\n", -1))
                            .filter(l -> !l.isBlank() && !l.strip().equals("\uFEFF"))
                            .count();
            assertThat(count.read()).isEqualTo(lines);
        }
        for (JobSnapshotRecord r : found.jobs) {
            bounded(r);
            r.toByteBuffer();
        }
        for (HostSnapshotRecord r : found.hosts) {
            assertThat(r.getGres()).hasSizeLessThanOrEqualTo(64);
            r.toByteBuffer();
        }
        for (HostScrapeRecord r : found.scrapes) {
            r.toByteBuffer();
        }
        assertThat(found.deadLetters)
                .allSatisfy(
                        d -> {
                            assertThat(d.getPayload().length()).isLessThanOrEqualTo(4096);
                            assertThat(d.getDetail().length()).isLessThanOrEqualTo(1024);
                        });
        assertThat(count.ignored()).hasSizeLessThan(20);
    }

    private static void bounded(JobSnapshotRecord r) {
        List<String> nodes = r.getNodes();
        assertThat(nodes == null ? 0 : nodes.size()).isLessThanOrEqualTo(HOSTS_PER_RECORD);
        assertThat(r.getDevices().size()).isLessThanOrEqualTo(INDICES_PER_RECORD);
        int indices = 0;
        for (NodeDeviceRecord d : r.getDevices()) {
            indices += d.getIndices().size();
        }
        assertThat(indices).isLessThanOrEqualTo(INDICES_PER_RECORD);
        Long start = r.getStartMs();
        Long end = r.getEndMs();
        assertThat(start == null || end == null || end >= start).isTrue();
    }
}

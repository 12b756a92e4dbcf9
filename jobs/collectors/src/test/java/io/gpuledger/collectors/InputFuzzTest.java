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
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * 100,000 damaged inputs over every format: the only exception is the documented one, every record
 * is accounted for, and nothing grows beyond what a record may hold.
 */
class InputFuzzTest {
    private static final int INPUTS = 100_000;
    private static final long SEED = 20_261_123;

    /** No single damaged input of some kilobytes may take longer, even on a busy machine. */
    private static final long SLOWEST_MS = 5_000;

    private static final int HOSTS_PER_RECORD = 16_384;
    private static final int INDICES_PER_RECORD = 262_144;
    private static final ZoneId ZONE = ZoneId.of("Europe/Copenhagen");

    @TempDir Path dir;

    /** What became of many inputs. */
    private record Outcome(long used, long dead, long refused) {
        static final Outcome NONE = new Outcome(0, 0, 0);

        Outcome plus(Outcome o) {
            return new Outcome(used + o.used, dead + o.dead, refused + o.refused);
        }
    }

    @Test
    void damaged_inputs_are_refused_or_accounted_for() throws Exception {
        List<Path> seeds;
        try (var files = Files.list(Path.of("src", "test", "resources", "fuzz"))) {
            seeds = files.sorted().toList();
        }
        assertThat(seeds).hasSizeGreaterThan(12);
        Outcome all =
                IntStream.range(0, seeds.size())
                        .parallel()
                        .mapToObj(s -> fuzz(seeds.get(s), s, seeds.size()))
                        .reduce(Outcome.NONE, Outcome::plus);
        // A fuzz that only ever sees refusals tests nothing.
        assertThat(all.used()).isGreaterThan(INPUTS);
        assertThat(all.dead()).isGreaterThan(INPUTS / 10);
        assertThat(all.refused()).isBetween(INPUTS / 100L, INPUTS / 2L);
    }

    private Outcome fuzz(Path path, int first, int step) {
        try {
            byte[] seed = Files.readAllBytes(path);
            InputFormat format = InputFiles.expand(List.of(path)).files().get(0).format();
            Path target = dir.resolve(Objects.requireNonNull(path.getFileName()));
            Outcome outcome = Outcome.NONE;
            for (int i = first; i < INPUTS; i += step) {
                byte[] input = new Mutator(SEED + i).mutate(seed);
                // Some file systems write a file out when it is cut to nothing and filled again.
                Files.deleteIfExists(target);
                Files.write(target, input);
                outcome = outcome.plus(one(input, i, target, format));
            }
            return outcome;
        } catch (IOException | InputException e) {
            throw new AssertionError(path.toString(), e);
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

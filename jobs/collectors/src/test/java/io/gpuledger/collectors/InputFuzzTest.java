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
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneId;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
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
    private static final int INDICES_PER_RECORD = 131_072;
    private static final ZoneId ZONE = ZoneId.of("Europe/Copenhagen");

    @TempDir Path dir;

    @Test
    void damaged_inputs_are_refused_or_accounted_for() throws Exception {
        List<Path> seeds;
        try (var files = Files.list(Path.of("src", "test", "resources", "fuzz"))) {
            seeds = files.sorted().toList();
        }
        assertThat(seeds).hasSizeGreaterThan(12);
        long used = 0;
        long dead = 0;
        long refused = 0;
        for (int s = 0; s < seeds.size(); s++) {
            byte[] seed = Files.readAllBytes(seeds.get(s));
            InputFormat format = InputFiles.expand(List.of(seeds.get(s))).files().get(0).format();
            Path target = dir.resolve(Objects.requireNonNull(seeds.get(s).getFileName()));
            for (int i = s; i < INPUTS; i += seeds.size()) {
                byte[] input = new Mutator(SEED + i).mutate(seed);
                // Some file systems write a file out when it is cut to nothing and filled again.
                Files.deleteIfExists(target);
                Files.write(target, input);
                Collected found = new Collected();
                long began = System.nanoTime();
                try {
                    // Every 8th goes the whole way; the others meet the reader even when damaged
                    // so much that nobody would recognise them.
                    List<InputFile> files =
                            i % 8 == 0
                                    ? InputFiles.expand(List.of(target)).files()
                                    : List.of(new InputFile(target, format));
                    for (InputFile f : files) {
                        found.read(f, ZONE, null);
                    }
                    check(input, files.get(0).format(), found);
                    used += found.counts.get(0).used();
                    dead += found.deadLetters.size();
                } catch (InputException e) {
                    assertThat(e.getMessage()).contains(target.toString());
                    refused++;
                } catch (Exception | StackOverflowError | OutOfMemoryError | AssertionError e) {
                    throw new AssertionError(
                            "seed " + target.getFileName() + " input " + i + ": " + shown(input),
                            e);
                }
                long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
                if (took >= SLOWEST_MS) {
                    throw new AssertionError(
                            target.getFileName() + " input " + i + " took ms " + took);
                }
            }
        }
        // A fuzz that only ever sees refusals tests nothing.
        assertThat(used).isGreaterThan(INPUTS);
        assertThat(dead).isGreaterThan(INPUTS / 10);
        assertThat(refused).isBetween(INPUTS / 100L, INPUTS / 2L);
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

package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gpuledger.collectors.dcgm.DcgmText;
import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFiles;
import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.collectors.slurm.Tres;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.NodeDeviceRecord;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RecordedDataTest {
    private Path data = Path.of("");

    @BeforeEach
    void find() {
        Path at = Path.of(System.getProperty("user.dir")).toAbsolutePath();
        while (at != null && !Files.isDirectory(at.resolveSibling("shared").resolve("data"))) {
            at = at.getParent();
        }
        assumeTrue(at != null, "the recorded inputs are not here");
        data = at == null ? Path.of("") : at.resolveSibling("shared").resolve("data");
    }

    @Test
    void the_recording_is_read_without_dead_letters() throws Exception {
        for (String part : List.of("poll", "hooks", "final")) {
            Collected c = Collected.of(data.resolve("slurm-recording").resolve(part));
            assertThat(c.deadLetters).as(part).isEmpty();
            assertThat(c.jobs).as(part).isNotEmpty();
            assertThat(c.counts).as(part).allMatch(InputCount::balanced);
            if (part.equals("poll")) {
                assertThat(c.heartbeats)
                        .filteredOn(h -> h.getKind() == HeartbeatKind.COMPLETE_POLL)
                        // One scontrol answer is an error: the controller was being restarted.
                        .hasSize(184 + 183 + 37);
            }
        }
    }

    @Test
    void text_and_json_of_one_instant_name_the_same_devices() throws Exception {
        Path poll = data.resolve("slurm-recording").resolve("poll");
        int compared = 0;
        List<Path> readable =
                InputFiles.expand(List.of(poll)).files().stream().map(InputFile::path).toList();
        try (var files = Files.list(poll)) {
            for (Path json : files.filter(p -> p.toString().endsWith(".squeue.json.gz")).toList()) {
                String text = json.toString().replace(".squeue.json.gz", ".scontrol.txt.gz");
                if (!readable.contains(Path.of(text))) {
                    continue;
                }
                Set<String> a = held(Collected.of(json));
                Set<String> b = held(Collected.of(Path.of(text)));
                if (a.equals(b)) {
                    compared++;
                }
            }
        }
        // The two commands run some 10 ms apart, so a few polls differ honestly.
        assertThat(compared).isGreaterThan(160);
    }

    private static Set<String> held(Collected c) {
        Set<String> out = new HashSet<>();
        for (JobSnapshotRecord r : c.jobs) {
            for (NodeDeviceRecord d : r.getDevices()) {
                out.add(
                        r.getRawJobId()
                                + "@"
                                + r.getStartMs()
                                + d.getHost()
                                + d.getKind()
                                + d.getGresType()
                                + d.getIndices()
                                + r.getGpuCount()
                                + r.getShardCount()
                                + r.getSuspendAtMs());
            }
        }
        return out;
    }

    @Test
    void slurmrestd_answers_hold_the_expected_devices() throws Exception {
        Path root = data.resolve("slurmrestd");
        List<String> rows = Files.readAllLines(root.resolve("expected_gpu_counts.csv"));
        int checked = 0;
        for (String row : rows.subList(1, rows.size())) {
            List<String> f = csv(row);
            Collected c;
            try {
                c = Collected.of(root.resolve(f.get(0)));
            } catch (InputException e) {
                throw new AssertionError(f.get(0), e);
            }
            assertThat(c.deadLetters).as(row).isEmpty();
            JobSnapshotRecord job =
                    c.jobs.stream()
                            .filter(j -> j.getRawJobId() == Long.parseLong(f.get(1)))
                            .findFirst()
                            .orElseThrow(() -> new AssertionError(row));
            int devices = job.getDevices().stream().mapToInt(NodeDeviceRecord::getCount).sum();
            assertThat(devices).as(row).isEqualTo(Integer.parseInt(f.get(5)));
            checked++;
        }
        assertThat(checked).isGreaterThan(20);
    }

    private static List<String> csv(String row) {
        java.util.ArrayList<String> out = new java.util.ArrayList<>();
        Matcher m = Pattern.compile("(?:^|,)(\"[^\"]*\"|[^,]*)").matcher(row);
        while (m.find()) {
            out.add(m.group(1).replace("\"", ""));
        }
        return out;
    }

    @Test
    void every_slurmrestd_answer_is_read_or_ignored() throws Exception {
        Collected c = Collected.of(data.resolve("slurmrestd"));
        assertThat(c.deadLetters).isEmpty();
        assertThat(c.hosts).isNotEmpty();
        assertThat(c.counts).allMatch(InputCount::balanced);
    }

    @Test
    void tres_texts_mean_what_is_listed() throws Exception {
        List<String> rows = Files.readAllLines(data.resolve("tres/tres-gpu-cases.tsv"));
        for (String row : rows.subList(1, rows.size())) {
            String[] f = row.split("\t", -1);
            assertThat(Tres.parse(f[0]).gpuCount()).as(row).isEqualTo(Integer.parseInt(f[3]));
        }
    }

    @Test
    void exporter_texts_show_every_physical_gpu() throws Exception {
        Pattern uuid = Pattern.compile("UUID=\"(GPU-[^\"]+)\"");
        try (var files = Files.list(data.resolve("dcgm"))) {
            for (Path p : files.filter(f -> f.toString().endsWith(".prom")).toList()) {
                String text = Files.readString(p);
                Collected sink = new Collected();
                List<HostScrapeRecord> scrapes =
                        DcgmText.parseScrape(
                                text,
                                "c1",
                                30_000,
                                1_000_000L,
                                "",
                                "x",
                                new InputTally("c1", "x", sink));
                Set<String> want = new HashSet<>();
                for (String line : text.split("\n", -1)) {
                    Matcher m = uuid.matcher(line);
                    boolean kept =
                            line.matches(
                                    ".*(POWER_USAGE|ENERGY|GPU_UTIL|FB_|GPU_TEMP"
                                            + "|power_usage|GR_ENGINE).*");
                    if (kept && !line.startsWith("#") && m.find()) {
                        want.add(m.group(1));
                    }
                }
                Set<String> got = new HashSet<>();
                scrapes.forEach(s -> s.getGpus().forEach(g -> got.add(g.getUuid())));
                assertThat(got).as(p.toString()).isEqualTo(want);
            }
        }
    }

    @Test
    void sentinels_are_no_sample() throws Exception {
        Collected sink = new Collected();
        assertThat(
                        DcgmText.parseScrape(
                                Files.readString(
                                        data.resolve("dcgm/readme-sentinel-sample.prom.txt")),
                                "c1",
                                30_000,
                                1L,
                                "h",
                                "x",
                                new InputTally("c1", "x", sink)))
                .isEmpty();
    }

    @Test
    void a_year_of_sacct_rows_is_read() throws Exception {
        Collected c = Collected.of(data.resolve("xdmod/phillips.psv"));
        assertThat(c.deadLetters).isEmpty();
        assertThat(c.jobs).hasSizeGreaterThan(4000);
        assertThat(c.heartbeats).hasSize(1);
    }

    @Test
    void a_broken_row_is_joined() throws Exception {
        Collected a = Collected.of(data.resolve("sacct-text/sample-sacct-one-multiline.txt"));
        Collected b =
                Collected.of(data.resolve("sacct-text/sample-sacct-one-multiline-expected.txt"));
        assertThat(a.deadLetters).isEmpty();
        a.jobs.forEach(j -> j.setOrigin(""));
        b.jobs.forEach(j -> j.setOrigin(""));
        assertThat(a.jobs).isEqualTo(b.jobs);
    }
}

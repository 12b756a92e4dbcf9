package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gpuledger.collectors.dcgm.DcgmText;
import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFiles;
import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.collectors.slurm.Tres;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.NodeDeviceRecord;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

    /** File, cards, instances, distinct energy counters. */
    @ParameterizedTest
    @CsvSource({
        "03_hpc_job_label_one_job_per_gpu.prom, 4, 0, 4",
        "07_legacy_1x_metric_names_empty_pod_labels.prom, 1, 0, 1",
        "08_mig_whole_gpu_and_instance_rows_together.prom, 1, 1, 1",
        "11_gb200_no_driver_label.prom, 4, 0, 0",
        "a100_mig_3_instances.prom, 1, 3, 1",
        "a100_mig_enabled_empty.prom, 1, 0, 1",
        "h100x8_eks.prom, 8, 0, 0",
        "t4_fraction_pods.prom, 2, 0, 2"
    })
    void exporter_texts_show_every_card_and_instance(
            String file, int cards, int instances, int counters) throws Exception {
        Collected sink = new Collected();
        InputTally tally = new InputTally("c1", "x", sink);
        List<HostScrapeRecord> scrapes =
                DcgmText.parseScrape(
                        Files.readString(data.resolve("dcgm").resolve(file)),
                        "c1",
                        30_000,
                        1_000_000L,
                        "",
                        "x",
                        tally);
        tally.close();
        assertThat(sink.deadLetters).isEmpty();
        assertThat(sink.counts.get(0).balanced()).isTrue();
        assertThat(scrapes).hasSize(1);
        Set<String> uuids = new HashSet<>();
        Set<Integer> found = new HashSet<>();
        Set<String> energies = new HashSet<>();
        int energy = scrapes.get(0).getFields().indexOf(156);
        for (GpuSampleRecord g : scrapes.get(0).getGpus()) {
            uuids.add(g.getUuid());
            if (g.getInstance() >= 0) {
                found.add(g.getInstance());
            }
            if (energy >= 0 && g.getValues().get(energy) != null) {
                energies.add(g.getUuid() + g.getValues().get(energy));
            }
        }
        assertThat(uuids).hasSize(cards);
        assertThat(found).hasSize(instances);
        assertThat(energies).hasSize(counters);
    }

    @Test
    void sentinels_are_no_sample() throws Exception {
        Collected sink = new Collected();
        List<HostScrapeRecord> scrapes =
                DcgmText.parseScrape(
                        Files.readString(data.resolve("dcgm/readme-sentinel-sample.prom.txt")),
                        "c1",
                        30_000,
                        1L,
                        "h",
                        "x",
                        new InputTally("c1", "x", sink));
        // The clock is not kept but proves the card; the blank temperature is nothing.
        assertThat(scrapes).hasSize(1);
        assertThat(scrapes.get(0).getFields()).isEmpty();
        assertThat(scrapes.get(0).getGpus()).hasSize(1);
    }

    @Test
    void gpu_hours_by_day_are_those_that_xdmod_publishes() throws Exception {
        Collected c = Collected.of(data.resolve("xdmod/phillips.psv"));
        Map<LocalDate, Long> gpuMs = new HashMap<>();
        for (JobSnapshotRecord r : c.jobs) {
            long at = Objects.requireNonNull(r.getStartMs());
            long end = Objects.requireNonNull(r.getEndMs());
            int gpus = Objects.requireNonNullElse(r.getGpuCount(), 0);
            while (at < end) {
                LocalDate day = Instant.ofEpochMilli(at).atOffset(ZoneOffset.UTC).toLocalDate();
                long next = day.plusDays(1).atStartOfDay(ZoneOffset.UTC).toInstant().toEpochMilli();
                gpuMs.merge(day, gpus * (Math.min(end, next) - at), Long::sum);
                at = next;
            }
        }
        List<String> rows = Files.readAllLines(data.resolve("xdmod/expected_by_day_phillips.csv"));
        for (String row : rows.subList(1, rows.size())) {
            String[] f = row.split(",", -1);
            double hours = gpuMs.getOrDefault(LocalDate.parse(f[1]), 0L) / 3_600_000.0;
            assertThat(hours).as(row).isCloseTo(Double.parseDouble(f[5]), within(0.0001));
        }
    }

    @Test
    void accounting_is_the_same_in_text_json_and_epoch() throws Exception {
        Path last = data.resolve("slurm-recording/final");
        Set<String> text = rows(Collected.of(last.resolve("sacct-D-all.psv")));
        assertThat(text).hasSizeGreaterThan(100);
        for (String other :
                List.of("sacct-D-all-epoch.psv", "sacct-D.json.gz", "rest-slurmdb-jobs.json.gz")) {
            assertThat(rows(Collected.of(last.resolve(other)))).as(other).isEqualTo(text);
        }
    }

    private static Set<String> rows(Collected c) {
        Set<String> out = new HashSet<>();
        for (JobSnapshotRecord r : c.jobs) {
            out.add(
                    String.join(
                            " ",
                            Long.toString(r.getRawJobId()),
                            r.getJobId(),
                            r.getState(),
                            "" + r.getSubmitMs(),
                            "" + r.getStartMs(),
                            "" + r.getEndMs(),
                            "" + r.getGpuCount(),
                            "" + r.getGpuTypes(),
                            "" + r.getShardCount(),
                            "" + r.getNodes(),
                            r.getAccount(),
                            r.getUser(),
                            "" + r.getSuspendedTotalMs()));
        }
        return out;
    }

    @Test
    void other_recorded_texts() throws Exception {
        Collected kafka = Collected.of(data.resolve("sacct-text/jobcomp_kafka_job87.json"));
        assertThat(kafka.jobs).hasSize(1);
        assertThat(kafka.jobs.get(0).getRawJobId()).isEqualTo(87);
        Collected mila = Collected.of(data.resolve("sacct-text/mila_sacct_1.json"));
        assertThat(mila.deadLetters).isEmpty();
        assertThat(mila.jobs).extracting(JobSnapshotRecord::getJobId).containsExactly("1_7", "2_0");
        // The parser of 0.0.37 gives the eligible time as the start: end and length tell better.
        JobSnapshotRecord requeued = mila.jobs.get(1);
        assertThat(requeued.getEndMs() - requeued.getStartMs()).isEqualTo(86_307_000L);
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

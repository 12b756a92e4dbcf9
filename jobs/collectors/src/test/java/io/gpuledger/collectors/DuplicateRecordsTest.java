package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.collectors.dcgm.DcgmFileReader;
import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFiles;
import io.gpuledger.collectors.file.InputFormat;
import io.gpuledger.collectors.file.KnownRecords;
import io.gpuledger.collectors.slurm.SlurmFileReader;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was said already in a call is a duplicate and is given to the sink once. */
class DuplicateRecordsTest {
    private static final String SACCT =
            "JobIDRaw|State|Start|End|NodeList|Account|User|AllocTRES\n";
    private static final String ROW = "|COMPLETED|1795434848|1795434862|n1|g1|alice|gres/gpu=1\n";
    private static final String HOOK =
            "{\"ts\":179543485%d.5,\"hook\":\"prolog\",\"env\":{"
                    + "\"SLURM_JOB_ID\":\"7\",\"SLURMD_NODENAME\":\"n1\",\"SLURM_JOB_GPUS\":\"0\"}}\n";
    private static final String POLL =
            "{\"jobs\":[{\"job_id\":7,\"job_state\":[\"RUNNING\"],\"start_time\":1795434848,"
                    + "\"nodes\":\"n1\",\"tres_alloc_str\":\"gres/gpu=1\"}]}";
    private static final String SAMPLE =
            "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-0\",Hostname=\"n1\"} %d %d000\n";

    @TempDir Path dir;

    @Test
    void a_row_twice_in_a_file() throws Exception {
        Collected c = read("a.psv", SACCT + "1" + ROW + "2" + ROW + "1" + ROW);

        assertThat(c.jobs).extracting(JobSnapshotRecord::getRawJobId).containsExactly(1L, 2L);
        assertCounts(c, new long[] {2, 1});
    }

    @Test
    void a_hook_line_in_two_files() throws Exception {
        Collected c =
                read(
                        "hooks.a", HOOK.formatted(1) + HOOK.formatted(2),
                        "hooks.b", HOOK.formatted(2) + HOOK.formatted(3));

        assertThat(c.jobs).hasSize(3);
        assertThat(c.jobs.get(0).getOrigin()).endsWith("hooks.a:1");
        assertCounts(c, new long[] {2, 0}, new long[] {1, 1});
    }

    /** A poll that says the same later proves that it still held. */
    @Test
    void a_job_in_two_polls_is_said_twice() throws Exception {
        Collected c = read("1795434850.jobs.json", POLL, "1795434860.jobs.json", POLL);

        assertThat(c.jobs).hasSize(2);
        assertThat(c.heartbeats).hasSize(2);
        assertCounts(c, new long[] {1, 0}, new long[] {1, 0});
    }

    @Test
    void a_poll_twice_is_said_once_and_proves_its_time_as_before() throws Exception {
        Collected c = read("1795434850.a.json", POLL, "1795434850.b.json", POLL + "\n");

        assertThat(c.jobs).hasSize(1);
        assertThat(c.heartbeats).hasSize(2);
        assertCounts(c, new long[] {1, 0}, new long[] {0, 1});
    }

    @Test
    void an_entry_of_several_hosts_is_a_duplicate_if_all_of_them_are() throws Exception {
        String entry = "{\"host\":\"%s\",\"from\":\"2026-11-23T12:00:00Z\",\"gpus\":[%s]}";
        String gpus = "{\"gpu_index\":0,\"uuid\":\"GPU-0\"}";
        Collected c =
                read(
                        "site.json",
                        "{\"host_configuration\":[%s,%s,%s]}"
                                .formatted(
                                        entry.formatted("n[1-2]", gpus),
                                        entry.formatted("n[2-3]", gpus),
                                        entry.formatted("n[1,3]", gpus)));

        assertThat(c.hosts)
                .extracting(HostSnapshotRecord::getHost)
                .containsExactly("n1", "n2", "n3");
        assertCounts(c, new long[] {2, 1});
    }

    @Test
    void the_lines_of_a_scrape_that_is_known() throws Exception {
        String first = SAMPLE.formatted(10, 1795434850);
        Collected c =
                read(
                        "a.prom", "# one\n" + first + SAMPLE.formatted(20, 1795434880),
                        "b.prom", "# two\n" + first + SAMPLE.formatted(21, 1795434880));

        assertThat(c.scrapes).hasSize(3);
        assertCounts(c, new long[] {2, 0}, new long[] {1, 1});
    }

    /** Without a time of observation a sample is refused, but not a file that repeats others. */
    @Test
    void a_file_of_duplicates_holds_samples_with_a_time() throws Exception {
        String dated = SAMPLE.formatted(10, 1795434850);
        String undated = dated.replace(" 1795434850000", "");
        Collected c = read("a.prom", dated, "b.prom", dated + undated);

        assertThat(c.deadLetters).hasSize(1);
        assertCounts(c, new long[] {1, 0}, new long[] {0, 1});
    }

    @Test
    void a_hundred_thousand_are_told_apart() {
        KnownRecords known = new KnownRecords();
        for (boolean isNew : new boolean[] {true, false}) {
            for (int host = 0; host < 100_000; host++) {
                HostSnapshotRecord r =
                        HostSnapshotRecord.newBuilder()
                                .setCluster("c1")
                                .setHost("n" + host)
                                .setObservedAtMs(0)
                                .setOrigin(isNew ? "a" : "b")
                                .build();
                assertThat(known.add(r, HostSnapshotRecord.getEncoder())).isEqualTo(isNew);
                assertThat(r.getOrigin()).isEqualTo(isNew ? "a" : "b");
            }
        }
    }

    /** Names and texts of the files of one call. */
    private Collected read(String... files) throws Exception {
        Collected c = new Collected();
        KnownRecords known = new KnownRecords();
        for (int i = 0; i < files.length; i += 2) {
            Path path = dir.resolve(files[i]);
            Files.writeString(path, files[i + 1]);
            InputFile file = InputFiles.expand(List.of(path)).files().get(0);
            if (file.format() == InputFormat.DCGM) {
                new DcgmFileReader(new DcgmFileReader.Options("c1", 30_000, null))
                        .read(file, c, known);
            } else {
                new SlurmFileReader(new SlurmFileReader.Options("c1", ZoneOffset.UTC, null))
                        .read(file, c, known);
            }
        }
        return c;
    }

    /** Used and duplicate of each file. */
    private static void assertCounts(Collected c, long[]... expected) {
        assertThat(c.counts).allMatch(InputCount::balanced);
        assertThat(c.counts)
                .extracting(n -> new long[] {n.used(), n.duplicate()})
                .containsExactly(expected);
    }
}

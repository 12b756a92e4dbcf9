package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFiles;
import io.gpuledger.collectors.slurm.Gres;
import io.gpuledger.collectors.slurm.HostList;
import io.gpuledger.collectors.slurm.Tres;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.NodeDeviceRecord;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FormatsTest {
    @TempDir Path dir;

    @Test
    void node_lists() throws Exception {
        assertThat(HostList.expand("n[5-6,09-11]"))
                .containsExactly("n5", "n6", "n09", "n10", "n11");
        assertThat(HostList.expand("r[1-2]n[01-02],x"))
                .containsExactly("r1n01", "r1n02", "r2n01", "r2n02", "x");
        assertThat(HostList.expand("(null)")).isEmpty();
    }

    @Test
    void gres() throws Exception {
        List<NodeDeviceRecord> d = Gres.devices("gpu:h100:1(IDX:3),gpu:a100:2(IDX:4-5)", "n1");
        assertThat(d)
                .extracting(NodeDeviceRecord::getIndices)
                .containsExactly(List.of(3), List.of(4, 5));
        NodeDeviceRecord mps = Gres.devices("mps:50(IDX:1(50/100))", "n1").get(0);
        assertThat(mps.getKind()).isEqualTo("shard");
        assertThat(mps.getIndices()).containsExactly(1);
        assertThat(mps.getIndexCounts()).containsExactly(50);
        assertThat(Tres.parse("cpu=1,gres/mps=50").shardCount()).isEqualTo(50);
        assertThat(Tres.parse("gres/shard:a100=2,gres/shard:h100=1").shardCount()).isEqualTo(3);
        NodeDeviceRecord s = Gres.devices("shard:4(IDX:0(3/4),2(1/4))", "n1").get(0);
        assertThat(s.getIndices()).containsExactly(0, 2);
        assertThat(s.getIndexCounts()).containsExactly(3, 1);
        assertThat(Gres.configured("gpu:h100:2(S:0-1),shard:8")).hasSize(2);
    }

    @Test
    void multi_line_text_with_a_hostile_name() throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "1700000100.txt",
                        """
                        JobId=7 ArrayJobId=5 ArrayTaskId=2 JobName=a b JobState=COMPLETED x=1
                           UserId=ann(1000) GroupId=g(1000) MCS_label=N/A
                           Priority=1 Nice=0 Account=g1 QOS=normal
                           JobState=RUNNING Reason=None Dependency=(null)
                           Restarts=1 SubmitTime=2023-11-14T22:00:00
                           StartTime=2023-11-14T22:10:00 EndTime=2023-11-15T22:10:00
                           SuspendTime=None SecsPreSuspend=0
                           Partition=batch NodeList=n[1-2]
                           TRES=cpu=4,gres/gpu:h100=4,gres/gpu=4
                             Nodes=n[1-2] CPU_IDs=0 Mem=0 GRES=gpu:h100:2(IDX:0,3)
                           Command=/x StartTime=Unknown
                        """,
                        "UTC");
        assertThat(c.deadLetters).isEmpty();
        JobSnapshotRecord j = c.jobs.get(0);
        assertThat(j.getName()).isEqualTo("a b JobState=COMPLETED x=1");
        assertThat(j.getState()).isEqualTo("RUNNING");
        assertThat(j.getJobId()).isEqualTo("5_2");
        assertThat(j.getStartMs()).isEqualTo(1_699_999_800_000L);
        assertThat(j.getEndMs()).isNull();
        assertThat(j.getGpuCount()).isEqualTo(4);
        assertThat(j.getGpuTypes()).containsExactly("h100");
        assertThat(j.getDevices()).hasSize(2);
        assertThat(j.getSuspendAtMs()).isNull();
        assertThat(j.getObservedAtMs()).isEqualTo(1_700_000_100_000L);
        assertThat(c.heartbeats.get(0).getKind()).isEqualTo(HeartbeatKind.COMPLETE_POLL);
    }

    @Test
    void no_jobs_is_a_complete_poll() throws Exception {
        Collected c = Collected.text(dir, "1700000100.x", "No jobs in the system\n", "UTC");
        assertThat(c.jobs).isEmpty();
        assertThat(c.heartbeats).hasSize(1);
    }

    @Test
    void sacct_rows() throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "s",
                        """
                        State;JobIDRaw;End;Start;AllocTRES;JobName
                        COMPLETED;7;2024-01-01T01:00:00;2024-01-01T00:00:00;gres/gpu:a=2;x
                        COMPLETED;7.batch;2024-01-01T01:00:00;2024-01-01T00:00:00;cpu=2;x
                        RUNNING;8;Unknown;1704067200;cpu=2;two
                        lines
                        PENDING;9;Unknown;Unknown;;x
                        CANCELLED by 0;10;2024-01-01T01:00:00;2024-01-01T00:00:00;;a;b
                        """,
                        "Europe/Copenhagen");
        assertThat(c.jobs).hasSize(3);
        assertThat(c.jobs.get(0).getStartMs()).isEqualTo(1_704_063_600_000L);
        assertThat(c.jobs.get(0).getGpuCount()).isEqualTo(2);
        assertThat(c.jobs.get(1).getGpuCount()).isZero();
        assertThat(c.jobs.get(1).getEndMs()).isNull();
        assertThat(c.jobs.get(1).getName()).isEqualTo("two lines");
        assertThat(c.jobs.get(2).getName()).isEqualTo("a;b");
        assertThat(c.jobs.get(2).getState()).isEqualTo("CANCELLED");
        assertThat(c.deadLetters).isEmpty();
        InputCount n = c.counts.get(0);
        assertThat(n.balanced()).isTrue();
        assertThat(n.read()).isEqualTo(5);
        assertThat(n.ignored()).containsEntry("step", 1L).containsEntry("not started", 1L);
    }

    @Test
    void a_repeated_hour() throws Exception {
        String header = "JobIDRaw|Submit|Start|End|State|AllocTRES|ElapsedRaw\n";
        String fit =
                "1|2024-10-27T01:00:00|2024-10-27T02:10:00|2024-10-27T02:20:00|COMPLETED|cpu=1|4200\n";
        String open =
                "2|2024-10-27T01:00:00|2024-10-27T02:10:00|2024-10-27T02:20:00|COMPLETED|cpu=1|600\n";
        Collected c = Collected.text(dir, "s", header + fit + open, "Europe/Copenhagen");
        JobSnapshotRecord a = c.jobs.get(0);
        assertThat(a.getEndMs() - a.getStartMs()).isEqualTo(4_200_000L);
        assertThat(a.getFlags()).isEmpty();
        JobSnapshotRecord b = c.jobs.get(1);
        assertThat(b.getEndMs() - b.getStartMs()).isEqualTo(600_000L);
        assertThat(b.getStartMs()).isEqualTo(a.getStartMs());
        assertThat(b.getFlags()).contains("TIME_AMBIGUOUS");
    }

    @Test
    void a_missing_column_is_named() {
        assertThatThrownBy(
                        () ->
                                Collected.text(
                                        dir, "s", "JobIDRaw|Start|End|State\n1|2|3|X\n", "UTC"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("AllocTRES");
    }

    @Test
    void hooks_and_jobcomp() throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "h",
                        """
                        {"ts":1795434848.665923,"hook":"prolog","env":{"SLURMD_NODENAME":"n1","SLURM_JOB_ID":"35","SLURM_JOB_GPUS":"0,2-3"}}
                        {"ts":1795434849,"hook":"taskprolog","env":{}}
                        {"ts":1795434850,"hook":"epilog","env":{"SLURMD_NODENAME":"n1"}}
                        {broken
                        """,
                        "UTC");
        assertThat(c.jobs).hasSize(1);
        assertThat(c.jobs.get(0).getSource()).isEqualTo(JobSource.PROLOG);
        assertThat(c.jobs.get(0).getObservedAtMs()).isEqualTo(1_795_434_848_665L);
        assertThat(c.jobs.get(0).getDevices().get(0).getIndices()).containsExactly(0, 2, 3);
        assertThat(c.deadLetters).hasSize(2);
        assertThat(c.counts.get(0).read()).isEqualTo(4);
    }

    @Test
    void newer_json_with_number_objects_and_state_arrays() throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "1700000100.json",
                        """
                        {"jobs":[{"job_id":3,"job_state":["RUNNING"],"nodes":"n1",
                        "start_time":{"set":true,"infinite":false,"number":1700000000},
                        "end_time":{"set":true,"infinite":false,"number":1700009000},
                        "gres_detail":["gpu:h100:2(IDX:0-1)"],"tres_alloc_str":"cpu=1,gres/gpu=2"},
                        {"job_id":"x"}],"errors":[]}
                        """,
                        "UTC");
        assertThat(c.jobs).hasSize(1);
        assertThat(c.jobs.get(0).getStartMs()).isEqualTo(1_700_000_000_000L);
        assertThat(c.jobs.get(0).getEndMs()).isNull();
        assertThat(c.deadLetters).hasSize(1);
        assertThat(c.counts.get(0).balanced()).isTrue();
        // The unreadable job may be running: this poll must not end it.
        assertThat(c.heartbeats.get(0).getKind()).isEqualTo(HeartbeatKind.HEARTBEAT);
    }

    @Test
    void nodes() throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "1700000100.n",
                        "NodeName=n1 Arch=x\n   Gres=gpu:h100:8(S:0-1)\n   State=DOWN*+DRAIN Weight=1\n",
                        "UTC");
        assertThat(c.hosts.get(0).getStates()).contains("DOWN", "DRAIN", "NOT_RESPONDING");
        assertThat(c.hosts.get(0).getGres().get(0).getCount()).isEqualTo(8);
    }

    @Test
    void telemetry_in_milliseconds_and_seconds() throws Exception {
        String l = "{gpu=\"0\",UUID=\"GPU-1\",Hostname=\"h\"} ";
        Collected c =
                Collected.text(
                        dir,
                        "t",
                        "# TYPE DCGM_FI_DEV_GPU_UTIL gauge\n"
                                + "DCGM_FI_DEV_GPU_UTIL"
                                + l
                                + "50 1700000000000\n"
                                + "DCGM_FI_DEV_POWER_USAGE"
                                + l
                                + "61.5 1700000000.000\n"
                                + "DCGM_FI_DEV_POWER_USAGE"
                                + l
                                + "60 1700000000000\n"
                                + "DCGM_FI_DEV_FB_USED"
                                + l
                                + "2147483632 1700000000000\n"
                                + "DCGM_FI_DEV_GPU_UTIL"
                                + l
                                + "51 1700000030\n# EOF\n",
                        "UTC");
        assertThat(c.scrapes).hasSize(2);
        assertThat(c.scrapes.get(0).getFields()).containsExactly(155, 203);
        assertThat(c.scrapes.get(0).getGpus().get(0).getValues())
                .containsExactly(61_500L, 500_000L);
        InputCount n = c.counts.get(0);
        assertThat(n.balanced()).isTrue();
        assertThat(n.duplicate()).isEqualTo(1);
        assertThat(n.ignored()).containsEntry("blank", 1L);
    }

    /** {@code cat november.psv.gz november.psv.gz}. */
    @Test
    void files_one_after_the_other_are_one_and_their_headers_no_records() throws Exception {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        for (int job = 1; job <= 3; job++) {
            try (GZIPOutputStream g = new GZIPOutputStream(packed)) {
                String text =
                        "JobIDRaw|State|Start|End|NodeList|Account|User|AllocTRES\n%d|COMPLETED|1795434848|1795434862|n1|g1|alice|gres/gpu=1\n";
                g.write(text.formatted(job).getBytes(StandardCharsets.UTF_8));
            }
        }
        Path file = dir.resolve("joined.psv.gz");
        Files.write(file, packed.toByteArray());

        Collected c = Collected.of(file);

        assertThat(c.jobs).extracting(JobSnapshotRecord::getRawJobId).containsExactly(1L, 2L, 3L);
        assertThat(c.deadLetters).isEmpty();
        assertThat(c.counts.get(0).ignored())
                .containsExactly(java.util.Map.entry("repeated header", 2L));
    }

    @Test
    void files_that_cannot_be_used() throws Exception {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream g = new GZIPOutputStream(packed)) {
            for (int i = 0; i < 20_000; i++) {
                g.write(("JobId=" + i * 7919L + " JobName=x\n").getBytes(StandardCharsets.UTF_8));
            }
        }
        Path cut = dir.resolve("cut.gz");
        Files.write(cut, Arrays.copyOf(packed.toByteArray(), packed.size() / 2));
        assertThatThrownBy(() -> Collected.of(cut)).hasMessageContaining("truncated");
        for (int surplus : new int[] {1, 7, 8, 9, 18, 19, 40, 9_000}) {
            Path rest = dir.resolve("rest.gz");
            byte[] whole = packed.toByteArray();
            byte[] more = Arrays.copyOf(whole, whole.length + surplus);
            Arrays.fill(more, whole.length, more.length, (byte) 'x');
            Files.write(rest, more);
            assertThatThrownBy(() -> Collected.of(rest))
                    .hasMessageContaining(surplus + " bytes follow its end");
        }
        Path broken = dir.resolve("broken.json");
        Files.writeString(broken, "{\"jobs\": [\n  {\"job_id\": 1,\n");
        assertThatThrownBy(() -> Collected.of(broken))
                .hasMessageMatching(
                        ".*broken\\.json: JSON is broken at line 3, column 1 \\(Unexpected"
                                + " end-of-input[^\\[]*\\); write it again");
        Path binary = dir.resolve("b");
        Files.write(binary, new byte[] {1, 0, 2});
        assertThatThrownBy(() -> Collected.of(binary)).hasMessageContaining("binary");
        assertThatThrownBy(() -> Collected.of(dir.resolve("none"))).hasMessageContaining("no such");
        Path other = Files.createDirectory(dir.resolve("d")).resolve("x.csv");
        Files.writeString(other, "a,b\n1,2\n");
        assertThatThrownBy(() -> Collected.of(other)).hasMessageContaining("unknown format");
        assertThat(InputFiles.expand(List.of(dir.resolve("d"))).ignored()).hasSize(1);
    }
}

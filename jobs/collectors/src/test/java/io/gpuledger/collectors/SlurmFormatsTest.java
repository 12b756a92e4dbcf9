package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.slurm.Gres;
import io.gpuledger.collectors.slurm.HostList;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.NodeDeviceRecord;
import io.gpuledger.schemas.ReservationRecord;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SlurmFormatsTest {
    private static final String HEADER = "JobIDRaw|Start|End|State|NodeList|AllocTRES|JobName\n";

    @TempDir Path dir;

    private Collected json(String jobs, String beside) throws Exception {
        return Collected.text(
                dir, "1700000100.json", "{\"jobs\":[" + jobs + "]" + beside + "}", "UTC");
    }

    private JobSnapshotRecord controllerJob(String state, String nodes) throws Exception {
        Collected c =
                json(
                        "{\"job_id\":7,\"job_state\":"
                                + state
                                + ",\"nodes\":\""
                                + nodes
                                + "\",\"start_time\":1700000000,\"end_time\":1700000050,"
                                + "\"tres_alloc_str\":\"gres/gpu=1\"}",
                        "");
        assertThat(c.deadLetters).isEmpty();
        return c.jobs.get(0);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "\"RUNNING\";RUNNING;true;false",
                "[\"RUNNING\",\"CONFIGURING\"];RUNNING;true;false",
                "[\"RUNNING\",\"RESIZING\"];RUNNING;true;false",
                "\"CONFIGURING\";RUNNING;true;false",
                "\"STOPPED\";RUNNING;true;false",
                "\"SIGNALING\";RUNNING;true;false",
                "[\"SUSPENDED\"];SUSPENDED;true;false",
                "[\"CANCELLED\",\"COMPLETING\"];COMPLETING;true;true",
                "\"STAGE_OUT\";COMPLETING;true;true",
                "[\"COMPLETED\",\"STAGE_OUT\"];COMPLETED;true;true",
                "[\"PENDING\",\"REQUEUED\"];PENDING;false;false",
                "[\"PENDING\",\"COMPLETING\"];COMPLETING;true;true",
                "\"REQUEUE_HOLD\";PENDING;false;false",
                "\"NODE_FAIL\";NODE_FAIL;true;true",
                "\"INVALID\";INVALID;true;false"
            })
    void controller_states(String shown, String state, boolean started, boolean ended)
            throws Exception {
        JobSnapshotRecord r = controllerJob(shown, "n1");
        assertThat(r.getState()).isEqualTo(state);
        assertThat(r.getStartMs() != null).isEqualTo(started);
        assertThat(r.getEndMs() != null).isEqualTo(ended);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            nullValues = "null",
            value = {
                "90;5400000",
                "{\"set\":true,\"infinite\":false,\"number\":1440};86400000",
                "{\"set\":false,\"infinite\":true,\"number\":0};-1",
                "{\"set\":false,\"infinite\":false,\"number\":0};null",
                "4294967295;-1",
                "4294967294;null",
                "{\"set\":true,\"infinite\":false,\"number\":99999999999};-1",
                "1.5;null"
            })
    void time_limits_of_the_controllers_and_of_accounting_s_json(String shown, Long ms)
            throws Exception {
        Collected polled =
                json(
                        "{\"job_id\":7,\"job_state\":\"RUNNING\",\"nodes\":\"n1\","
                                + "\"start_time\":1700000000,\"time_limit\":"
                                + shown
                                + "}",
                        "");
        assertThat(polled.jobs).extracting(JobSnapshotRecord::getTimeLimitMs).containsExactly(ms);
        Collected accounted =
                json(
                        "{\"job_id\":7,\"state\":{\"current\":[\"RUNNING\"]},\"nodes\":\"n1\","
                                + "\"time\":{\"start\":1700000000,\"end\":0,\"limit\":"
                                + shown
                                + "},\"tres\":{\"allocated\":[]}}",
                        "");
        assertThat(accounted.jobs)
                .extracting(JobSnapshotRecord::getTimeLimitMs)
                .containsExactly(ms);
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "null",
            value = {
                "1-12:30:15,131415000",
                "00:05:00,300000",
                "UNLIMITED,-1",
                "Partition_Limit,null",
                "soon,null"
            })
    void time_limits_of_scontrol_and_sacct(String shown, Long ms) throws Exception {
        Collected polled =
                Collected.text(
                        dir,
                        "1700000100.txt",
                        "JobId=7 JobName=x UserId=u(1) GroupId=g(1) JobState=RUNNING"
                                + " StartTime=2023-11-14T22:13:20 TimeLimit="
                                + shown
                                + " NodeList=n1\n",
                        "UTC");
        assertThat(polled.deadLetters).isEmpty();
        assertThat(polled.jobs).extracting(JobSnapshotRecord::getTimeLimitMs).containsExactly(ms);
        for (String column : List.of("Timelimit", "TimelimitRaw")) {
            Collected accounted =
                    Collected.text(
                            dir,
                            "rows.psv",
                            HEADER.replace("JobName", column)
                                    + "7|2023-11-14T22:13:20|Unknown|RUNNING|n1||"
                                    + shown
                                    + "\n",
                            "UTC");
            assertThat(accounted.jobs)
                    .extracting(JobSnapshotRecord::getTimeLimitMs)
                    .containsExactly(ms);
        }
    }

    @Test
    void the_raw_time_limit_is_minutes() throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "rows.psv",
                        HEADER.replace("JobName", "TimelimitRaw")
                                + "7|2023-11-14T22:13:20|Unknown|RUNNING|n1||90\n",
                        "UTC");
        assertThat(c.jobs)
                .extracting(JobSnapshotRecord::getTimeLimitMs)
                .containsExactly(5_400_000L);
    }

    @Test
    void a_job_cancelled_in_the_queue_never_started() throws Exception {
        JobSnapshotRecord r = controllerJob("\"CANCELLED\"", "");
        assertThat(r.getStartMs()).isNull();
        assertThat(r.getEndMs()).isNull();
        assertThat(r.getGpuCount()).isNull();
    }

    @Test
    void nodes_and_ids_of_newer_parsers() throws Exception {
        Collected c =
                json(
                        """
                        {"job_id":9,"job_state":["RUNNING"],"nodes":"","start_time":1700000000,
                         "job_resources":{"nodes":{"list":"n[1-2]","allocation":[{"x":[1,2]}]}},
                         "gres_detail":["gpu:h100:1(IDX:0)","gpu:h100:2(IDX:1-2)"],
                         "array_job_id":{"set":true,"infinite":false,"number":5},
                         "array_task_id":{"set":true,"infinite":false,"number":0},
                         "time_limit":{"set":false,"infinite":true,"number":0},
                         "restart_cnt":4294967294},
                        {"job_id":5,"job_state":["PENDING"],"array_job_id":5,
                         "array_task_id":{"set":false,"infinite":false,"number":0},
                         "array_task_string":"8-9%2","nodes":""}
                        """,
                        ",\"warnings\":[{\"description\":\"x\"}],\"errors\":[]");
        assertThat(c.deadLetters).isEmpty();
        assertThat(c.jobs)
                .extracting(JobSnapshotRecord::getJobId)
                .containsExactly("5_0", "5_[8-9%2]");
        assertThat(c.jobs.get(0).getNodes()).containsExactly("n1", "n2");
        assertThat(c.jobs.get(0).getGpuCount()).isEqualTo(3);
        assertThat(c.jobs.get(0).getRestartCount()).isNull();
        assertThat(c.heartbeats.get(0).getKind()).isEqualTo(HeartbeatKind.COMPLETE_POLL);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                ",\"errors\":[{\"error\":\"x\"}]",
                ",\"meta\":{\"plugin\":{\"type\":\"openapi/slurmdbd\"}}",
                ",\"meta\":{\"command\":[\"/usr/bin/sacct\",\"--json\"]}",
                ",\"meta\":{\"command\":[\"squeue\",\"-u\",\"ann\",\"--json\"]}"
            })
    void what_lists_not_all_live_jobs_ends_no_run(String beside) throws Exception {
        assertThat(json("", beside).heartbeats).isEmpty();
    }

    @Test
    void two_answers_in_one_file_are_refused() {
        assertThatThrownBy(
                        () ->
                                Collected.text(
                                        dir, "1700000100.j", "{\"jobs\":[]}\n{\"jobs\":[]}", "UTC"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("more than one JSON answer");
    }

    @Test
    void a_wrong_byte_costs_one_name_only() throws Exception {
        Path p = dir.resolve("1700000100.json");
        Files.write(
                p,
                "{\"jobs\":[{\"job_id\":7,\"job_state\":\"RUNNING\",\"name\":\"K\u00f8b\"}]}"
                        .getBytes(StandardCharsets.ISO_8859_1));
        assertThat(Collected.of(p).jobs.get(0).getName()).isEqualTo("K\uFFFDb");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "MIXED*;MIXED,NOT_RESPONDING",
                "DOWN*+DRAIN;DOWN,NOT_RESPONDING,DRAIN",
                "IDLE+DRAIN;IDLE,DRAIN",
                "IDLE+MAINTENANCE+RESERVED;IDLE,MAINTENANCE,RESERVED",
                "MAINT;MAINTENANCE",
                "IDLE~;IDLE,POWERED_DOWN",
                "IDLE#;IDLE,POWERING_UP",
                "IDLE!;IDLE,POWER_DOWN",
                "IDLE%;IDLE,POWERING_DOWN",
                "IDLE$*;IDLE,MAINTENANCE,NOT_RESPONDING",
                "ALLOCATED@;ALLOCATED,REBOOT_REQUESTED",
                "IDLE^;IDLE,REBOOT_ISSUED",
                "IDLE-;IDLE,PLANNED",
                "IDLE+CLOUD+POWERED_DOWN;IDLE,CLOUD,POWERED_DOWN",
                "drained;IDLE,DRAIN"
            })
    void node_states(String shown, String states) throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "1700000100.n",
                        "NodeName=n1 Gres=(null)\n   State=" + shown + "\n",
                        "UTC");
        assertThat(c.hosts.get(0).getStates()).containsExactly(states.split(",", -1));
        assertThat(c.hosts.get(0).getGres()).isEmpty();
        assertThat(c.hosts.get(0).getPresent()).isTrue();
    }

    @Test
    void a_node_that_is_only_planned_for_has_no_cards_yet() throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "1700000100.n",
                        "{\"nodes\":[{\"name\":\"n1\",\"state\":[\"FUTURE\"],\"gres\":\"gpu:8\"},"
                                + "{\"name\":\"n2\",\"state\":\"idle\",\"state_flags\":[\"NO_RESPOND\"],"
                                + "\"gres\":\"gpu:h100:4(S:0),gpu:a100:2,shard:16\"},{\"state\":[]}]}",
                        "UTC");
        assertThat(c.hosts.get(0).getPresent()).isFalse();
        assertThat(c.hosts.get(1).getStates()).containsExactly("IDLE", "NOT_RESPONDING");
        assertThat(c.hosts.get(1).getGres()).hasSize(3);
        assertThat(c.deadLetters).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "n[0-99999999]",
                "n[1-99][1-99][1-99]",
                "n[1-16385]",
                "n[5-1]",
                "n[1",
                "n1]",
                "n[1-2][1][1][1][1][1][1][1][1][1]"
            })
    void impossible_node_lists(String list) {
        assertThatThrownBy(() -> HostList.expand(list)).hasMessageContaining("node list");
    }

    @Test
    void impossible_devices() throws Exception {
        for (String text :
                List.of(
                        "gpu:8(IDX:0-4095)",
                        "gpu:2(IDX:0,0)",
                        "gpu:99999999",
                        "gpu:1025",
                        "shard:65537",
                        "gpu:1,".repeat(65))) {
            assertThatThrownBy(() -> Gres.devices(text, "n1"))
                    .as(text)
                    .hasMessageMatching("(?s).+");
        }
        assertThat(Gres.devices("gpu:h100:0(IDX:),nic:100(IDX:0(100/200)),(null)", "n1")).isEmpty();
        NodeDeviceRecord d = Gres.devices("gpu:h100:2(IDX:N/A)", "n1").get(0);
        assertThat(d.getCount()).isEqualTo(2);
        assertThat(d.getIndices()).isEmpty();
    }

    @Test
    void sacct_in_every_dress() throws Exception {
        String rows =
                HEADER
                        + "7|2024-01-01T00:00:00|2024-01-01T01:00:00|CANCELLED by 0|n1|gres/gpu=2|x\n"
                        + "8|1704067200|1704070800|COMPLETED|n1|gres/gpu=2|y\n";
        List<String> dresses =
                List.of(
                        rows,
                        rows.replace("\n", "\r\n"),
                        "\uFEFF" + rows,
                        rows.replace("\n", "|\n"),
                        rows.replace("|", "\u001f"),
                        rows.replace("|", "_@_"),
                        rows.replace("|", " ; "),
                        rows.replace("|", "\t"),
                        rows.replace("T00:", " 00:").replace("T01:", " 01:"),
                        rows.replace("T00:00:00", "T00:00:00Z")
                                .replace("T01:00:00", "T02:00:00+0100"));
        for (int i = 0; i < dresses.size(); i++) {
            Collected c = Collected.text(dir, "s" + i, dresses.get(i), "UTC");
            assertThat(c.deadLetters).as("%d", i).isEmpty();
            assertThat(c.jobs)
                    .extracting(JobSnapshotRecord::getStartMs)
                    .as("%d", i)
                    .containsOnly(1_704_067_200_000L);
            assertThat(c.jobs)
                    .extracting(JobSnapshotRecord::getEndMs)
                    .as("%d", i)
                    .containsOnly(1_704_070_800_000L);
            assertThat(c.jobs).extracting(JobSnapshotRecord::getName).containsExactly("x", "y");
        }
    }

    @Test
    void sacct_states_and_their_ends() throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "s",
                        HEADER
                                + "1|1704067200|1704070800|RUNNING|n1|gres/gpu=1|cut by -T\n"
                                + "2|1704067200|1704070800|REQUEUED|n1|gres/gpu=1|x\n"
                                + "3|1704067200|1704070800|PENDING|n1|gres/gpu=1|operator requeue\n"
                                + "4|Unknown|Unknown|PENDING|None assigned|gres/gpu=1|old TRES\n"
                                + "5|1704067200|1704067200|CANCELLED by 7|None assigned||in the queue\n"
                                + "6|1704067200|1704070800|OUT_OF_ME+|n1||narrow\n"
                                + "7_[8-9]|Unknown|Unknown|PENDING|None assigned||waiting tasks\n"
                                + "8_1|1704067200|1704070800|COMPLETED|n1||no raw id\n"
                                + "9|None|1704070800|CANCELLED|None assigned||x\n",
                        "UTC");
        assertThat(c.jobs)
                .extracting(JobSnapshotRecord::getRawJobId)
                .containsExactly(1L, 2L, 3L, 6L);
        assertThat(c.jobs)
                .extracting(j -> j.getEndMs() != null)
                .containsExactly(false, true, true, true);
        assertThat(c.jobs.get(3).getState()).isEqualTo("OUT_OF_MEMORY");
        assertThat(c.deadLetters).hasSize(1);
        assertThat(c.deadLetters.get(0).getDetail()).contains("8_1");
        assertThat(c.counts.get(0).ignored()).containsEntry("not started", 4L);
    }

    @Test
    void a_byte_order_mark_and_empty_lines_before_the_header_are_nothing() throws Exception {
        String row = "1|1704067200|1704070800|COMPLETED|n1|gres/gpu=1|x\n";
        for (String before : List.of("\uFEFF", "\n\n", "\uFEFF\n", " \r\n")) {
            assertThat(Collected.text(dir, "s", before + HEADER + row, "UTC").jobs).hasSize(1);
        }
    }

    @Test
    void an_array_task_needs_the_column_of_its_raw_id() throws Exception {
        String header = "JobID|Start|End|State|NodeList|AllocTRES\n";
        String plain = "7|1704067200|1704070800|COMPLETED|n1|gres/gpu=1\n";
        String waiting = "8_[1-9]|Unknown|Unknown|PENDING|None assigned|\n";
        assertThat(Collected.text(dir, "s", header + plain + waiting, "UTC").jobs).hasSize(1);
        assertThatThrownBy(
                        () ->
                                Collected.text(
                                        dir,
                                        "s",
                                        header
                                                + plain
                                                + "8_1|1704067200|1704070800|COMPLETED|n1|gres/gpu=1\n",
                                        "UTC"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("JobIDRaw")
                .hasMessageContaining("8_1 in line 3");
    }

    @Test
    void a_job_name_may_hold_delimiters_but_not_forge_columns() throws Exception {
        String header = "JobName|JobIDRaw|Start|End|State|AllocTRES|SubmitLine\n";
        String honest = "a|b|7|1704067200|1704070800|COMPLETED|gres/gpu=8|sbatch x\n";
        String submit = "a|8|1704067200|1704070800|COMPLETED|gres/gpu=8|sbatch x | y\n";
        String forged =
                "a|9|1704067200|1704067201|COMPLETED|cpu=1|10|1704067200|1704070800|COMPLETED|gres/gpu=8|x\n";
        Collected c = Collected.text(dir, "s", header + honest + submit + forged, "UTC");
        assertThat(c.jobs).extracting(JobSnapshotRecord::getRawJobId).containsExactly(7L, 8L);
        assertThat(c.jobs.get(0).getName()).isEqualTo("a|b");
        assertThat(c.deadLetters).hasSize(1);
        assertThat(c.deadLetters.get(0).getDetail()).contains("--delimiter");
    }

    @Test
    void sacct_without_header_is_named() {
        assertThatThrownBy(
                        () ->
                                Collected.text(
                                        dir, "s", "7|a|b|2024-01-01T00:00:00|COMPLETED\n", "UTC"))
                .hasMessageContaining("without the header");
    }

    @Test
    void a_resized_run_in_the_repeated_hour_needs_no_order_with_its_submit() throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "s",
                        "JobIDRaw|Submit|Start|End|State|AllocTRES|ElapsedRaw\n"
                                + "1|2024-10-27T04:00:00|2024-10-27T02:10:00|2024-10-27T05:10:00|COMPLETED|cpu=1|14400\n",
                        "Europe/Copenhagen");
        assertThat(c.jobs.get(0).getStartMs())
                .isEqualTo(Instant.parse("2024-10-27T00:10:00Z").toEpochMilli());
        assertThat(c.jobs.get(0).getFlags()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{DOC}",
                "{\"ts\":1700000000.5,\"request\":\"POST\",\"body\":{DOC}}",
                "{\"_index\":\"slurm\",\"_source\":{DOC}}",
                "{\"index\":{\"_index\":\"slurm\"}}\n{DOC}",
                "{\"took\":1,\"hits\":{\"total\":{\"value\":1},\"hits\":[\n{\"_source\":{DOC}}]}}"
            })
    void job_completion_in_every_wrapping(String wrapping) throws Exception {
        String doc =
                "\"jobid\":87,\"username\":\"jg\",\"@submit\":\"2023-11-14T10:00:00\","
                        + "\"@start\":\"2023-11-14T11:00:00\",\"@end\":\"2023-11-14T12:00:00\","
                        + "\"nodes\":\"n[1-2]\",\"state\":\"COMPLETED\",\"tres_req\":\"gres/gpu=9\","
                        + "\"tres_alloc\":\"cpu=4, gres/gpu=2\"";
        // Another zone: these times are UTC all the same.
        Collected c =
                Collected.text(dir, "j", wrapping.replace("DOC", doc) + "\n", "Europe/Copenhagen");
        assertThat(c.deadLetters).isEmpty();
        JobSnapshotRecord r = c.jobs.get(0);
        assertThat(r.getStartMs()).isEqualTo(Instant.parse("2023-11-14T11:00:00Z").toEpochMilli());
        assertThat(r.getGpuCount()).isEqualTo(2);
        assertThat(r.getNodes()).containsExactly("n1", "n2");
        assertThat(c.counts.get(0).balanced()).isTrue();
    }

    @Test
    void job_completion_with_epoch_times() throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "j",
                        "{\"jobid\":87,\"@start\":1700000000,\"@end\":1700003600,\"nodes\":\"n1\","
                                + "\"state\":\"NODE_FAIL\",\"tres_fmt_alloc_str\":\"gres/gpu=1\"}\n",
                        "UTC");
        assertThat(c.jobs.get(0).getEndMs()).isEqualTo(1_700_003_600_000L);
        assertThat(c.jobs.get(0).getObservedAtMs()).isEqualTo(1_700_003_600_000L);
    }

    @Test
    void hook_with_cards_by_uuid_still_tells_of_the_job() throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "h",
                        "{\"ts\":1700000000,\"hook\":\"prolog\",\"env\":{\"SLURMD_NODENAME\":\"n1\","
                                + "\"SLURM_JOB_ID\":\"7\",\"SLURM_JOB_GPUS\":\"MIG-1,MIG-2\"}}\n"
                                + "{\"ts\":1e999999999,\"hook\":\"prolog\",\"env\":{}}\n"
                                + "{\"ts\":1e-999999999,\"hook\":\"epilog\",\"env\":{\"SLURMD_NODENAME\":\"n\",\"SLURM_JOB_ID\":1}}\n",
                        "UTC");
        assertThat(c.jobs.get(0).getDevices()).isEmpty();
        assertThat(c.counts.get(0).droppedFields()).isEqualTo(1);
        assertThat(c.deadLetters).hasSize(2);
    }

    @Test
    void a_resized_job_within_one_passing_of_a_repeated_hour_stays_in_one() throws Exception {
        // 02:00 to 03:00 came twice that night: the clock went back at 01:00 UTC.
        Collected c =
                Collected.text(
                        dir,
                        "1761500000.psv",
                        """
                        JobIDRaw|Submit|Start|End|State|NodeList|Account|User|AllocTRES|Suspended|Elapsed
                        1|2025-10-26T02:38:00|2025-10-26T02:38:00|2025-10-26T02:46:00|RESIZING|n[1-2]|a|x|gres/gpu=2|00:00:00|00:08:00
                        1.batch||2025-10-26T02:38:00|2025-10-26T02:46:00|CANCELLED||||||00:08:00
                        1|2025-10-26T02:46:00|2025-10-26T02:38:00|2025-10-26T02:53:00|COMPLETED|n1|a|x|gres/gpu=1|00:00:00|00:15:00
                        """,
                        "Europe/Copenhagen");

        assertThat(c.jobs)
                .extracting(
                        j -> Instant.ofEpochMilli(j.getSubmitMs()).toString(),
                        j -> Instant.ofEpochMilli(j.getStartMs()).toString(),
                        j -> Instant.ofEpochMilli(j.getEndMs()).toString())
                .containsExactly(
                        tuple(
                                "2025-10-26T00:38:00Z",
                                "2025-10-26T00:38:00Z",
                                "2025-10-26T00:46:00Z"),
                        tuple(
                                "2025-10-26T00:46:00Z",
                                "2025-10-26T00:38:00Z",
                                "2025-10-26T00:53:00Z"));
        assertThat(c.jobs)
                .allSatisfy(
                        j ->
                                assertThat(j.getFlags())
                                        .containsExactly(
                                                "TIME_AMBIGUOUS",
                                                "SUBMIT_MOVES",
                                                "START_MOVES",
                                                "END_MOVES"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                // Each line: when it was polled, state, RunTime, SuspendTime, SecsPreSuspend;
                // start, suspend.
                "01:25;RUNNING;00:05:00;None;0;01:20;",
                "00:25;RUNNING;00:05:00;None;0;00:20;",
                // Suspended after 60 s, resumed at 02:27 of the second passing.
                "01:30;RUNNING;00:04:00;2025-10-26T02:27:00;60;;01:27",
                "01:25;SUSPENDED;00:01:00;2025-10-26T02:21:00;60;;00:21",
            })
    void the_run_time_of_a_live_job_tells_which_passing_of_an_hour_is_meant(
            String polled,
            String state,
            String ran,
            String at,
            String before,
            String start,
            String stop)
            throws Exception {
        long observed = Instant.parse("2025-10-26T" + polled + ":00Z").getEpochSecond();
        Collected c =
                Collected.text(
                        dir,
                        observed + ".scontrol.txt",
                        """
                        JobId=2 JobName=z
                           UserId=x(1) GroupId=g(1) Account=a QOS=n
                           JobState=%s Reason=None Restarts=0 RunTime=%s SubmitTime=2025-10-26T02:19:55
                           StartTime=2025-10-26T02:20:00 EndTime=2025-10-26T05:20:00
                           SuspendTime=%s SecsPreSuspend=%s
                           Partition=p NodeList=n1 NumNodes=1 TRES=cpu=4,gres/gpu=4
                        """
                                .formatted(state, ran, at, before),
                        "Europe/Copenhagen");

        JobSnapshotRecord job = c.jobs.get(0);
        if (start != null) {
            assertThat(Instant.ofEpochMilli(job.getStartMs()))
                    .isEqualTo(Instant.parse("2025-10-26T" + start + ":00Z"));
            assertThat(job.getFlags()).isEmpty();
        }
        if (stop != null) {
            assertThat(Instant.ofEpochMilli(job.getSuspendAtMs()))
                    .isEqualTo(Instant.parse("2025-10-26T" + stop + ":00Z"));
        }
    }

    @Test
    void a_reservation_is_told_to_each_of_its_hosts() throws Exception {
        Collected text =
                Collected.text(
                        dir,
                        "1795440000.reservations.txt",
                        """
                        ReservationName=maint StartTime=2026-11-23T12:00:00 EndTime=2026-11-23T14:00:00 Duration=02:00:00
                           Nodes=n[1-2] NodeCnt=2 CoreCnt=64 Features=(null) PartitionName=(null) Flags=MAINT,SPEC_NODES
                           Users=root Groups=(null) Accounts=(null) State=ACTIVE BurstBuffer=(null)

                        ReservationName=course StartTime=2026-11-24T08:00:00 EndTime=2026-11-24T09:00:00 Duration=01:00:00
                           Nodes=n3 NodeCnt=1 Flags=SPEC_NODES State=INACTIVE

                        ReservationName=licences StartTime=2026-11-24T08:00:00 EndTime=2026-11-24T09:00:00
                           Nodes=(null) NodeCnt=0 Flags=ANY_NODES State=INACTIVE

                        ReservationName=broken StartTime=2026-11-24T08:00:00 EndTime=2026-11-23T09:00:00
                           Nodes=n3
                        """,
                        "UTC");

        assertThat(text.hosts)
                .extracting(h -> h.getHost(), h -> h.getReservations())
                .containsExactly(
                        tuple("n1", List.of(reservation("maint", 1795435200, 7_200, true))),
                        tuple("n2", List.of(reservation("maint", 1795435200, 7_200, true))),
                        tuple("n3", List.of(reservation("course", 1795507200, 3_600, false))));
        assertThat(text.counts.get(0).used()).isEqualTo(2);
        assertThat(text.counts.get(0).ignored()).containsEntry("reservation without nodes", 1L);
        assertThat(text.deadLetters).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"reservations\":[{\"name\":\"maint\",\"node_list\":\"n[1-2]\",\"flags\":[\"MAINT\"],"
                        + "\"start_time\":{\"set\":true,\"infinite\":false,\"number\":1795435200},"
                        + "\"end_time\":{\"set\":true,\"infinite\":false,\"number\":1795442400}}]}",
                "{\"reservations\":[{\"name\":\"maint\",\"node_list\":\"n[1-2]\",\"flags\":[\"MAINT\"],"
                        + "\"start_time\":1795435200,\"end_time\":1795442400}]}",
                "{\"reservations\":[{\"name\":\"maint\",\"nodes\":\"n[1-2]\",\"flags\":[\"MAINT\"],"
                        + "\"time\":{\"start\":1795435200,\"end\":1795442400}}]}"
            })
    void every_form_of_json_tells_the_reservation(String json) throws Exception {
        assertThat(Collected.text(dir, "1795440000.json", json, "UTC").hosts)
                .extracting(h -> h.getHost(), h -> h.getReservations())
                .containsExactly(
                        tuple("n1", List.of(reservation("maint", 1795435200, 7_200, true))),
                        tuple("n2", List.of(reservation("maint", 1795435200, 7_200, true))));
    }

    private static ReservationRecord reservation(
            String name, long startS, long lengthS, boolean maintenance) {
        return new ReservationRecord(name, startS * 1000, (startS + lengthS) * 1000, maintenance);
    }
}

package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.collectors.file.InputCount;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Inputs that are large where real ones are small: each costs one record, not the process. */
class HostileSizeTest {
    private static final String JOB =
            "JobId=7 JobName=x UserId=a(1) GroupId=g(1) JobState=RUNNING NodeList=n1 TRES=gres/gpu=1";

    @TempDir Path dir;
    private long began;

    @BeforeEach
    void start() {
        began = System.nanoTime();
    }

    private Collected read(String name, String text) throws Exception {
        Collected c = Collected.text(dir, name, text, "UTC");
        InputCount count = c.counts.get(0);
        assertThat(count.balanced()).isTrue();
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(30));
        return c;
    }

    @Test
    void a_line_without_end() throws Exception {
        String endless = "x".repeat(9_000_000);
        Collected hooks =
                read(
                        "h",
                        "{\"hook\":\"prolog\"}\n{\"hook\":\""
                                + endless
                                + "\"}\n{\"hook\":\"y\"}\n");
        assertThat(hooks.deadLetters).hasSize(2);
        assertThat(hooks.counts.get(0).read()).isEqualTo(3);
        Collected jobs = read("1700000000.j", JOB + "\n" + JOB + endless + "\n" + JOB + "\n");
        assertThat(jobs.jobs).hasSize(1);
        assertThat(jobs.counts.get(0).duplicate()).isEqualTo(1);
        assertThat(jobs.deadLetters).hasSize(1);
        String sample = "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"n1\",x=\"";
        Collected dcgm = read("1700000000.d", sample + "\"} 1\n" + sample + endless + "\"} 1\n");
        assertThat(dcgm.scrapes).hasSize(1);
        assertThat(dcgm.deadLetters).hasSize(1);
    }

    @Test
    void a_record_of_many_lines() throws Exception {
        Collected sacct =
                read(
                        "s",
                        "JobIDRaw|Start|End|State|AllocTRES|JobName\n"
                                + "7|1704067200|1704070800|COMPLETED|gres/gpu=1|a\n"
                                + "8|1704067200\n"
                                + "x\n".repeat(2_000_000)
                                + "9|1704067200|1704070800|COMPLETED|gres/gpu=1|a\n");
        assertThat(sacct.jobs).hasSize(2);
        assertThat(sacct.deadLetters).isNotEmpty();
        Collected jobs = read("1700000000.j", JOB + "\n" + " Comment=x\n".repeat(600_000));
        assertThat(jobs.deadLetters).hasSize(1);
    }

    @Test
    void an_element_of_many_values() throws Exception {
        Collected c =
                read(
                        "1700000000.json",
                        "{\"jobs\":[{\"job_id\":1,\"job_state\":\"RUNNING\"},{\"job_id\":2,\"a\":["
                                + "1,".repeat(2_000_000)
                                + "1]},{\"job_id\":3,\"job_state\":\"RUNNING\"}]}");
        assertThat(c.jobs).hasSize(2);
        assertThat(c.deadLetters).hasSize(1);
    }

    @Test
    void few_characters_that_mean_many_devices() throws Exception {
        Collected c =
                read(
                        "1700000000.j",
                        JOB
                                + " Nodes=n[1-16000] CPU_IDs=0 GRES=gpu:8(IDX:0-7)".repeat(20_000)
                                + "\n");
        assertThat(c.deadLetters).hasSize(1);
        assertThat(c.deadLetters.get(0).getReason()).isEqualTo("BAD_GRES");
    }

    @Test
    void absent_devices_on_many_nodes_are_not_expanded() throws Exception {
        Collected c =
                read(
                        "1700000000.j",
                        JOB + " Nodes=n[1-16000] CPU_IDs=0 GRES=gpu:0(IDX:)".repeat(20_000) + "\n");
        assertThat(c.jobs.get(0).getDevices()).isEmpty();
    }
}

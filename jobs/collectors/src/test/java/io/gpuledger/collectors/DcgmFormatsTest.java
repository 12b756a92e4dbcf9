package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.collectors.file.InputException;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DcgmFormatsTest {
    private static final String GPU = "{gpu=\"0\",UUID=\"GPU-a\",Hostname=\"n1\"} ";

    @TempDir Path dir;

    private Collected read(String text) throws Exception {
        return Collected.text(dir, "1700000000.prom", text, "UTC");
    }

    private @Nullable Long value(String metric, String value) throws Exception {
        Collected c = read(metric + GPU + value + "\n");
        assertThat(c.counts.get(0).balanced()).isTrue();
        return c.scrapes.isEmpty() ? null : c.scrapes.get(0).getGpus().get(0).getValues().get(0);
    }

    @ParameterizedTest
    @CsvSource({
        "DCGM_FI_DEV_GPU_UTIL, 97, 970000",
        "DCGM_FI_DEV_GPU_UTIL, 5e1, 500000",
        "dcgm_gpu_utilization, 100.0, 1000000",
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE, 0.125000, 125000",
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE, 0.0000005, 0",
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE, 0.0000015, 2",
        "DCGM_FI_PROF_SM_ACTIVE, 1.0000003, 1000000",
        "DCGM_FI_PROF_SM_ACTIVE, 1.000007, 1000000",
        "DCGM_FI_PROF_SM_ACTIVE, 1.2e-1, 120000",
        "DCGM_FI_DEV_POWER_USAGE, 412.5005, 412500",
        "DCGM_FI_DEV_POWER_USAGE, 412.5015, 412502",
        "DCGM_FI_DEV_POWER_USAGE, 6.5E+2, 650000",
        "dcgm_power_usage, -0.0, 0",
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION, 123456789012, 123456789012",
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION_total, 1.23456789e+11, 123456789000",
        "DCGM_FI_DEV_FB_USED, 81559, 81559"
    })
    void values(String metric, String text, long stored) throws Exception {
        assertThat(value(metric, text)).isEqualTo(stored);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "NaN",
                "+Inf",
                "-Inf",
                "-1",
                "2147483632",
                "2147483647",
                "2.147484e+09",
                "2.14748e+09",
                "140737488355328",
                "140737488355328.0",
                "1.40737488355328e+14",
                "9223372036854775792",
                "9223372036854775794",
                "9.223372036854776e+18",
                "9.223372e+18",
                "1e300"
            })
    void blanks_are_no_sample(String blank) throws Exception {
        assertThat(value("DCGM_FI_DEV_POWER_USAGE", blank)).isNull();
        assertThat(value("DCGM_FI_DEV_GPU_UTIL", blank)).isNull();
        assertThat(value("DCGM_FI_DEV_FB_USED", blank)).isNull();
    }

    @ParameterizedTest
    @ValueSource(strings = {"9.223372e+18", "9223372036854775794", "140737488355328", "NaN", "-5"})
    void blanks_of_the_energy_counter(String blank) throws Exception {
        assertThat(value("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", blank)).isNull();
    }

    @Test
    void utilisation_beyond_the_whole_is_no_sample() throws Exception {
        assertThat(value("DCGM_FI_DEV_GPU_UTIL", "101")).isNull();
        assertThat(value("DCGM_FI_PROF_SM_ACTIVE", "1.01")).isNull();
    }

    @Test
    void openmetrics_with_exemplar_and_fractions_of_seconds() throws Exception {
        Collected c =
                Collected.text(
                        dir,
                        "o",
                        "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n"
                                + "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION_total"
                                + GPU
                                + "12 1700000000.250 # {trace=\"x\"} 1 1700000000\n"
                                + "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION_created"
                                + GPU
                                + "1600000000 1700000000.250\n"
                                + "DCGM_FI_DEV_GPU_UTIL"
                                + GPU
                                + "7 1700000000250\n# EOF\n",
                        "UTC");
        assertThat(c.deadLetters).isEmpty();
        assertThat(c.scrapes).hasSize(1);
        assertThat(c.scrapes.get(0).getObservedAtMs()).isEqualTo(1_700_000_000_250L);
        assertThat(c.scrapes.get(0).getFields()).containsExactly(156, 203);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "gpu=\"3\",Hostname=\"n1\";3",
                "device=\"nvidia3\",hostname=\"n1\";3",
                "minor_number=\"3\",device=\"nvidia5\",Hostname=\"n1\";3",
                "gpu=\"3\",instance=\"n1:9400\";3",
                "gpu=\"3\",instance=\"n1\";3",
                "gpu=\"9\",exported_gpu=\"3\",Hostname=\"x\",exported_Hostname=\"n1\";3",
                "gpu=\"3\", Hostname=\"n1\", pod=\"a}\\\"b\\\\\",;3"
            })
    void labels(String labels, int gpu) throws Exception {
        Collected c = read("DCGM_FI_DEV_GPU_UTIL{" + labels + "} 1\n");
        assertThat(c.deadLetters).isEmpty();
        assertThat(c.scrapes.get(0).getHost()).isEqualTo("n1");
        assertThat(c.scrapes.get(0).getGpus().get(0).getGpuIndex()).isEqualTo(gpu);
    }

    @Test
    void the_job_label_survives_prometheus_and_rows_that_lack_it() throws Exception {
        Collected c =
                read(
                        "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"n1\"} 1\n"
                                + "DCGM_FI_DEV_FB_USED{gpu=\"0\",Hostname=\"n1\","
                                + "exported_hpc_job=\"42\",hpc_job=\"\"} 1\n");
        assertThat(c.scrapes.get(0).getGpus().get(0).getHpcJob()).isEqualTo("42");
    }

    @Test
    void whole_card_and_instances_are_rows_of_one_scrape() throws Exception {
        String instance =
                "{gpu=\"0\",UUID=\"GPU-a\",GPU_I_ID=\"13\",GPU_I_PROFILE=\"1g.5gb\",Hostname=\"n1\"}";
        Collected c =
                read(
                        "DCGM_FI_DEV_POWER_USAGE"
                                + GPU
                                + "400\nDCGM_FI_PROF_GR_ENGINE_ACTIVE"
                                + instance
                                + " 0.5\nDCGM_FI_PROF_GR_ENGINE_ACTIVE"
                                + instance
                                + " 0.4\n");
        List<GpuSampleRecord> gpus = c.scrapes.get(0).getGpus();
        assertThat(gpus).extracting(GpuSampleRecord::getInstance).containsExactly(-1, 13);
        assertThat(gpus.get(1).getInstanceProfile()).isEqualTo("1g.5gb");
        assertThat(gpus.get(1).getValues()).containsExactly(null, 500_000L);
        assertThat(c.counts.get(0).duplicate()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"n1\" 1",
                "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"n1\"}",
                "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"n1\"} x",
                "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"n1\"} 1 1700000000000 2",
                "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"n1\"} 1 12",
                "DCGM_FI_DEV_GPU_UTIL{gpu=\"x\",Hostname=\"n1\"} 1",
                "DCGM_FI_DEV_GPU_UTIL{Hostname=\"n1\"} 1",
                "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 1",
                "DCGM_FI_DEV_GPU_UTIL{gpu=0,Hostname=\"n1\"} 1",
                "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"n1\"} 1e999999999"
            })
    void broken_lines_are_dead_letters(String line) throws Exception {
        Collected c = read("# TYPE DCGM_FI_DEV_GPU_UTIL gauge\n" + line + "\ngo_threads 1\n");
        assertThat(c.deadLetters).hasSize(1);
        assertThat(c.counts.get(0).ignored()).containsEntry("other metric", 1L);
        assertThat(c.counts.get(0).balanced()).isTrue();
    }

    @Test
    void a_scrape_without_any_time_is_refused_with_advice() {
        assertThatThrownBy(
                        () ->
                                Collected.text(
                                        dir,
                                        "scrape.prom",
                                        "DCGM_FI_DEV_GPU_UTIL" + GPU + "1\n",
                                        "UTC"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("epoch seconds");
    }

    @Test
    void windows_line_ends() throws Exception {
        Collected c =
                read(
                        "\uFEFF# TYPE DCGM_FI_DEV_GPU_UTIL gauge\r\nDCGM_FI_DEV_GPU_UTIL"
                                + GPU
                                + "1\r\n");
        assertThat(c.deadLetters).isEmpty();
        assertThat(c.scrapes).extracting(HostScrapeRecord::getHost).containsExactly("n1");
    }
}

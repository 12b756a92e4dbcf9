package io.gpuledger.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the benchmarks are fed with. */
class SimulatedClusterTest {
    private static final SimulatedCluster CLUSTER =
            new SimulatedCluster(
                    5, 20, Duration.ofHours(3), Duration.ofSeconds(30), Duration.ofMinutes(1));

    @Test
    void the_seed_decides_everything() {
        assertThat(CLUSTER.jobs()).isEqualTo(CLUSTER.jobs());
        assertThat(
                        new SimulatedCluster(
                                        6,
                                        20,
                                        CLUSTER.span(),
                                        CLUSTER.scrapeInterval(),
                                        CLUSTER.pollInterval())
                                .jobs())
                .isNotEqualTo(CLUSTER.jobs());
    }

    @Test
    void no_two_jobs_hold_one_gpu_and_each_is_polled_while_it_runs() {
        List<SimulatedJob> jobs = CLUSTER.jobs();
        assertThat(jobs).hasSizeGreaterThan(100);
        for (SimulatedJob a : jobs) {
            assertThat(a.endMs() - a.startMs()).isGreaterThanOrEqualTo(120_000);
            assertThat(a.endMs()).isLessThanOrEqualTo(CLUSTER.endMs());
            for (SimulatedJob b : jobs) {
                boolean sameTime = a.startMs() < b.endMs() && b.startMs() < a.endMs();
                boolean sameGpu =
                        a.host() == b.host()
                                && a.firstGpu() < b.firstGpu() + b.gpus()
                                && b.firstGpu() < a.firstGpu() + a.gpus();
                assertThat(a.equals(b) || !sameTime || !sameGpu).as("%s %s", a, b).isTrue();
            }
        }
    }

    @Test
    void a_scrape_reads_back_as_the_record_it_stands_for() throws IOException {
        Readings readings = new Readings(CLUSTER, 3, List.of());
        readings.scrape(SimulatedCluster.START_MS, 30_000);
        long energy = readings.value(7, Readings.ENERGY);
        readings.scrape(SimulatedCluster.START_MS + 30_000, 30_000);

        HostScrapeRecord scrape =
                HostScrapeRecord.getDecoder()
                        .decode(new ScrapeEncoder("n0003", 30_000).encode(readings));

        assertThat(scrape.getCluster()).isEqualTo("bench");
        assertThat(scrape.getHost()).isEqualTo("n0003");
        assertThat(scrape.getObservedAtMs()).isEqualTo(SimulatedCluster.START_MS + 30_000);
        assertThat(scrape.getScrapeIntervalMs()).isEqualTo(30_000);
        assertThat(scrape.getFields()).contains(1001, 156);
        assertThat(scrape.getGpus()).hasSize(8);
        GpuSampleRecord last = scrape.getGpus().get(7);
        assertThat(last.getGpuIndex()).isEqualTo(7);
        assertThat(last.getInstance()).isEqualTo(-1);
        assertThat(last.getUuid()).startsWith("GPU-").hasSize(40);
        assertThat(last.getValues().get(Readings.ENERGY)).isEqualTo(energy + 70_000 * 30);
    }

    @Test
    void time_between_polls_is_never_unknown() {
        assertThatThrownBy(
                        () ->
                                new SimulatedCluster(
                                        1,
                                        1,
                                        Duration.ofMinutes(60),
                                        Duration.ofSeconds(1),
                                        Duration.ofMinutes(6)))
                .hasMessageContaining("poll interval PT6M");
    }
}

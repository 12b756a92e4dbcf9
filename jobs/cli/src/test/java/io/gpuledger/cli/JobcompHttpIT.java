package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A real Slurm whose jobcomp/elasticsearch posts to a collector. */
class JobcompHttpIT {
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final String JOBCOMP =
            """
            JobCompType=jobcomp/elasticsearch
            JobCompLoc=http://@COLLECTOR@/slurm/_doc
            DebugFlags=Elasticsearch
            """;

    @Test
    void slurm_hands_over_each_end_and_knows_that_it_did() throws Exception {
        Optional<String> whyNot = SlurmCluster.whyNot();
        assumeTrue(whyNot.isEmpty(), () -> whyNot.orElse(""));
        assumeTrue(
                SlurmCluster.hasPlugin("jobcomp_elasticsearch.so"),
                "no jobcomp here: apt-get install slurm-wlm-elasticsearch-plugin");
        try (SlurmCluster slurm = SlurmCluster.start(1, LiveLedger.ACCOUNTS, JOBCOMP);
                LiveLedger ledger = new LiveLedger("jobcomp-http", "")) {
            ledger.start(slurm, Map.of(), LiveLedger.collect(slurm));
            slurm.until("the collector listens", () -> listens(slurm), PATIENCE);
            List<Long> jobs = new ArrayList<>();
            for (int seconds = 1; seconds <= 5; seconds++) {
                jobs.add(
                        slurm.submit(
                                SlurmCluster.userOf("g1", LiveLedger.ACCOUNTS),
                                "-A",
                                "g1",
                                "-t",
                                "1",
                                "--gres=gpu:1",
                                "--wrap",
                                "sleep " + seconds));
            }
            slurm.until(
                    "nothing is left to run",
                    () -> slurm.ok("squeue", "-h", "-t", "RUNNING,PENDING").isBlank(),
                    PATIENCE);
            Map<String, Long> held =
                    LiveLedger.held(
                            LiveLedger.ended(slurm, "JobIDRaw,Account,Start,End,AllocTRES"), 0);
            assertThat(held).hasSameSizeAs(jobs);
            Warehouse warehouse = JobcompTopicIT.warehouse(ledger);
            slurm.until(
                    "each end: " + held,
                    () -> JobcompTopicIT.said(warehouse).equals(held),
                    PATIENCE);
            // Else it keeps them, and sends them every 30 s.
            Path log = slurm.directory.resolve("log/slurmctld.log");
            for (long job : jobs) {
                String taken = "Job with jobid %d indexed".formatted(job);
                slurm.until(taken, () -> text(log).contains(taken), PATIENCE);
            }
        }
    }

    private static boolean listens(SlurmCluster slurm) {
        HttpRequest metrics =
                HttpRequest.newBuilder(
                                URI.create("http://" + slurm.collectorAddress() + "/metrics"))
                        .build();
        try {
            return HttpClient.newHttpClient()
                            .send(metrics, HttpResponse.BodyHandlers.ofString())
                            .statusCode()
                    == 200;
        } catch (IOException e) {
            return false; // not yet
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

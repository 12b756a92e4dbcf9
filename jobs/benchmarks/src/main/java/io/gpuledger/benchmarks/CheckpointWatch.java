package io.gpuledger.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.core.execution.JobClient;
import org.jspecify.annotations.Nullable;

/** Waits for a job and asks its Flink of the checkpoints meanwhile. */
final class CheckpointWatch {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long LOOK_MS = 500;

    private final HttpClient http = HttpClient.newHttpClient();
    private final URI statistics;
    private final JobClient job;

    CheckpointWatch(JobClient job, int restPort) {
        this.job = job;
        this.statistics =
                URI.create(
                        "http://127.0.0.1:%d/jobs/%s/checkpoints"
                                .formatted(restPort, job.getJobID()));
    }

    /** Null when none completed before the last look. */
    Measurement.@Nullable Checkpoints awaitEnd() throws ExecutionException, InterruptedException {
        CompletableFuture<JobExecutionResult> end = job.getJobExecutionResult();
        Measurement.Checkpoints last = null;
        while (true) {
            try {
                end.get(LOOK_MS, TimeUnit.MILLISECONDS);
                return last;
            } catch (TimeoutException stillRunning) {
                Measurement.Checkpoints now = look();
                last = now == null ? last : now;
            }
        }
    }

    private Measurement.@Nullable Checkpoints look() throws InterruptedException {
        try {
            HttpResponse<String> answer =
                    http.send(
                            HttpRequest.newBuilder(statistics).build(),
                            HttpResponse.BodyHandlers.ofString());
            JsonNode root = JSON.readTree(answer.body());
            long completed = root.path("counts").path("completed").asLong();
            JsonNode summary = root.path("summary");
            JsonNode latest = root.path("latest").path("completed");
            return completed == 0
                    ? null
                    : new Measurement.Checkpoints(
                            completed,
                            summary.path("state_size").path("max").asLong(),
                            summary.path("end_to_end_duration").path("max").asLong(),
                            latest.path("state_size").asLong(),
                            latest.path("checkpointed_size").asLong(),
                            latest.path("end_to_end_duration").asLong());
        } catch (IOException e) {
            // The job may have ended between the two questions; what was seen before stands.
            return null;
        }
    }
}

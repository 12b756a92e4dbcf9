package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.live.CollectorMetrics;
import io.gpuledger.collectors.slurm.Slurmrestd;
import io.gpuledger.collectors.slurm.live.SlurmCollector;
import io.gpuledger.collectors.slurm.live.SlurmrestdSource;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A slurmrestd over real HTTP that is asked again and again, and is not always well. */
class SlurmCollectorTest {
    private static final long T = 1_795_435_000;
    private static final String TOKEN = "a.secret.token";

    @TempDir Path directory;

    private final Collected found = new Collected();
    private final AtomicBoolean kafkaTakes = new AtomicBoolean(true);
    private final AtomicBoolean kafkaIsSilent = new AtomicBoolean();
    private final AtomicLong now = new AtomicLong(T * 1000);
    private final ConcurrentLinkedQueue<String> asked = new ConcurrentLinkedQueue<>();

    /** Moves when the test says so. */
    private final class Moved extends Clock {
        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return Instant.ofEpochMilli(now.get());
        }
    }

    private SlurmCollector collector(Web web) {
        return new SlurmCollector(
                new SlurmCollector.Settings(
                        "c1",
                        ZoneOffset.UTC,
                        Duration.ofSeconds(5),
                        Duration.ofSeconds(30),
                        Duration.ofMinutes(1),
                        Duration.ofHours(2),
                        Duration.ofHours(48),
                        Duration.ofMinutes(2)),
                new SlurmrestdSource(
                        new Slurmrestd.Options(
                                web.at(""),
                                "root",
                                () -> TOKEN,
                                Duration.ofSeconds(5),
                                Duration.ofSeconds(5))),
                found,
                new SlurmCollector.Delivered() {
                    @Override
                    public boolean all() {
                        return kafkaTakes.get();
                    }

                    @Override
                    public boolean waiting() {
                        return kafkaIsSilent.get();
                    }
                },
                new CollectorMetrics(),
                new Moved(),
                directory);
    }

    private Web server(String version, AtomicReference<String> jobs, AtomicReference<String> rows)
            throws IOException {
        Web web = new Web();
        web.text("/openapi/v3", 200, "{\"paths\":{\"/slurmdb/%s/jobs\":{}}}".formatted(version));
        web.page(
                "/slurm/" + version + "/jobs",
                exchange -> Web.say(exchange, 200, String.valueOf(jobs.get())));
        web.page(
                "/slurmdb/" + version + "/jobs",
                exchange -> {
                    asked.add(exchange.getRequestURI().getQuery());
                    Web.say(exchange, 200, String.valueOf(rows.get()));
                });
        return web;
    }

    private static String row(int id, long start, long end, String state) {
        return ("{\"job_id\":%d,\"account\":\"g1\",\"user\":\"anna\",\"nodes\":\"n1\",\"restart_cnt\":0,\"state\":{\"current\":\"%s\",\"reason\":\"None\"},"
                        + "\"time\":{\"submission\":%3$d,\"start\":%3$d,\"end\":%4$d,\"elapsed\":0,\"suspended\":0},"
                        + "\"tres\":{\"allocated\":[{\"type\":\"gres\",\"name\":\"gpu\",\"count\":1}]}}")
                .formatted(id, state, start, end)
                .replace("%3$d", "" + start);
    }

    private static String jobs(String... jobs) {
        return "{\"jobs\":[" + String.join(",", jobs) + "],\"errors\":[]}";
    }

    private static String live(int id) {
        return "{\"job_id\":%d,\"account\":\"g1\",\"user_name\":\"anna\",\"nodes\":\"n1\",\"job_state\":\"RUNNING\",\"submit_time\":%2$d,\"start_time\":%2$d,\"end_time\":%3$d,\"restart_cnt\":0,\"tres_alloc_str\":\"cpu=1,gres/gpu=1\",\"gres_detail\":[\"gpu:h100:1(IDX:%1$d)\"]}"
                .formatted(id, T - 100, T + 3600);
    }

    private List<HeartbeatKind> heartbeats() {
        return found.heartbeats.stream().map(SchedulerHeartbeatRecord::getKind).toList();
    }

    @Test
    void a_poll_is_complete_when_kafka_has_all_of_it() throws Exception {
        AtomicReference<String> jobs = new AtomicReference<>(jobs(live(1), live(2)));
        try (Web web = server("v0.0.38", jobs, new AtomicReference<>(jobs()))) {
            SlurmCollector collector = collector(web);
            collector.jobs();
            assertThat(found.jobs).hasSize(2);
            assertThat(heartbeats()).containsExactly(HeartbeatKind.COMPLETE_POLL);
            assertThat(found.heartbeats.get(0).getObservedAtMs()).isEqualTo(T * 1000);
            kafkaTakes.set(false);
            collector.jobs();
            assertThat(heartbeats()).hasSize(1);
            assertThat(collector.troubles().get("jobs")).contains("Kafka");
            kafkaTakes.set(true);
            jobs.set("{\"jobs\":[" + live(1)); // torn
            collector.jobs();
            jobs.set(
                    "{\"jobs\":[],\"errors\":[{\"error\":\"Unable to contact slurm controller\"}]}");
            collector.jobs();
            assertThat(heartbeats()).hasSize(1);
            assertThat(collector.troubles().get("jobs")).contains("Unable to contact");
            jobs.set(jobs());
            collector.jobs();
            assertThat(heartbeats()).hasSize(2);
            assertThat(collector.troubles()).isEmpty();
        }
        assertThat(found.counts).allMatch(InputCount::balanced);
    }

    @Test
    void accounting_is_asked_back_and_only_what_is_new_is_said_again() throws Exception {
        AtomicReference<String> rows =
                new AtomicReference<>(
                        jobs(row(1, T - 500, T - 400, "COMPLETED"), row(2, T - 300, 0, "RUNNING")));
        try (Web web = server("v0.0.38", new AtomicReference<>(jobs()), rows)) {
            SlurmCollector collector = collector(web);
            collector.accounting();
            assertThat(ids()).containsExactly(1L, 2L);
            assertThat(span(0)).isEqualTo(48 * 3600);
            assertThat(heartbeats()).containsExactly(HeartbeatKind.BOUNDED_ACCOUNTING);
            assertThat(found.heartbeats.get(0).getObservedAtMs()).isEqualTo((T - 120) * 1000);

            now.addAndGet(60_000);
            collector.accounting();
            // What has ended and says the same is known; what goes on is evidence each time.
            assertThat(ids()).containsExactly(1L, 2L, 2L);
            assertThat(span(1)).isEqualTo(2 * 3600 + 60);

            now.addAndGet(60_000);
            rows.set(
                    jobs(
                            row(1, T - 500, T - 350, "REQUEUED"),
                            row(2, T - 300, T - 100, "COMPLETED")));
            kafkaTakes.set(false);
            collector.accounting();
            kafkaTakes.set(true);
            assertThat(heartbeats()).hasSize(2);
            int before = found.jobs.size();
            now.addAndGet(60_000);
            collector.accounting();
            // The rewritten row, and the one that Kafka had not taken.
            assertThat(ids().subList(before, found.jobs.size())).containsExactly(1L, 2L);
            // Asked back from what was read last, not from what was asked last.
            assertThat(span(3)).isEqualTo(2 * 3600 + 120);
            now.addAndGet(3_600_000);
            collector.accounting();
            assertThat(span(4)).isEqualTo(48 * 3600);
        }
        assertThat(found.counts).allMatch(InputCount::balanced);
    }

    @Test
    void slurm_is_not_asked_again_while_kafka_has_not_taken_the_last_answer() throws Exception {
        try (Web web =
                server(
                        "v0.0.38",
                        new AtomicReference<>(jobs(live(1))),
                        new AtomicReference<>(jobs()))) {
            SlurmCollector collector = collector(web);
            collector.jobs();
            kafkaIsSilent.set(true);
            collector.jobs();
            collector.accounting();
            assertThat(found.jobs).hasSize(1);
            assertThat(asked).isEmpty();
            assertThat(collector.troubles().get("jobs")).contains("Kafka has not taken");
            kafkaIsSilent.set(false);
            collector.jobs();
            assertThat(found.jobs).hasSize(2);
            assertThat(collector.troubles()).containsOnlyKeys("accounting");
        }
    }

    private List<Long> ids() {
        return found.jobs.stream().map(JobSnapshotRecord::getRawJobId).toList();
    }

    private long span(int question) {
        String query = List.copyOf(asked).get(question);
        String[] parts = query.replaceAll("[a-z_]+=uts", "").split("&", -1);
        return Long.parseLong(parts[1]) - Long.parseLong(parts[0]);
    }

    @Test
    void one_source_that_is_away_leaves_the_others() throws Exception {
        try (Web web =
                server(
                        "v0.0.38",
                        new AtomicReference<>(jobs(live(1))),
                        new AtomicReference<>("<html>"))) {
            SlurmCollector collector = collector(web);
            collector.hosts();
            collector.accounting();
            collector.jobs();
            assertThat(collector.troubles())
                    .containsOnlyKeys("nodes", "reservations", "accounting");
            assertThat(found.jobs).hasSize(1);
            assertThat(collector.troubles().values()).noneMatch(t -> t.contains(TOKEN));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"24.05/0.0.41", "25.05/0.0.41", "25.05/0.0.42", "25.05/0.0.43"})
    void recorded_answers_of_later_versions_are_read(String recorded) throws Exception {
        Path answers = recordings().resolve(recorded);
        String version = "v" + recorded.split("/", -1)[1];
        AtomicReference<String> jobs =
                new AtomicReference<>(Files.readString(answers.resolve("slurm-jobs.json")));
        AtomicReference<String> rows =
                new AtomicReference<>(
                        Files.readString(answers.resolve("slurmdb-job-gpus-completed.json")));
        now.set(Instant.parse("2026-01-01T00:00:00Z").toEpochMilli());
        try (Web web = server(version, jobs, rows)) {
            web.text(
                    "/slurm/" + version + "/nodes",
                    200,
                    Files.readString(answers.resolve("slurm-nodes.json")));
            web.text(
                    "/slurm/" + version + "/reservations",
                    200,
                    "{\"reservations\":[],\"errors\":[]}");
            SlurmCollector collector = collector(web);
            collector.jobs();
            assertThat(found.jobs).isNotEmpty();
            collector.hosts();
            int polled = found.jobs.size();
            collector.accounting();
            assertThat(collector.troubles()).isEmpty();
            assertThat(found.jobs).hasSizeGreaterThan(polled);
            assertThat(found.hosts).isNotEmpty();
        }
        assertThat(heartbeats())
                .contains(HeartbeatKind.COMPLETE_POLL, HeartbeatKind.BOUNDED_ACCOUNTING);
        assertThat(found.deadLetters).isEmpty();
        assertThat(found.counts).allMatch(InputCount::balanced);
    }

    private static Path recordings() {
        Path at = Path.of("").toAbsolutePath();
        while (at != null
                && !Files.isDirectory(at.resolveSibling("shared").resolve("data/slurmrestd"))) {
            at = at.getParent();
        }
        assumeTrue(at != null, "the recorded answers are not here");
        return at == null ? Path.of("") : at.resolveSibling("shared").resolve("data/slurmrestd");
    }
}

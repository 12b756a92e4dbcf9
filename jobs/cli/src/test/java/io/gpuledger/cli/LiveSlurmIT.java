package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.local.SimulatedExporters;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** A real Slurm, live into the ledger, and decisions back into that Slurm. */
class LiveSlurmIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration PATIENCE = Duration.ofSeconds(100);
    private static final long IN_TIME_MS = 15_000;
    private static final long WHOLE_SECONDS_MS = 3_000;
    private static final int GARBAGE = 300;

    @Test
    void a_real_slurm_is_counted_to_the_second_and_stopped_when_a_voucher_is_used_up()
            throws Exception {
        Optional<String> whyNot = SlurmCluster.whyNot();
        assumeTrue(whyNot.isEmpty(), () -> whyNot.orElse(""));
        try (SlurmCluster slurm = started();
                SimulatedExporters exporters =
                        new SimulatedExporters(
                                Map.of("n1", 8, "n2", 8, "n3", 8, "n4", 8),
                                List.of(),
                                Clock.systemUTC());
                LiveLedger ledger = new LiveLedger("live-slurm", "")) {
            workload(slurm, exporters, ledger);
        }
    }

    /** A machine may have the packages of Slurm and still not let it run, as in some containers. */
    private static SlurmCluster started() {
        try {
            return SlurmCluster.start(4, LiveLedger.ACCOUNTS, "");
        } catch (Exception | AssertionError e) {
            return Assumptions.abort("Slurm does not come up here: " + e);
        }
    }

    private static void workload(
            SlurmCluster slurm, SimulatedExporters exporters, LiveLedger ledger) throws Exception {
        ledger.apply("first", "");
        Instant from = Instant.now().truncatedTo(ChronoUnit.MINUTES);
        List<String> dcgm = new ArrayList<>(List.of("collect", "dcgm", "--interval=5"));
        dcgm.add("--listen=off");
        exporters.urls().forEach(url -> dcgm.add("--target=" + url));
        Process scraper = ledger.start(slurm, Map.of(), dcgm);
        Process first = ledger.start(slurm, Map.of(), LiveLedger.collect(slurm));
        Process enforcer = ledger.start(slurm, Map.of(), List.of("enforce", "slurm"));

        // Each on a node of its own choosing, or it would wait for those that are named below.
        long voucher = submit(slurm, "g5", 100, "--gres=gpu:8", "--nodelist=n2");
        long bystander = submit(slurm, "g1", 80, "--gres=gpu:1", "--nodelist=n1");
        submit(slurm, "g1", 20, "-N2", "--gres=gpu:2");
        submit(slurm, "g2", 8, "--array=1-4%2", "--gres=gpu:1");
        submit(slurm, "g2", 10, "--exclusive", "--gres=gpu:1");
        long requeued = submit(slurm, "g3", 20, "--gres=gpu:2", "--nodelist=n1");
        long suspended = submit(slurm, "g3", 20, "--gres=gpu:1", "--nodelist=n1");
        long cancelled = submit(slurm, "g1", 300, "--gres=gpu:1", "--nodelist=n1");
        long lost = submit(slurm, "g2", 300, "--no-requeue", "--gres=gpu:3", "--nodelist=n4");
        for (long job : List.of(voucher, bystander, requeued, suspended, cancelled, lost)) {
            state(slurm, job, "RUNNING");
        }
        slurm.ok("scontrol", "requeue", "" + requeued);
        slurm.ok("scontrol", "suspend", "" + suspended);
        long suspendedAt = System.currentTimeMillis();
        slurm.kill("slurmd-n4");
        slurm.ok("scancel", "" + cancelled);

        long refusedAt = refused(slurm);
        assertThat(stateOf(slurm, voucher)).as("it goes on under REFUSE").isEqualTo("RUNNING");
        long exhaustedAt = exhausted(ledger);
        System.out.printf("exhaustion to refused submit: %d ms%n", refusedAt - exhaustedAt);
        assertThat(refusedAt - exhaustedAt).isBetween(0L, IN_TIME_MS);
        // Where jobs start slowly the voucher is used up by now; less than a second is none.
        slurm.until(
                "it has been suspended for whole seconds",
                () -> System.currentTimeMillis() - suspendedAt > WHOLE_SECONDS_MS);
        slurm.ok("scontrol", "resume", "" + suspended);
        long toppedUpAt = System.currentTimeMillis();
        ledger.apply(
                "second",
                "      - {kind: top-up, at: 2026-02-01T00:00Z, gpu_hours: 100, note: more}\n");
        slurm.until("a top-up opens the account", () -> accepted(slurm));
        System.out.printf(
                "top-up to accepted submit: %d ms%n", System.currentTimeMillis() - toppedUpAt);

        assertThat(metric(slurm, "gpu_ledger_requests_total{outcome=\"ok\",source=\"hooks\"}"))
                .as("sent by nodes")
                .isPositive();
        garbage(slurm);
        System.out.println("collect slurm: " + LiveLedger.cost(first));
        System.out.println("collect dcgm: " + LiveLedger.cost(scraper));
        System.out.println("enforce slurm: " + LiveLedger.cost(enforcer));
        slurm.stop("slurmctld");
        first.destroyForcibly();
        slurm.startController();
        List<String> rest = new ArrayList<>(LiveLedger.collect(slurm));
        rest.add("--slurmrestd=" + slurm.restUrl());
        Process second = ledger.start(slurm, Map.of("SLURM_JWT", slurm.token()), rest);
        state(slurm, lost, "NODE_FAIL");
        slurm.startNode("n4");
        submit(slurm, "g3", 5, "--gres=gpu:4");
        slurm.until(
                "nothing is left to run",
                () -> slurm.ok("squeue", "-h", "-t", "RUNNING,PENDING,SUSPENDED").isBlank(),
                PATIENCE);
        System.out.println("collect slurm, slurmrestd, so far: " + LiveLedger.cost(second));
        for (String subject : List.of("jobs", "nodes", "accounting")) {
            assertThat(
                            metric(
                                    slurm,
                                    "gpu_ledger_requests_total{outcome=\"ok\",source=\"%s\"}"
                                            .formatted(subject)))
                    .as("answers of slurmrestd about %s; see %s", subject, ledger.directory)
                    .isPositive();
        }
        slurm.flushNodeHooks();
        assertThat(slurm.directory.resolve("node-hooks")).isEmptyDirectory();
        long endedAt = System.currentTimeMillis();
        Instant to = Instant.now().truncatedTo(ChronoUnit.MINUTES).plus(1, ChronoUnit.MINUTES);

        String rows = LiveLedger.ended(slurm, "JobIDRaw,Account,Start,End,AllocTRES");
        Map<String, Long> held = LiveLedger.held(rows, 0);
        assertThat(held.keySet()).hasSizeGreaterThan(10);
        Patience.until(
                "the ledger has what was held: " + held,
                PATIENCE,
                () -> ledger.held(from, to).equals(held));
        System.out.printf(
                "last minute's end to settled usage: %d ms (jobs ended %d ms before)%n",
                System.currentTimeMillis() - to.toEpochMilli(),
                System.currentTimeMillis() - endedAt);
        assertThat(ledger.rows(from, to, "bucket")).containsEntry("SUSPENDED", true);
        reconciled(slurm, ledger, rows, from, to);
    }

    /** What comes to the receivers of a collector that has other things to do. */
    private static void garbage(SlurmCluster slurm) throws Exception {
        SplittableRandom dice = new SplittableRandom(20_261_126);
        HttpClient http = HttpClient.newHttpClient();
        String torn = "{\"ts\":1795434900.25,\"hook\":\"prolog\",\"env\":{\"SLURM_JOB_ID\":\"7";
        for (int i = 0; i < GARBAGE; i++) {
            byte[] body = new byte[dice.nextInt(4_000)];
            dice.nextBytes(body);
            HttpRequest.BodyPublisher publisher =
                    i % 3 == 0
                            ? HttpRequest.BodyPublishers.ofString((torn + "\n").repeat(1 + i % 50))
                            : HttpRequest.BodyPublishers.ofByteArray(body);
            String path = List.of("/hooks", "/slurm/_doc", "/slurm/jobcomp").get(i % 3);
            HttpResponse<String> answer =
                    http.send(
                            HttpRequest.newBuilder(
                                            URI.create("http://" + slurm.collectorAddress() + path))
                                    .POST(publisher)
                                    .build(),
                            HttpResponse.BodyHandlers.ofString());
            assertThat(answer.statusCode()).as(answer.body()).isIn(200, 400);
        }
        assertThat(metric(slurm, "gpu_ledger_input_records_total{outcome=\"dead_lettered\"}"))
                .isGreaterThan(GARBAGE);
    }

    private static long metric(SlurmCluster slurm, String name) throws Exception {
        String metrics =
                HttpClient.newHttpClient()
                        .send(
                                HttpRequest.newBuilder(
                                                URI.create(
                                                        "http://"
                                                                + slurm.collectorAddress()
                                                                + "/metrics"))
                                        .build(),
                                HttpResponse.BodyHandlers.ofString())
                        .body();
        return metrics.lines()
                .filter(l -> l.startsWith(name))
                .mapToLong(l -> Math.round(Double.parseDouble(l.replaceAll(".* ", ""))))
                .sum();
    }

    private static void reconciled(
            SlurmCluster slurm, LiveLedger ledger, String rows, Instant from, Instant to)
            throws Exception {
        Path file = ledger.directory.resolve("sacct.psv");
        Files.writeString(
                file,
                LiveLedger.sacct(
                        slurm,
                        "JobIDRaw,JobID,Account,User,State,NodeList,Submit,Start,End,ElapsedRaw,Suspended,AllocTRES"));
        LiveLedger.Outcome report =
                ledger.run(
                        "reconcile", "--sacct=" + file, "--from=" + from, "--to=" + to, "--json");
        assertThat(report.exit()).as(report.out() + report.err()).isZero();
        Map<String, Long> books = new TreeMap<>();
        for (JsonNode line : JSON.readTree(report.out()).path("accounts")) {
            books.merge(
                    line.path("account").asText(),
                    line.path("scheduler_gpu_ms").asLong(),
                    Long::sum);
        }
        System.out.println("GPU-ms by account, as sacct has them: " + books);
        assertThat(books).isEqualTo(LiveLedger.held(rows, 1));
    }

    private static long submit(SlurmCluster slurm, String account, int seconds, String... more) {
        List<String> all = new ArrayList<>(List.of(more));
        all.addAll(List.of("-A", account, "-t", "6", "--wrap", "sleep " + seconds));
        return slurm.submit(
                SlurmCluster.userOf(account, LiveLedger.ACCOUNTS), all.toArray(new String[0]));
    }

    private static SlurmCluster.Answer attempt(SlurmCluster slurm) {
        return slurm.trySubmit(
                SlurmCluster.userOf("g5", LiveLedger.ACCOUNTS),
                "-A",
                "g5",
                "--hold",
                "--gres=gpu:1",
                "-t",
                "1",
                "--wrap",
                "true");
    }

    private static boolean accepted(SlurmCluster slurm) {
        SlurmCluster.Answer answer = attempt(slurm);
        if (answer.exit() == 0) {
            slurm.ok("scancel", answer.text().strip());
        }
        return answer.exit() == 0;
    }

    /** When a submit was refused for the first time. */
    private static long refused(SlurmCluster slurm) {
        slurm.until("an exhausted voucher is refused", () -> !accepted(slurm), PATIENCE);
        long at = System.currentTimeMillis();
        assertThat(attempt(slurm).text()).contains("AssocGrpSubmitJobsLimit");
        return at;
    }

    private static long exhausted(LiveLedger ledger) throws IOException {
        for (JsonNode d :
                JSON.readTree(ledger.run("quota", "--grant=g5", "--json").out())
                        .path("decisions")) {
            if (d.path("state").asText().equals("EXHAUSTED")) {
                return d.path("effective_at_ms").asLong();
            }
        }
        throw new AssertionError("no decision says EXHAUSTED");
    }

    private static void state(SlurmCluster slurm, long job, String state) {
        slurm.until(job + " is " + state, () -> stateOf(slurm, job).equals(state), PATIENCE);
    }

    private static String stateOf(SlurmCluster slurm, long job) {
        return slurm.say("scontrol", "-o", "show", "job", "" + job)
                .text()
                .replaceAll("(?s).*JobState=(\\w+).*", "$1");
    }
}

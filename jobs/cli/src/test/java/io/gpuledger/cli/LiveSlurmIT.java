package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.local.SimulatedExporters;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
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
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** A real Slurm, live into the ledger, and decisions back into that Slurm. */
class LiveSlurmIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<String> ACCOUNTS = List.of("g1", "g2", "g3", "g5");
    private static final Duration PATIENCE = Duration.ofSeconds(100);
    private static final long IN_TIME_MS = 15_000;

    /** Of g5: used up by eight GPUs in 20 s. */
    private static final long VOUCHER_GPU_US = 8L * 20 * 1_000_000;

    private record Outcome(int exit, String out, String err) {}

    private final List<Process> processes = new ArrayList<>();
    private Path directory = Path.of("");
    private Path config = Path.of("");

    @Test
    void a_real_slurm_is_counted_to_the_second_and_stopped_when_a_voucher_is_used_up()
            throws Exception {
        Optional<String> whyNot = SlurmCluster.whyNot();
        assumeTrue(whyNot.isEmpty(), () -> whyNot.orElse(""));
        directory = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "live-slurm");
        config = directory.resolve("gpu-ledger.yaml");
        Files.writeString(
                config,
                "cluster: loopback\nattribution:\n  settle: 0min\ncollect:\n  slurm:\n    poll: 1s\n    accounting: 2s\n    nodes: 3s\nenforce:\n  every: 1s\n");
        try (SlurmCluster slurm = started();
                SimulatedExporters exporters =
                        new SimulatedExporters(
                                Map.of("n1", 8, "n2", 8, "n3", 8, "n4", 8),
                                List.of(),
                                Clock.systemUTC())) {
            Outcome up = run("up");
            assertThat(up.exit()).as(up.err()).isZero();
            try {
                workload(slurm, exporters);
            } finally {
                processes.forEach(LiveSlurmIT::end);
                run("down", "--force");
            }
        }
    }

    /** A machine may have the packages of Slurm and still not let it run, as in some containers. */
    private static SlurmCluster started() {
        try {
            return SlurmCluster.start(4, ACCOUNTS, "");
        } catch (Exception | AssertionError e) {
            return Assumptions.abort("Slurm does not come up here: " + e);
        }
    }

    private void workload(SlurmCluster slurm, SimulatedExporters exporters) throws Exception {
        apply("first", "");
        Instant from = Instant.now().truncatedTo(ChronoUnit.MINUTES);
        List<String> dcgm = new ArrayList<>(List.of("collect", "dcgm", "--interval=5"));
        dcgm.add("--listen=off");
        exporters.urls().forEach(url -> dcgm.add("--target=" + url));
        Process scraper = start(slurm, Map.of(), dcgm);
        Process first = start(slurm, Map.of(), collect(slurm));
        Process enforcer = start(slurm, Map.of(), List.of("enforce", "slurm"));

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
        slurm.kill("slurmd-n4");
        slurm.ok("scancel", "" + cancelled);

        long refusedAt = refused(slurm);
        assertThat(stateOf(slurm, voucher)).as("it goes on under REFUSE").isEqualTo("RUNNING");
        long exhaustedAt = exhausted();
        System.out.printf("exhaustion to refused submit: %d ms%n", refusedAt - exhaustedAt);
        assertThat(refusedAt - exhaustedAt).isBetween(0L, IN_TIME_MS);
        slurm.ok("scontrol", "resume", "" + suspended);
        long toppedUpAt = System.currentTimeMillis();
        apply(
                "second",
                "      - {kind: top-up, at: 2026-02-01T00:00Z, gpu_hours: 100, note: more}\n");
        slurm.until("a top-up opens the account", () -> accepted(slurm));
        System.out.printf(
                "top-up to accepted submit: %d ms%n", System.currentTimeMillis() - toppedUpAt);

        System.out.println("collect slurm: " + cost(first));
        System.out.println("collect dcgm: " + cost(scraper));
        System.out.println("enforce slurm: " + cost(enforcer));
        slurm.stop("slurmctld");
        first.destroyForcibly();
        slurm.startController();
        List<String> rest = new ArrayList<>(collect(slurm));
        rest.add("--slurmrestd=" + slurm.restUrl());
        Process second = start(slurm, Map.of("SLURM_JWT", slurm.token()), rest);
        state(slurm, lost, "NODE_FAIL");
        slurm.startNode("n4");
        submit(slurm, "g3", 5, "--gres=gpu:4");
        slurm.until(
                "nothing is left to run",
                () -> slurm.ok("squeue", "-h", "-t", "RUNNING,PENDING,SUSPENDED").isBlank(),
                PATIENCE);
        System.out.println("collect slurm, slurmrestd, so far: " + cost(second));
        long endedAt = System.currentTimeMillis();
        Instant to = Instant.now().truncatedTo(ChronoUnit.MINUTES).plus(1, ChronoUnit.MINUTES);

        String rows = sacct(slurm, "JobIDRaw,Account,Start,End,AllocTRES");
        Map<String, Long> held = held(rows, 0);
        assertThat(held.keySet()).hasSizeGreaterThan(10);
        Patience.until(
                "the ledger has what was held: " + held,
                PATIENCE,
                () -> ledger(from, to).equals(held));
        System.out.printf(
                "last minute's end to settled usage: %d ms (jobs ended %d ms before)%n",
                System.currentTimeMillis() - to.toEpochMilli(),
                System.currentTimeMillis() - endedAt);
        assertThat(rows(from, to, "bucket")).containsEntry("SUSPENDED", true);
        reconciled(slurm, rows, from, to);
    }

    private void reconciled(SlurmCluster slurm, String rows, Instant from, Instant to)
            throws Exception {
        Path file = directory.resolve("sacct.psv");
        Files.writeString(
                file,
                sacct(
                        slurm,
                        "JobIDRaw,JobID,Account,User,State,NodeList,Submit,Start,End,ElapsedRaw,Suspended,AllocTRES"));
        Outcome report =
                run("reconcile", "--sacct=" + file, "--from=" + from, "--to=" + to, "--json");
        assertThat(report.exit()).as(report.out() + report.err()).isZero();
        Map<String, Long> books = new TreeMap<>();
        for (JsonNode line : JSON.readTree(report.out()).path("accounts")) {
            books.merge(
                    line.path("account").asText(),
                    line.path("scheduler_gpu_ms").asLong(),
                    Long::sum);
        }
        System.out.println("GPU-ms by account, as sacct has them: " + books);
        assertThat(books).isEqualTo(held(rows, 1));
    }

    /** GPU-milliseconds by run (column 0) or account (1), from {@code sacct -D}. */
    private static Map<String, Long> held(String rows, int column) {
        Map<String, Long> held = new TreeMap<>();
        for (String line : rows.lines().skip(1).toList()) {
            String[] c = line.split("\\|", -1);
            if (c[2].matches("\\d+") && c[3].matches("\\d+") && c[4].contains("gres/gpu=")) {
                long gpus = Long.parseLong(c[4].replaceAll(".*gres/gpu=(\\d+).*", "$1"));
                long ms = gpus * (Long.parseLong(c[3]) - Long.parseLong(c[2])) * 1000;
                String key = column == 0 ? "loopback/" + c[0] + "/" + c[2] : c[1];
                if (ms > 0) {
                    held.merge(key, ms, Long::sum);
                }
            }
        }
        return held;
    }

    private Map<String, Long> ledger(Instant from, Instant to) {
        Map<String, Long> held = new TreeMap<>();
        for (String line : usage(from, to, "run").lines().skip(1).toList()) {
            String[] c = line.split(",", -1);
            long ms = Long.parseLong(c[1]) + Long.parseLong(c[2]);
            if (!c[0].isEmpty() && ms > 0) {
                held.put(c[0], ms);
            }
        }
        return held;
    }

    private Map<String, Boolean> rows(Instant from, Instant to, String key) {
        Map<String, Boolean> keys = new TreeMap<>();
        usage(from, to, key).lines().skip(1).forEach(l -> keys.put(l.split(",", 2)[0], true));
        return keys;
    }

    private String usage(Instant from, Instant to, String key) {
        Outcome usage = run("usage", "--by=" + key, "--from=" + from, "--to=" + to, "--format=csv");
        return usage.out();
    }

    private static String sacct(SlurmCluster slurm, String columns) {
        return slurm.ok(
                "env",
                "SLURM_TIME_FORMAT=%s",
                "sacct",
                "-a",
                "-D",
                "-X",
                "-P",
                "-S",
                "now-1hours",
                "-o",
                columns);
    }

    private static List<String> collect(SlurmCluster slurm) {
        return List.of(
                "collect",
                "slurm",
                "--listen=off",
                "--hook-spool=" + slurm.directory.resolve("hooks"));
    }

    private static long submit(SlurmCluster slurm, String account, int seconds, String... more) {
        List<String> all = new ArrayList<>(List.of(more));
        all.addAll(List.of("-A", account, "-t", "6", "--wrap", "sleep " + seconds));
        return slurm.submit(SlurmCluster.userOf(account, ACCOUNTS), all.toArray(new String[0]));
    }

    private static SlurmCluster.Answer attempt(SlurmCluster slurm) {
        return slurm.trySubmit(
                SlurmCluster.userOf("g5", ACCOUNTS),
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

    private long exhausted() throws IOException {
        for (JsonNode d :
                JSON.readTree(run("quota", "--grant=g5", "--json").out()).path("decisions")) {
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

    private void apply(String name, String more) throws IOException {
        StringBuilder yaml = new StringBuilder("clusters: [loopback]\ngrants:\n");
        StringBuilder accounts = new StringBuilder("accounts:\n");
        for (String grant : ACCOUNTS) {
            boolean small = grant.equals("g5");
            yaml.append(
                    "  - id: %s%n    title: T%n    pi: Anna Holm%n    kind: voucher%n    term: {from: 2026-01-01T00:00Z, to: 2036-01-01T00:00Z}%n    budget:%n      - {kind: initial, at: 2026-01-01T00:00Z, %s}%n%s"
                            .formatted(
                                    grant,
                                    small ? "gpu_us: " + VOUCHER_GPU_US : "gpu_hours: 100",
                                    small ? more : ""));
            accounts.append(
                    "  - {cluster: loopback, account: %1$s, grant: %1$s}%n".formatted(grant));
        }
        Path files = Files.createDirectories(directory.resolve("registries").resolve(name));
        Files.writeString(files.resolve("registry.yaml"), yaml.append(accounts));
        Outcome applied = run("registry", "apply", files.toString());
        assertThat(applied.exit()).as(applied.err()).isZero();
    }

    private Process start(SlurmCluster slurm, Map<String, String> more, List<String> words)
            throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-Xmx256m", "-XX:+UseSerialGC"));
        command.add("-Dorg.apache.avro.SERIALIZABLE_PACKAGES=io.gpuledger.schemas");
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.addAll(List.of("io.gpuledger.cli.GpuLedger", "--data=" + directory.resolve("d")));
        command.add("--config=" + config);
        command.addAll(words);
        ProcessBuilder builder =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(
                                ProcessBuilder.Redirect.appendTo(
                                        directory
                                                .resolve(words.get(0) + "-" + words.get(1) + ".out")
                                                .toFile()));
        builder.environment().putAll(slurm.environment());
        builder.environment().putAll(more);
        Process process = builder.start();
        processes.add(process);
        return process;
    }

    private static void end(Process process) {
        process.destroy();
        try {
            if (!process.waitFor(15, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    /** CPU, the start of the JVM included, and peak memory. */
    private static String cost(Process process) {
        assertThat(process.isAlive()).as("it goes on").isTrue();
        Duration cpu = process.info().totalCpuDuration().orElse(Duration.ZERO);
        Instant began = process.info().startInstant().orElse(Instant.now());
        try {
            String peak =
                    Files.readString(Path.of("/proc", "" + process.pid(), "status"))
                            .replaceAll("(?s).*VmHWM:\\s*(\\d+ kB).*", "$1");
            return "%d ms of CPU in %d s, %s at most"
                    .formatted(
                            cpu.toMillis(),
                            Duration.between(began, Instant.now()).toSeconds(),
                            peak);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Outcome run(String... words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> all =
                new ArrayList<>(List.of("--data=" + directory.resolve("d"), "--config=" + config));
        all.addAll(List.of(words));
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(all.toArray(new String[0]));
        return new Outcome(exit, out.toString(), err.toString());
    }
}

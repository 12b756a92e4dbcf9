package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The ledger of a {@link SlurmCluster}: a stack of its own, and processes that can be killed. */
final class LiveLedger implements AutoCloseable {
    static final List<String> ACCOUNTS = List.of("g1", "g2", "g3", "g5");

    /** Of g5: used up by eight GPUs in 20 s. */
    static final long VOUCHER_GPU_US = 8L * 20 * 1_000_000;

    record Outcome(int exit, String out, String err) {}

    final Path directory;
    private final List<Process> processes = new ArrayList<>();
    private final Path config;

    /** Starts the stack. */
    LiveLedger(String name, String more) throws IOException {
        directory = Files.createTempDirectory(Path.of("target").toAbsolutePath(), name);
        config = directory.resolve("gpu-ledger.yaml");
        Files.writeString(
                config,
                "cluster: loopback\nattribution:\n  settle: 0min\ncollect:\n  slurm:\n    poll: 1s\n    accounting: 2s\n    nodes: 3s\nenforce:\n  every: 1s\n"
                        + more);
        try {
            up();
        } catch (AssertionError e) {
            close();
            throw e;
        }
    }

    void up() {
        Outcome up = run("up");
        assertThat(up.exit()).as(up.err()).isZero();
    }

    @Override
    public void close() {
        processes.forEach(LiveLedger::end);
        run("down", "--force");
    }

    /** GPU-milliseconds by run (column 0) or account (1), from {@code sacct -D}. */
    static Map<String, Long> held(String rows, int column) {
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

    /** GPU-milliseconds by run that the ledger has. */
    Map<String, Long> held(Instant from, Instant to) {
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

    Map<String, Boolean> rows(Instant from, Instant to, String key) {
        Map<String, Boolean> keys = new TreeMap<>();
        usage(from, to, key).lines().skip(1).forEach(l -> keys.put(l.split(",", 2)[0], true));
        return keys;
    }

    String usage(Instant from, Instant to, String key) {
        Outcome usage = run("usage", "--by=" + key, "--from=" + from, "--to=" + to, "--format=csv");
        return usage.out();
    }

    static String sacct(SlurmCluster slurm, String columns) {
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

    /**
     * The same once accounting has every job that the controller has, and its end. It hears of both
     * a moment after the controller, and of a short job nothing before its end.
     */
    static String ended(SlurmCluster slurm, String columns) {
        slurm.until(
                "accounting has every end",
                () -> {
                    String rows = sacct(slurm, "JobIDRaw,Start,End");
                    return !rows.contains("Unknown") && jobs(slurm).allMatch(hasRow(rows));
                });
        return sacct(slurm, columns);
    }

    /** Those that got a node: one that was cancelled while held is in no accounting. */
    private static Stream<String> jobs(SlurmCluster slurm) {
        return Pattern.compile("(?m)^JobId=(\\d+) .* NodeList=[^ (]")
                .matcher(slurm.ok("scontrol", "-o", "show", "job"))
                .results()
                .map(job -> job.group(1));
    }

    private static Predicate<String> hasRow(String rows) {
        Set<String> known =
                rows.lines().map(row -> row.split("\\|", -1)[0]).collect(Collectors.toSet());
        return known::contains;
    }

    static List<String> collect(SlurmCluster slurm) {
        return List.of(
                "collect",
                "slurm",
                "--listen=" + slurm.collectorAddress(),
                "--hook-spool=" + slurm.directory.resolve("hooks"));
    }

    void apply(String name, String more) throws IOException {
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

    Process start(SlurmCluster slurm, Map<String, String> more, List<String> words)
            throws IOException {
        Map<String, String> environment = new HashMap<>(slurm.environment());
        environment.putAll(more);
        return start(environment, words);
    }

    Process start(Map<String, String> environment, List<String> words) throws IOException {
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
        builder.environment().putAll(environment);
        Process process = builder.start();
        processes.add(process);
        return process;
    }

    static void end(Process process) {
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
    static String cost(Process process) {
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

    Outcome run(String... words) {
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

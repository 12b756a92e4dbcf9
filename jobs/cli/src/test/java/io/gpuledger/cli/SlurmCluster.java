package io.gpuledger.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * A real Slurm on loopback: munge, MariaDB, slurmdbd, slurmctld, a slurmd for each node and
 * slurmrestd, all of it in one temporary directory and stopped by process id. The GPUs are devices
 * without a driver; the prolog and the epilog are the project's own. Needs root: nodes run jobs as
 * their users.
 */
final class SlurmCluster implements AutoCloseable {
    static final String CLUSTER = "loopback";
    static final int GPUS = 8;

    /** Where Debian has what the packages below bring. */
    private static final Map<String, String> PROGRAMS =
            Map.of(
                    "slurmctld", "slurmctld",
                    "slurmd", "slurmd",
                    "slurmdbd", "slurmdbd",
                    "slurmrestd", "slurmrestd",
                    "sacctmgr", "slurm-client",
                    "mariadbd", "mariadb-server",
                    "munged", "munge",
                    "setpriv", "util-linux");

    private static final Map<String, String> PLUGINS =
            Map.of(
                    "select_cons_tres.so", "slurm-wlm-basic-plugins",
                    "accounting_storage_mysql.so", "slurm-wlm-mysql-plugin",
                    "auth_jwt.so", "slurm-wlm-jwt-plugin");

    /** Of every Debian; no user is made for a test. */
    private static final List<String> USERS = List.of("games", "backup", "www-data", "irc", "list");

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int DEVICE_MAJOR = 195;

    /** What a command said. */
    record Answer(int exit, String text) {}

    final Path directory;
    private final List<String> nodes;
    private final Map<String, Process> daemons = new LinkedHashMap<>();
    private final Map<String, Integer> ports = new LinkedHashMap<>();

    private SlurmCluster(Path directory, int nodes) {
        this.directory = directory;
        List<String> names = new ArrayList<>();
        for (int i = 1; i <= nodes; i++) {
            names.add("n" + i);
        }
        this.nodes = List.copyOf(names);
    }

    /** Why there can be none on this machine; empty if there can. */
    static Optional<String> whyNot() {
        List<String> packages = new ArrayList<>();
        PROGRAMS.forEach(
                (program, name) -> {
                    if (program(program).isEmpty()) {
                        packages.add(name);
                    }
                });
        PLUGINS.forEach(
                (plugin, name) -> {
                    if (!hasPlugin(plugin)) {
                        packages.add(name);
                    }
                });
        if (!packages.isEmpty()) {
            packages.sort(Comparator.naturalOrder());
            return Optional.of("no real Slurm here: apt-get install " + String.join(" ", packages));
        }
        return System.getProperty("user.name").equals("root")
                ? Optional.empty()
                : Optional.of("no real Slurm here: its nodes must be started by root");
    }

    static boolean hasPlugin(String name) {
        return Files.exists(Path.of("/usr/lib/x86_64-linux-gnu/slurm-wlm", name));
    }

    static Optional<Path> program(String name) {
        return Stream.of("/usr/bin", "/usr/sbin", "/bin", "/sbin")
                .map(place -> Path.of(place, name))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /**
     * Starts one.
     *
     * @param nodes each with {@value #GPUS} H100
     * @param accounts each with a user of its own; see {@link #userOf}
     * @param jobcomp lines of slurm.conf for job completion, in which {@code @COLLECTOR@} is where
     *     the collector listens; empty for none
     */
    static SlurmCluster start(int nodes, List<String> accounts, String jobcomp) throws Exception {
        // Short, for sockets have paths of 108 bytes; and readable by Slurm's own users.
        Path directory = Files.createTempDirectory("gpu-ledger-slurm");
        SlurmCluster cluster = new SlurmCluster(directory, nodes);
        try {
            cluster.up(accounts, jobcomp);
            return cluster;
        } catch (Exception | Error e) {
            try {
                cluster.close();
            } catch (RuntimeException again) {
                e.addSuppressed(again);
            }
            throw e;
        }
    }

    private void up(List<String> accounts, String jobcomp) throws Exception {
        choosePorts();
        configure(jobcomp);
        daemon(
                "munged",
                as(
                        "munge",
                        "munged",
                        "--foreground",
                        "--force",
                        "--key-file=" + directory.resolve("etc/munge.key"),
                        "--socket=" + directory.resolve("run/munge.sock"),
                        "--pid-file=" + directory.resolve("run/munged.pid"),
                        "--log-file=" + directory.resolve("log/munged.log"),
                        "--seed-file=" + directory.resolve("log/munge.seed")));
        database();
        startAccounting();
        ok("sacctmgr", "-i", "add", "cluster", CLUSTER);
        for (String account : accounts) {
            ok("sacctmgr", "-i", "add", "account", account, "Cluster=" + CLUSTER);
            ok(
                    "sacctmgr",
                    "-i",
                    "add",
                    "user",
                    userOf(account, accounts),
                    "Account=" + account,
                    "DefaultAccount=" + account);
        }
        startController();
        for (String node : nodes) {
            startNode(node);
        }
        daemon(
                "slurmrestd",
                as(
                        "nobody",
                        "env",
                        "SLURM_JWT=daemon",
                        "slurmrestd",
                        "-a",
                        "rest_auth/jwt",
                        "-s",
                        "openapi/v0.0.38,openapi/dbv0.0.38",
                        "127.0.0.1:" + port("rest")));
        listens("rest");
        until(
                "all nodes are idle",
                () ->
                        say("sinfo", "-h", "-N", "-o", "%T")
                                .text()
                                .lines()
                                .toList()
                                .equals(nodes.stream().map(n -> "idle").toList()));
    }

    static String userOf(String account, List<String> accounts) {
        return USERS.get(accounts.indexOf(account));
    }

    private void choosePorts() throws IOException {
        List<String> names =
                new ArrayList<>(
                        List.of("database", "accounting", "controller", "rest", "collector"));
        names.addAll(nodes);
        List<ServerSocket> held = new ArrayList<>();
        try {
            for (String name : names) {
                ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                held.add(socket);
                ports.put(name, socket.getLocalPort());
            }
        } finally {
            for (ServerSocket socket : held) {
                socket.close();
            }
        }
    }

    /** Where nodes send what their hooks know; the controller's hooks leave files. */
    String collectorAddress() {
        return "127.0.0.1:" + port("collector");
    }

    /** As cron does it on a node that rests. */
    void flushNodeHooks() {
        ok(
                "env",
                "GPU_LEDGER_HOOK_CONF=" + directory.resolve("etc/node-hook.conf"),
                directory.resolve("etc/gpu-ledger-hook").toString(),
                "flush");
    }

    private int port(String name) {
        return ports.getOrDefault(name, 0);
    }

    private void configure(String jobcomp) throws Exception {
        for (String place :
                List.of(
                        "etc",
                        "run",
                        "log",
                        "state",
                        "spool",
                        "dev",
                        "mysql",
                        "truth",
                        "hooks",
                        "node-hooks")) {
            Files.createDirectory(directory.resolve(place));
        }
        mode("", "rwxr-xr-x");
        // slurmctld's hooks run as slurm, a node's as root.
        for (String shared : List.of("run", "log", "truth", "hooks")) {
            mode(shared, "rwxrwxrwx");
        }
        for (int gpu = 0; gpu < GPUS; gpu++) {
            // With plain files no hook is told which GPUs a job has.
            Path device = directory.resolve("dev/gpu" + gpu);
            ok("mknod", "-m", "666", device.toString(), "c", "" + DEVICE_MAJOR, "" + gpu);
        }
        secret("etc/munge.key", "munge");
        secret("etc/jwt.key", "slurm");
        own("state", "slurm");
        own("mysql", "mysql");
        StringBuilder nodeLines = new StringBuilder();
        for (String node : nodes) {
            nodeLines.append(
                    "NodeName=%s NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=64 RealMemory=1000 Gres=gpu:h100:%d State=UNKNOWN%n"
                            .formatted(node, host(), port(node), GPUS));
        }
        Map<String, String> words =
                Map.of(
                        "CLUSTER",
                        CLUSTER,
                        "HOST",
                        host(),
                        "DIR",
                        directory.toString(),
                        "CONTROLLER_PORT",
                        "" + port("controller"),
                        "ACCOUNTING_PORT",
                        "" + port("accounting"),
                        "DATABASE_PORT",
                        "" + port("database"),
                        "PASSWORD",
                        password(),
                        "JOBCOMP",
                        jobcomp.replace("@COLLECTOR@", collectorAddress()),
                        "NODES",
                        nodeLines.toString(),
                        "HOOK",
                        hook());
        template("slurm.conf", words);
        template("slurmdbd.conf", words);
        own("etc/slurmdbd.conf", "slurm");
        mode("etc/slurmdbd.conf", "rw-------");
        template("hook", words);
        mode("etc/hook", "rwxr-xr-x");
        Files.writeString(
                directory.resolve("etc/hook.conf"), "spool=" + directory.resolve("hooks") + "\n");
        Files.writeString(
                directory.resolve("etc/node-hook.conf"),
                "spool=%s%nurl=http://%s/hooks%n"
                        .formatted(directory.resolve("node-hooks"), collectorAddress()));
        Files.writeString(
                directory.resolve("etc/gres.conf"),
                "AutoDetect=off\nName=gpu Type=h100 File=%s/dev/gpu[0-%d]\n"
                        .formatted(directory, GPUS - 1));
        Files.createFile(directory.resolve("truth/hooks"));
        mode("truth/hooks", "rw-rw-rw-");
    }

    private String password = "";

    private String password() {
        if (password.isEmpty()) {
            password = HexFormat.of().formatHex(random(16));
        }
        return password;
    }

    /** Where everybody may read it: the checkout may lie in a home that is closed to others. */
    private String hook() throws IOException {
        Path copy = directory.resolve("etc/gpu-ledger-hook");
        Files.copy(Path.of("../../deploy/slurm/gpu-ledger-hook"), copy);
        mode("etc/gpu-ledger-hook", "rwxr-xr-x");
        return copy.toString();
    }

    private void template(String name, Map<String, String> words) throws IOException {
        try (InputStream in = SlurmCluster.class.getResourceAsStream("/slurm-cluster/" + name)) {
            if (in == null) {
                throw new IllegalStateException("no template " + name);
            }
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            for (Map.Entry<String, String> word : words.entrySet()) {
                text = text.replace("@" + word.getKey() + "@", word.getValue());
            }
            Files.writeString(directory.resolve("etc").resolve(name), text);
        }
    }

    private static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new SecureRandom().nextBytes(bytes);
        return bytes;
    }

    private void secret(String name, String owner) throws IOException {
        Files.write(directory.resolve(name), random(128));
        mode(name, "r--------");
        own(name, owner);
    }

    private void own(String name, String user) throws IOException {
        Path path = directory.resolve(name);
        Files.setOwner(
                path,
                path.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName(user));
    }

    private void mode(String name, String mode) throws IOException {
        Files.setPosixFilePermissions(
                directory.resolve(name), PosixFilePermissions.fromString(mode));
    }

    private static String host() throws IOException {
        return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip().split("\\.", 2)[0];
    }

    private void database() throws Exception {
        ok(
                "mariadb-install-db",
                "--no-defaults",
                "--user=mysql",
                "--datadir=" + directory.resolve("mysql"),
                "--auth-root-authentication-method=normal",
                "--skip-test-db");
        String socket = directory.resolve("run/mysql.sock").toString();
        daemon(
                "mariadbd",
                List.of(
                        "mariadbd",
                        "--no-defaults",
                        "--user=mysql",
                        "--datadir=" + directory.resolve("mysql"),
                        "--bind-address=127.0.0.1",
                        "--port=" + port("database"),
                        "--socket=" + socket,
                        "--innodb-buffer-pool-size=64M",
                        "--innodb-lock-wait-timeout=900",
                        "--innodb-flush-log-at-trx-commit=2"));
        listens("database");
        ok(
                "mariadb",
                "--no-defaults",
                "-uroot",
                "-S",
                socket,
                "-e",
                "CREATE USER slurm@'127.0.0.1' IDENTIFIED BY '%1$s'; CREATE USER slurm@localhost IDENTIFIED BY '%1$s'; GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1'; GRANT ALL ON slurm_acct_db.* TO slurm@localhost"
                        .formatted(password()));
    }

    void startAccounting() throws IOException {
        daemon("slurmdbd", as("slurm", "slurmdbd", "-D"));
        listens("accounting");
    }

    void startController() throws IOException {
        daemon("slurmctld", as("slurm", "slurmctld", "-D"));
        listens("controller");
    }

    void startNode(String node) throws IOException {
        Files.createDirectories(directory.resolve("spool").resolve(node));
        daemon("slurmd-" + node, List.of("slurmd", "-D", "-N", node));
    }

    /** As {@code kill -9}. */
    void kill(String daemon) {
        Process process = daemons.remove(daemon);
        if (process == null) {
            throw new IllegalArgumentException("no daemon " + daemon);
        }
        process.destroyForcibly();
        process.onExit().orTimeout(30, TimeUnit.SECONDS).join();
    }

    /** As its service is stopped. */
    void stop(String daemon) {
        Process process = daemons.remove(daemon);
        if (process != null) {
            end(process);
        }
    }

    private static void end(Process process) {
        process.destroy();
        try {
            if (!process.waitFor(15, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                process.onExit().orTimeout(15, TimeUnit.SECONDS).join();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    /** What a process needs to talk to this cluster. */
    Map<String, String> environment() {
        return Map.of("SLURM_CONF", directory.resolve("etc/slurm.conf").toString(), "TZ", "UTC");
    }

    String restUrl() {
        return "http://127.0.0.1:" + port("rest");
    }

    /** For root, good for an hour. */
    String token() {
        return ok("scontrol", "token", "username=root", "lifespan=3600")
                .strip()
                .replaceFirst("^SLURM_JWT=", "");
    }

    private static List<String> as(String user, String... command) {
        List<String> all = new ArrayList<>(List.of("setpriv", "--reuid=" + user, "--clear-groups"));
        all.add("--regid=" + (user.equals("nobody") ? "nogroup" : user));
        all.addAll(List.of(command));
        return all;
    }

    /** A job's id. */
    long submit(String user, String... arguments) {
        Answer answer = trySubmit(user, arguments);
        if (answer.exit() != 0) {
            throw new AssertionError(
                    "sbatch %s: %s".formatted(Arrays.toString(arguments), answer.text()));
        }
        return Long.parseLong(answer.text().strip());
    }

    Answer trySubmit(String user, String... arguments) {
        List<String> command =
                new ArrayList<>(List.of("sbatch", "--parsable", "--output=/dev/null"));
        command.addAll(List.of(arguments));
        return say(as(user, command.toArray(new String[0])));
    }

    /** The output of a command that must not fail. */
    String ok(String... command) {
        Answer answer = say(command);
        if (answer.exit() != 0) {
            throw new AssertionError(String.join(" ", command) + ": " + answer.text());
        }
        return answer.text();
    }

    Answer say(String... command) {
        return say(List.of(command));
    }

    private Answer say(List<String> command) {
        try {
            Process process = builder(command).redirectErrorStream(true).start();
            process.getOutputStream().close();
            String text =
                    new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new AssertionError("without an end: " + String.join(" ", command));
            }
            return new Answer(process.exitValue(), text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    private ProcessBuilder builder(List<String> command) {
        List<String> found = new ArrayList<>(command);
        program(command.get(0)).ifPresent(path -> found.set(0, path.toString()));
        ProcessBuilder builder = new ProcessBuilder(found).directory(directory.toFile());
        builder.environment().put("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
        builder.environment().putAll(environment());
        return builder;
    }

    private void daemon(String name, List<String> command) throws IOException {
        Path log = directory.resolve("log").resolve(name + ".out");
        daemons.put(
                name,
                builder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                        .start());
    }

    private void listens(String name) {
        until(
                name + " listens",
                () -> {
                    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port(name))) {
                        return socket.isConnected();
                    } catch (IOException e) {
                        return false; // not yet
                    }
                });
    }

    void until(String what, BooleanSupplier isSo, Duration atMost) {
        Patience.until(what, atMost, isSo);
    }

    void until(String what, BooleanSupplier isSo) {
        Patience.until(what, PATIENCE, isSo);
    }

    /** Nothing runs any more that this cluster started, and its directory is gone. */
    @Override
    public void close() {
        List<String> names = new ArrayList<>(daemons.keySet());
        Collections.reverse(names);
        names.forEach(this::stop);
        steps().forEach(ProcessHandle::destroyForcibly);
        delete();
    }

    /** What jobs started outlives its slurmd; it works in our directory. */
    private List<ProcessHandle> steps() {
        return ProcessHandle.allProcesses()
                .filter(
                        process -> {
                            Path cwd = Path.of("/proc", "" + process.pid(), "cwd");
                            try {
                                return Files.readSymbolicLink(cwd).startsWith(directory);
                            } catch (IOException e) {
                                return false; // gone
                            }
                        })
                .toList();
    }

    private void delete() {
        if (Boolean.getBoolean("gpuledger.slurm.keep")) {
            return;
        }
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

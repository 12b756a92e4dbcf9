package io.gpuledger.local;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;
import org.jspecify.annotations.Nullable;

/**
 * Kafka, ClickHouse and the jobs on one machine, each a process of its own, data and logs in one
 * directory.
 *
 * <p>Any number of commands may use one directory at once. What a command starts because it needs
 * it is stopped by the last command that uses the stack, whichever that is; what {@link
 * #leaveRunning} was said of stays until {@link #down}. A command that is killed counts no more
 * from that instant, and what it started is stopped by the next one to finish (decision 0012).
 */
public final class LocalStack implements AutoCloseable {
    private static final Duration START_TIMEOUT = Duration.ofSeconds(90);
    private static final Duration STOP_TIMEOUT = Duration.ofSeconds(20);
    private static final Duration PROBE_TIMEOUT = Duration.ofSeconds(2);

    /** How long a process that lives may be silent, as on a busy machine, before it is replaced. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final HttpClient HTTP =
            HttpClient.newBuilder().connectTimeout(PROBE_TIMEOUT).build();

    /** Threads of this process; the lock file keeps other processes out. */
    private static final ReentrantLock IN_PROCESS = new ReentrantLock();

    /** Topic to partitions; the registry is small and read whole. */
    private static final Map<String, Integer> TOPICS =
            Map.of(
                    "gpu-telemetry", 4,
                    "job-snapshots", 4,
                    "host-snapshots", 4,
                    "registry", 1,
                    "quota-decisions", 1,
                    "dead-letters", 1);

    /** Of these the last record of each key stays, however old. */
    private static final Set<String> KEPT = Set.of("registry", "quota-decisions");

    /**
     * Where things are.
     *
     * @param data everything that outlives a process
     * @param cache what can be fetched again
     * @param clickHousePort 0: any free port
     * @param kafkaPort 0: any free port
     * @param jobOptions what the jobs are told besides where things are
     */
    public record Options(
            Path data, Path cache, int clickHousePort, int kafkaPort, List<String> jobOptions) {
        public Options {
            jobOptions = List.copyOf(jobOptions);
        }

        public Options(Path data, Path cache, int clickHousePort, int kafkaPort) {
            this(data, cache, clickHousePort, kafkaPort, List.of());
        }

        /** On free ports, with what was fetched for the user before. */
        public static Options in(Path data) {
            Path home = Path.of(System.getProperty("user.home"));
            return new Options(data, home.resolve(".cache").resolve("gpu-ledger"), 0, 0);
        }
    }

    /** What can be said of a service. */
    public enum State {
        UP,
        /** The process lives: it is starting, busy or stuck. */
        NOT_ANSWERING,
        DOWN;

        /** As on screens. */
        public String label() {
            return name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }
    }

    /**
     * One line of {@code status}.
     *
     * @param pid -1: there is no process
     * @param port -1: there is no process
     */
    public record Status(Service service, State state, long pid, int port, String log) {
        public boolean up() {
            return state == State.UP;
        }
    }

    private final Options options;
    private final String work;

    /** Guarded by {@link #IN_PROCESS}; null until something is used. */
    private @Nullable Presence presence;

    /** Guarded by {@link #IN_PROCESS}. */
    private boolean closed;

    private volatile boolean hooked;
    private volatile boolean ending;

    private LocalStack(Options options, String work) {
        this.options = options;
        this.work = work;
    }

    /**
     * A handle on the stack in a directory; nothing is started, nor is the directory created.
     *
     * @param work what it is used for, as other commands are told: {@code backfill}
     */
    public static LocalStack open(Options options, String work) {
        return new LocalStack(options, work);
    }

    /** Whether there ever was a stack in the directory. */
    public boolean exists() {
        return Files.isDirectory(run());
    }

    /**
     * Uses the stack from now on, unless another process does the same work with it.
     *
     * @return the one that does
     */
    public Optional<Presence.Sign> joinUnlessAnotherDoes() {
        List<Presence.Sign> same = new ArrayList<>();
        used(
                () -> {
                    others().stream().filter(o -> o.work().equals(work)).forEach(same::add);
                    if (same.isEmpty()) {
                        join();
                    }
                });
        return same.stream().findFirst();
    }

    /** Starts what of these is down, waits until all answer, and uses the stack from now on. */
    public void ensureUp(Set<Service> services) {
        used(
                () -> {
                    join();
                    for (Service service : Service.values()) {
                        if (services.contains(service) && !settled(service)) {
                            start(service);
                        }
                    }
                    if (services.contains(Service.KAFKA)) {
                        // Again each time: whoever started the broker may have died before this.
                        createTopics();
                    }
                });
    }

    /** What runs and what does not; changes nothing. */
    public List<Status> status() {
        List<Status> all = new ArrayList<>();
        for (Service service : Service.values()) {
            all.add(status(service));
        }
        return all;
    }

    private Status status(Service service) {
        Optional<ServiceRecord> living = note(service).filter(r -> r.process().isPresent());
        if (living.isEmpty()) {
            return new Status(service, State.DOWN, -1, -1, log(service).toString());
        }
        ServiceRecord r = living.get();
        State state = answers(service, r.port()) ? State.UP : State.NOT_ANSWERING;
        return new Status(service, state, r.pid(), r.port(), r.log().toString());
    }

    /** Stops all services, whoever uses them; data stays. */
    public void down() {
        if (exists()) {
            locked(() -> stop(record -> true));
        }
    }

    /**
     * Stops all services unless others use them; data stays.
     *
     * @return those others; empty when all is stopped
     */
    public List<Presence.Sign> downUnlessUsed() {
        List<Presence.Sign> users = new ArrayList<>();
        if (!exists()) {
            return users;
        }
        locked(
                () -> {
                    users.addAll(others());
                    if (users.isEmpty()) {
                        stop(record -> true);
                    }
                });
        return users;
    }

    /** Uses the stack no more; the last to do so stops what was started on demand. */
    @Override
    public void close() {
        // The second of two closers touches no file: the first may be deleting the directory.
        IN_PROCESS.lock();
        try {
            closed = true;
            if (presence != null) {
                locked(this::leave);
            }
        } finally {
            IN_PROCESS.unlock();
        }
    }

    /** All that runs now stays until {@link #down}, whoever started it. */
    public void leaveRunning() {
        locked(
                () -> {
                    for (Service service : Service.values()) {
                        Optional<ServiceRecord> record = ServiceRecord.read(run(), service);
                        if (record.isPresent()) {
                            record.get().lasting().write(run());
                        }
                    }
                });
    }

    /** Everything that outlives a process. */
    public Path directory() {
        return options.data();
    }

    public String clickHouseUrl() {
        return "http://127.0.0.1:" + port(Service.CLICKHOUSE);
    }

    public String kafkaBrokers() {
        return "127.0.0.1:" + port(Service.KAFKA);
    }

    public String flinkUrl() {
        return "http://127.0.0.1:" + port(Service.ATTRIBUTION);
    }

    private int port(Service service) {
        return note(service)
                .orElseThrow(
                        () -> new StackException(service.label() + " is down; run gpu-ledger up"))
                .port();
    }

    private Path run() {
        return options.data().resolve("run");
    }

    private Path log(Service service) {
        return options.data().resolve("logs").resolve(service.label() + ".log");
    }

    private Optional<ServiceRecord> note(Service service) {
        try {
            return ServiceRecord.read(run(), service);
        } catch (IOException e) {
            throw new StackException("cannot read the note of " + service.label(), e);
        }
    }

    private Path users() {
        return run().resolve("users");
    }

    private void join() throws IOException {
        if (presence == null) {
            stopOnExit();
            presence = Presence.show(Files.createDirectories(users()), work);
        }
    }

    private void leave() throws IOException {
        Presence mine = presence;
        presence = null;
        if (mine != null) {
            mine.close();
        }
        Presence.clear(users(), "", dead -> {});
        if (others().isEmpty()) {
            stop(ServiceRecord::onDemand);
        }
    }

    private List<Presence.Sign> others() throws IOException {
        Presence mine = presence;
        return Presence.of(users()).stream()
                .filter(sign -> mine == null || !sign.equals(mine.sign()))
                .toList();
    }

    /** Whether a service answers; one that lives but is silent is given time. */
    private boolean settled(Service service) throws IOException {
        Optional<ServiceRecord> record = ServiceRecord.read(run(), service);
        Optional<ProcessHandle> process = record.flatMap(ServiceRecord::process);
        if (record.isEmpty() || process.isEmpty()) {
            return false;
        }
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!answers(service, record.get().port())) {
            if (ending) {
                throw new StackException("interrupted while waiting for " + service.label());
            }
            if (endsWithin(process.get(), 200)) {
                return false;
            }
            if (System.nanoTime() > deadline) {
                refuseToReplace(record.get());
                return false;
            }
        }
        return true;
    }

    /** What is slow for this command may be at work for another one. */
    private void refuseToReplace(ServiceRecord record) throws IOException {
        List<Presence.Sign> users = others();
        if (!users.isEmpty()) {
            throw new StackException(
                    "%s (process %d) does not answer for %d s and %s uses it; wait for that, or stop all with gpu-ledger down --force"
                            .formatted(
                                    record.service().label(),
                                    record.pid(),
                                    PATIENCE.toSeconds(),
                                    users.get(0)));
        }
    }

    private static boolean endsWithin(ProcessHandle process, long milliseconds) {
        try {
            process.onExit().get(milliseconds, TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            throw new StackException("cannot watch process " + process.pid(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new StackException("interrupted while waiting for process " + process.pid(), e);
        }
    }

    /** Ctrl-C ends this process without close, and the services are out of the terminal's reach. */
    private void stopOnExit() {
        if (hooked) {
            return;
        }
        hooked = true;
        Runtime.getRuntime()
                .addShutdownHook(
                        new Thread(
                                () -> {
                                    ending = true;
                                    close();
                                },
                                "stop-local-stack"));
    }

    private void start(Service service) throws IOException {
        int before = ServiceRecord.read(run(), service).map(ServiceRecord::port).orElse(0);
        // A process that lives but does not answer would hold the port and the data.
        stopOne(service);
        int port =
                switch (service) {
                    case CLICKHOUSE -> usable(service, options.clickHousePort(), before);
                    case KAFKA -> usable(service, options.kafkaPort(), before);
                    case ATTRIBUTION, QUOTA -> usable(service, 0, before);
                };
        boolean known = service == Service.CLICKHOUSE || service == Service.KAFKA;
        if (before != 0 && port != before && known) {
            // The jobs were told the old address; they are started again where they are wanted.
            stopOne(Service.ATTRIBUTION);
            stopOne(Service.QUOTA);
        }
        Path log = log(service);
        List<String> command = command(service, port);
        ServiceLog.rotate(log, ServiceLog.LIMIT);
        if (ending) {
            throw new StackException("interrupted before starting " + service.label());
        }
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                        .redirectInput(ProcessBuilder.Redirect.from(nothing().toFile()))
                        .start();
        long started = process.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
        new ServiceRecord(service, process.pid(), started, port, log, true).write(run());
        try {
            await(service, process, port, log);
        } catch (StackException e) {
            stopOne(service);
            throw e;
        }
    }

    private static Path nothing() {
        return Path.of("/dev/null");
    }

    private List<String> command(Service service, int port) throws IOException {
        List<String> java = new ArrayList<>();
        java.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        java.add("-Dorg.apache.avro.SERIALIZABLE_PACKAGES=io.gpuledger.schemas");
        for (String opened : List.of("java.util", "java.lang", "java.time")) {
            java.add("--add-opens=java.base/" + opened + "=ALL-UNNAMED");
        }
        // A crash must not leave its report, or a core, wherever the command was called.
        java.add("-XX:ErrorFile=" + log(service).resolveSibling(service.label() + "-crash.log"));
        java.add("-XX:-CreateCoredumpOnCrash");
        java.add(ServiceLog.option(log(service)));
        String classPath = System.getProperty("java.class.path");
        switch (service) {
            case CLICKHOUSE -> {
                Path library = ClickHouseLibrary.install(options.cache());
                java.addAll(
                        List.of(
                                "-Xmx128m",
                                "-XX:+UseSerialGC",
                                "-cp",
                                classPath,
                                ClickHouseServer.class.getName(),
                                library.toString(),
                                options.data().resolve("clickhouse").toString(),
                                Integer.toString(port),
                                Integer.toString(free())));
            }
            case KAFKA ->
                    java.addAll(
                            List.of(
                                    "-Xmx512m",
                                    "-XX:+UseSerialGC",
                                    "-cp",
                                    classPath,
                                    KafkaBroker.class.getName(),
                                    options.data().resolve("kafka").toString(),
                                    Integer.toString(port),
                                    Integer.toString(free())));
            case ATTRIBUTION -> job(java, classPath, "-Xmx2g", "attribution", port);
            case QUOTA -> job(java, classPath, "-Xmx1g", "quota", port);
        }
        return java;
    }

    private void job(List<String> java, String classPath, String heap, String name, int webPort) {
        java.addAll(
                List.of(
                        heap,
                        "-XX:+UseParallelGC",
                        "-cp",
                        classPath,
                        "io.gpuledger.cli.GpuLedger",
                        "--data",
                        options.data().toString(),
                        "--clickhouse",
                        clickHouseUrl(),
                        "--kafka",
                        kafkaBrokers()));
        java.addAll(options.jobOptions());
        java.addAll(
                List.of(
                        "run",
                        name,
                        "--detached-from-terminal",
                        "--idle-seconds",
                        "5",
                        "--web-port",
                        Integer.toString(webPort)));
    }

    private void await(Service service, Process process, int port, Path log) {
        long deadline = System.nanoTime() + START_TIMEOUT.toNanos();
        while (System.nanoTime() < deadline) {
            if (ending) {
                throw new StackException("interrupted while starting " + service.label());
            }
            if (!process.isAlive()) {
                throw new StackException(
                        "%s ended while starting (status %d); see %s"
                                .formatted(service.label(), process.exitValue(), log));
            }
            if (answers(service, port)) {
                return;
            }
            try {
                // Waking early is right: the process has ended.
                process.waitFor(200, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new StackException("interrupted while starting " + service.label(), e);
            }
        }
        throw new StackException(
                "%s does not answer on port %d after %d s; see %s"
                        .formatted(service.label(), port, START_TIMEOUT.toSeconds(), log));
    }

    private boolean answers(Service service, int port) {
        return switch (service) {
            // Not /ping: that answers while the tables are not there yet, or no more.
            case CLICKHOUSE ->
                    http(
                            "http://127.0.0.1:%d/?query=SELECT%%20count()%%20FROM%%20system.tables"
                                    .formatted(port));
            case ATTRIBUTION, QUOTA -> http("http://127.0.0.1:" + port + "/overview");
            case KAFKA -> kafka(port);
        };
    }

    private static boolean http(String url) {
        HttpRequest request =
                HttpRequest.newBuilder(URI.create(url)).timeout(PROBE_TIMEOUT).build();
        CompletableFuture<Integer> status =
                HTTP.sendAsync(request, HttpResponse.BodyHandlers.discarding())
                        .thenApply(HttpResponse::statusCode)
                        .exceptionally(e -> 0);
        return status.join() == 200;
    }

    private static Properties adminProperties(String brokers) {
        Properties p = new Properties();
        p.put(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        p.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, "5000");
        p.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, "2000");
        return p;
    }

    /** The port is tried first: the client would log every refusal. */
    private static boolean kafka(int port) {
        try (java.net.Socket socket = new java.net.Socket()) {
            socket.connect(
                    new java.net.InetSocketAddress(InetAddress.getLoopbackAddress(), port), 500);
        } catch (IOException e) {
            return false;
        }
        try (Admin admin = Admin.create(adminProperties("127.0.0.1:" + port))) {
            return !admin.describeCluster()
                    .nodes()
                    .get(PROBE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)
                    .isEmpty();
        } catch (ExecutionException | TimeoutException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private void createTopics() {
        try (Admin admin = Admin.create(adminProperties(kafkaBrokers()))) {
            Set<String> present = admin.listTopics().names().get(10, TimeUnit.SECONDS);
            List<NewTopic> missing = new ArrayList<>();
            TOPICS.forEach(
                    (name, partitions) -> {
                        if (!present.contains(name)) {
                            NewTopic topic = new NewTopic(name, partitions, (short) 1);
                            missing.add(
                                    KEPT.contains(name)
                                            ? topic.configs(Map.of("cleanup.policy", "compact"))
                                            : topic);
                        }
                    });
            admin.createTopics(missing).all().get(10, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new StackException("cannot create topics: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new StackException("interrupted while creating topics", e);
        }
    }

    /** In reverse of the order in which they need each other. */
    private void stop(Predicate<ServiceRecord> which) throws IOException {
        List<Service> reverse = new ArrayList<>(List.of(Service.values()));
        Collections.reverse(reverse);
        for (Service service : reverse) {
            if (ServiceRecord.read(run(), service).filter(which).isPresent()) {
                stopOne(service);
            }
        }
    }

    private void stopOne(Service service) throws IOException {
        Optional<ProcessHandle> process =
                ServiceRecord.read(run(), service).flatMap(ServiceRecord::process);
        if (process.isPresent()) {
            process.get().destroy();
            try {
                process.get().onExit().get(STOP_TIMEOUT.toSeconds(), TimeUnit.SECONDS);
            } catch (TimeoutException | ExecutionException e) {
                process.get().destroyForcibly();
                process.get().onExit().join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new StackException("interrupted while stopping " + service.label(), e);
            }
        }
        ServiceRecord.delete(run(), service);
    }

    private static int free() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static boolean isFree(int port) {
        try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.isBound();
        } catch (IOException e) {
            return false; // somebody else has it: that is the answer, not a failure
        }
    }

    /** The port asked for, else the one it had: what still runs knows it by that; else any. */
    private static int usable(Service service, int port, int before) throws IOException {
        if (port == 0) {
            return before != 0 && isFree(before) ? before : free();
        }
        try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new StackException(
                    "port %d for %s is in use; stop what listens there or give another with --%s-port"
                            .formatted(port, service.label(), service.label()),
                    e);
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    /** One at a time, here and in other processes: starts, stops and counts who is there. */
    private void locked(Work work) {
        IN_PROCESS.lock();
        try (FileChannel channel =
                        FileChannel.open(
                                run().resolve("lock"),
                                StandardOpenOption.CREATE,
                                StandardOpenOption.WRITE);
                FileLock lock = channel.lock()) {
            if (!lock.isValid()) {
                throw new StackException("the lock in " + run() + " was lost");
            }
            work.run();
        } catch (IOException e) {
            throw new StackException(
                    "local stack in %s: %s".formatted(options.data(), e.getMessage()), e);
        } finally {
            IN_PROCESS.unlock();
        }
    }

    /** What a command that ends has closed must not come to life again, nor its directory. */
    private void used(Work work) {
        IN_PROCESS.lock();
        try {
            if (closed) {
                throw new StackException("interrupted: the stack in %s is closed".formatted(run()));
            }
            createDirectories();
            locked(work);
        } finally {
            IN_PROCESS.unlock();
        }
    }

    private void createDirectories() {
        try {
            Files.createDirectories(run());
            Files.createDirectories(options.data().resolve("logs"));
        } catch (IOException e) {
            throw new StackException(
                    "cannot write in %s (%s); give another --data directory"
                            .formatted(options.data(), e.getMessage()),
                    e);
        }
    }
}

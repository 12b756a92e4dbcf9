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
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;

/**
 * Kafka, ClickHouse and the jobs on one machine, each a process of its own, data and logs in one
 * directory. A handle stops on close what it started and leaves alone what it found.
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

    /**
     * Where things are.
     *
     * @param data everything that outlives a process
     * @param cache what can be fetched again
     * @param clickHousePort 0: any free port
     * @param kafkaPort 0: any free port
     * @param jobOptions what the attribution job is told besides where things are
     */
    public record Options(
            Path data, Path cache, int clickHousePort, int kafkaPort, List<String> jobOptions) {
        public Options {
            jobOptions = List.copyOf(jobOptions);
        }

        public Options(Path data, Path cache, int clickHousePort, int kafkaPort) {
            this(data, cache, clickHousePort, kafkaPort, List.of());
        }
    }

    /** One line of {@code status}. */
    public record Status(Service service, boolean up, long pid, int port, String log) {}

    private final Options options;
    private final Set<Service> startedHere = ConcurrentHashMap.newKeySet();
    private volatile boolean hooked;
    private volatile boolean ending;

    private LocalStack(Options options) {
        this.options = options;
    }

    /** A handle on the stack in a directory; nothing is started. */
    public static LocalStack open(Options options) {
        try {
            Files.createDirectories(options.data().resolve("run"));
            Files.createDirectories(options.data().resolve("logs"));
        } catch (IOException e) {
            throw new StackException(
                    "cannot write in %s (%s); give another --data directory"
                            .formatted(options.data(), e.getMessage()),
                    e);
        }
        return new LocalStack(options);
    }

    /** Starts what of these is down and waits until all answer. */
    public void ensureUp(Set<Service> services) {
        locked(
                () -> {
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

    /** What runs and what does not. */
    public List<Status> status() {
        List<Status> all = new ArrayList<>();
        for (Service service : Service.values()) {
            Optional<ServiceRecord> record = healthy(service);
            all.add(
                    record.map(
                                    r ->
                                            new Status(
                                                    service,
                                                    true,
                                                    r.pid(),
                                                    r.port(),
                                                    r.log().toString()))
                            .orElse(new Status(service, false, -1, -1, log(service).toString())));
        }
        return all;
    }

    /** Stops all services; data stays. */
    public void down() {
        stop(EnumSet.allOf(Service.class));
    }

    /** Stops what this handle started. */
    @Override
    public void close() {
        // The second of two closers touches no file: the first may be deleting the directory.
        IN_PROCESS.lock();
        try {
            if (!startedHere.isEmpty()) {
                stop(Set.copyOf(startedHere));
                startedHere.clear();
            }
        } finally {
            IN_PROCESS.unlock();
        }
    }

    /** Services stay up after this handle is gone. */
    public void leaveRunning() {
        startedHere.clear();
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
        try {
            return ServiceRecord.read(run(), service)
                    .orElseThrow(
                            () ->
                                    new StackException(
                                            service.label() + " is down; run gpu-ledger up"))
                    .port();
        } catch (IOException e) {
            throw new StackException("cannot read the note of " + service.label(), e);
        }
    }

    private Path run() {
        return options.data().resolve("run");
    }

    private Path log(Service service) {
        return options.data().resolve("logs").resolve(service.label() + ".log");
    }

    private Optional<ServiceRecord> healthy(Service service) {
        try {
            return ServiceRecord.read(run(), service)
                    .filter(r -> r.process().isPresent())
                    .filter(r -> answers(service, r.port()));
        } catch (IOException e) {
            throw new StackException("cannot read the note of " + service.label(), e);
        }
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
            if (System.nanoTime() > deadline || endsWithin(process.get(), 200)) {
                return false;
            }
        }
        return true;
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
        stopOnExit();
        int before = ServiceRecord.read(run(), service).map(ServiceRecord::port).orElse(0);
        // A process that lives but does not answer would hold the port and the data.
        stopOne(service);
        int port =
                switch (service) {
                    case CLICKHOUSE -> usable(service, options.clickHousePort(), before);
                    case KAFKA -> usable(service, options.kafkaPort(), before);
                    case ATTRIBUTION -> usable(service, 0, before);
                };
        if (before != 0 && port != before && service != Service.ATTRIBUTION) {
            // The job was told the old address; it is started again where it is wanted.
            stopOne(Service.ATTRIBUTION);
        }
        List<String> command = command(service, port);
        Path log = log(service);
        if (ending) {
            throw new StackException("interrupted before starting " + service.label());
        }
        startedHere.add(service);
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                        .redirectInput(ProcessBuilder.Redirect.from(nothing().toFile()))
                        .start();
        long started = process.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
        new ServiceRecord(service, process.pid(), started, port, log).write(run());
        try {
            await(service, process, port, log);
        } catch (StackException e) {
            stopOne(service);
            startedHere.remove(service);
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
            case ATTRIBUTION -> {
                java.addAll(
                        List.of(
                                "-Xmx2g",
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
                                "attribution",
                                "--detached-from-terminal",
                                "--idle-seconds",
                                "5",
                                "--web-port",
                                Integer.toString(port)));
            }
        }
        return java;
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
            case CLICKHOUSE -> http("http://127.0.0.1:" + port + "/ping");
            case ATTRIBUTION -> http("http://127.0.0.1:" + port + "/overview");
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
                                    name.equals("registry")
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

    private void stop(Set<Service> services) {
        locked(
                () -> {
                    List<Service> reverse = new ArrayList<>(services);
                    reverse.sort(java.util.Comparator.reverseOrder());
                    for (Service service : reverse) {
                        stopOne(service);
                    }
                });
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

    /** Two commands at once must not start a service twice. */
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
}

package io.gpuledger.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real services in real processes; the first run fetches the ClickHouse library with npm. */
class LocalStackIT {
    private static final Set<Service> BOTH = EnumSet.of(Service.CLICKHOUSE, Service.KAFKA);
    private static final String TOPIC = "job-snapshots";
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    @TempDir Path directory;

    @Test
    void dataOutlivesKilledProcesses() throws Exception {
        try (LocalStack stack = open(0)) {
            stack.ensureUp(BOTH);
            assertThat(sql(stack, "SELECT 1")).isEqualTo("1");
            sql(stack, "CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n");
            sql(stack, "INSERT INTO kept VALUES (7)");
            produce(stack, "before");
            Map<Service, Long> first = pids(stack);
            String brokers = stack.kafkaBrokers();
            String clickHouse = stack.clickHouseUrl();

            for (long pid : first.values()) {
                kill(pid);
            }
            assertThat(pids(stack)).isEmpty();

            stack.ensureUp(BOTH);
            assertThat(pids(stack)).hasSize(2).doesNotContainValue(-1L).isNotEqualTo(first);
            // A job that runs on knows both by their addresses.
            assertThat(stack.kafkaBrokers()).isEqualTo(brokers);
            assertThat(stack.clickHouseUrl()).isEqualTo(clickHouse);
            assertThat(sql(stack, "SELECT n FROM kept")).isEqualTo("7");
            assertThat(consume(stack)).containsExactly("before");
        }
    }

    @Test
    void repeatingChangesNothingAndDownStopsAll() throws Exception {
        try (LocalStack stack = open(0)) {
            stack.ensureUp(BOTH);
            Map<Service, Long> first = pids(stack);
            stack.ensureUp(BOTH);
            assertThat(pids(stack)).isEqualTo(first);
            assertThat(topics(stack))
                    .containsExactlyInAnyOrder(
                            "gpu-telemetry",
                            "job-snapshots",
                            "host-snapshots",
                            "registry",
                            "quota-decisions",
                            "dead-letters");
            stack.down();
            assertThat(pids(stack)).isEmpty();
            assertThat(first.values()).noneMatch(LocalStackIT::alive);
        }
    }

    @Test
    void closingStopsOnlyWhatTheHandleStarted() {
        try (LocalStack owner = open(0)) {
            owner.ensureUp(EnumSet.of(Service.CLICKHOUSE));
            Map<Service, Long> first = pids(owner);
            try (LocalStack guest = open(0)) {
                guest.ensureUp(EnumSet.of(Service.CLICKHOUSE));
                assertThat(pids(guest)).isEqualTo(first);
            }
            assertThat(pids(owner)).isEqualTo(first);
        }
        try (LocalStack later = open(0)) {
            assertThat(pids(later)).isEmpty();
        }
    }

    @Test
    void twoAtOnceStartOneServer() throws Exception {
        try (LocalStack one = open(0);
                LocalStack other = open(0)) {
            CompletableFuture<Void> both =
                    CompletableFuture.allOf(
                            CompletableFuture.runAsync(
                                    () -> one.ensureUp(EnumSet.of(Service.CLICKHOUSE))),
                            CompletableFuture.runAsync(
                                    () -> other.ensureUp(EnumSet.of(Service.CLICKHOUSE))));
            both.get(120, TimeUnit.SECONDS);
            assertThat(pids(one)).hasSize(1).isEqualTo(pids(other));
        }
        try (LocalStack later = open(0)) {
            assertThat(pids(later)).isEmpty();
        }
    }

    @Test
    void closingTwiceLeavesADeletedDirectoryAlone() throws Exception {
        LocalStack stack = open(0);
        stack.ensureUp(EnumSet.of(Service.CLICKHOUSE));
        stack.close();
        Path run = directory.resolve("run");
        try (Stream<Path> files = java.nio.file.Files.list(run)) {
            for (Path file : files.toList()) {
                java.nio.file.Files.delete(file);
            }
        }
        java.nio.file.Files.delete(run);
        stack.close();
        // As when Ctrl-C closes it under a command that is about to start the next service.
        assertThatThrownBy(() -> stack.ensureUp(BOTH)).isInstanceOf(StackException.class);
        assertThat(run).doesNotExist();
    }

    @Test
    void theLastOfTwoCommandsStopsWhatTheFirstStarted() throws Exception {
        try (StackUser first = StackUser.start(directory, "first");
                StackUser second = StackUser.start(directory, "second");
                LocalStack watcher = open(0)) {
            Map<Service, Long> running = pids(watcher);
            first.finish();
            assertThat(pids(watcher)).hasSize(1).isEqualTo(running);
            assertThat(sql(watcher, "SELECT 1")).isEqualTo("1");
            second.finish();
            assertThat(pids(watcher)).isEmpty();
            assertThat(running.values()).noneMatch(LocalStackIT::alive);
        }
    }

    @Test
    void aKilledCommandIsNotCountedAndWhatItStartedIsStoppedByTheNext() throws Exception {
        try (StackUser killed = StackUser.start(directory, "killed");
                LocalStack watcher = open(0)) {
            Map<Service, Long> running = pids(watcher);
            kill(killed.pid());
            assertThat(pids(watcher)).hasSize(1).isEqualTo(running);
            try (LocalStack next = open(0)) {
                next.ensureUp(EnumSet.of(Service.CLICKHOUSE));
                assertThat(pids(next)).isEqualTo(running);
            }
            assertThat(pids(watcher)).isEmpty();
            assertThat(directory.resolve("run").resolve("users")).isEmptyDirectory();
        }
    }

    @Test
    void upKeepsWhatACommandStartedAndDownNamesWhoUsesIt() throws Exception {
        try (StackUser user = StackUser.start(directory, "backfill");
                LocalStack watcher = open(0)) {
            Map<Service, Long> running = pids(watcher);
            try (LocalStack up = open(0)) {
                up.ensureUp(EnumSet.of(Service.CLICKHOUSE));
                up.leaveRunning();
            }
            assertThat(watcher.downUnlessUsed())
                    .singleElement()
                    .hasToString("backfill (process " + user.pid() + ")");
            user.finish();
            assertThat(pids(watcher)).hasSize(1).isEqualTo(running);
            assertThat(watcher.downUnlessUsed()).isEmpty();
            assertThat(pids(watcher)).isEmpty();
        }
    }

    @Test
    void theSameWorkAtOnceIsToldOfTheOther() throws Exception {
        try (StackUser user = StackUser.start(directory, "test");
                LocalStack twin = open(0)) {
            assertThat(twin.joinUnlessAnotherDoes())
                    .hasValueSatisfying(o -> assertThat(o.pid()).isEqualTo(user.pid()));
            user.finish();
            assertThat(twin.joinUnlessAnotherDoes()).isEmpty();
        }
    }

    @Test
    void aServiceThatIsSilentIsNotCalledDown() throws Exception {
        try (LocalStack stack = open(0)) {
            stack.ensureUp(EnumSet.of(Service.CLICKHOUSE));
            LocalStack.Status up = clickHouse(stack);
            assertThat(up.state()).isEqualTo(LocalStack.State.UP);
            signal("STOP", up.pid());
            try {
                LocalStack.Status silent = clickHouse(stack);
                assertThat(silent.state()).isEqualTo(LocalStack.State.NOT_ANSWERING);
                assertThat(silent.pid()).isEqualTo(up.pid());
                assertThat(silent.port()).isEqualTo(up.port());
            } finally {
                signal("CONT", up.pid());
            }
        }
    }

    @Test
    void askingForAStackThatIsNotThereCreatesNothing() {
        Path absent = directory.resolve("absent");
        try (LocalStack stack =
                LocalStack.open(new LocalStack.Options(absent, cache(), 0, 0), "test")) {
            assertThat(stack.exists()).isFalse();
            assertThat(stack.status())
                    .extracting(LocalStack.Status::state)
                    .containsOnly(LocalStack.State.DOWN);
            stack.down();
            assertThat(stack.downUnlessUsed()).isEmpty();
        }
        assertThat(absent).doesNotExist();
    }

    @Test
    void clickHouseEndsQuietly() throws Exception {
        try (LocalStack stack = open(0)) {
            stack.ensureUp(EnumSet.of(Service.CLICKHOUSE));
            sql(stack, "CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n");
            sql(stack, "INSERT INTO t VALUES (7)");
        }
        Path logs = directory.resolve("logs");
        assertThat(logs).isDirectoryNotContaining("glob:**crash*");
        assertThat(java.nio.file.Files.readString(logs.resolve("clickhouse.log")))
                .doesNotContain("Fatal", "Exception", "<Warning>");
    }

    @Test
    void aTakenPortIsNamed() throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                LocalStack stack = open(taken.getLocalPort())) {
            assertThatThrownBy(() -> stack.ensureUp(EnumSet.of(Service.CLICKHOUSE)))
                    .isInstanceOf(StackException.class)
                    .hasMessageContaining("port " + taken.getLocalPort())
                    .hasMessageContaining("--clickhouse-port");
        }
    }

    @Test
    void aFailedStartNamesTheLogAndLeavesNoProcess() throws IOException {
        // A file where the data directory should be: the server ends at once.
        java.nio.file.Files.writeString(directory.resolve("kafka"), "in the way");
        try (LocalStack stack = open(0)) {
            assertThatThrownBy(() -> stack.ensureUp(EnumSet.of(Service.KAFKA)))
                    .isInstanceOf(StackException.class)
                    .hasMessageContaining("kafka.log");
            assertThat(directory.resolve("run").resolve("kafka.properties")).doesNotExist();
        }
    }

    private LocalStack open(int clickHousePort) {
        return LocalStack.open(
                new LocalStack.Options(directory, cache(), clickHousePort, 0), "test");
    }

    static Path cache() {
        String cache = System.getenv("GPU_LEDGER_CACHE");
        return cache != null
                ? Path.of(cache)
                : Path.of(System.getProperty("user.home"), ".cache", "gpu-ledger");
    }

    private static Map<Service, Long> pids(LocalStack stack) {
        return stack.status().stream()
                .filter(LocalStack.Status::up)
                .collect(Collectors.toMap(LocalStack.Status::service, LocalStack.Status::pid));
    }

    private static void kill(long pid) throws Exception {
        ProcessHandle process = ProcessHandle.of(pid).orElseThrow();
        assertThat(process.destroyForcibly()).isTrue();
        process.onExit().get(30, TimeUnit.SECONDS);
    }

    private static LocalStack.Status clickHouse(LocalStack stack) {
        return stack.status().stream()
                .filter(s -> s.service() == Service.CLICKHOUSE)
                .findFirst()
                .orElseThrow();
    }

    private static void signal(String name, long pid) throws Exception {
        Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(pid)).start();
        assertThat(kill.waitFor()).isZero();
    }

    private static boolean alive(long pid) {
        return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }

    private static String sql(LocalStack stack, String statement) throws Exception {
        HttpResponse<String> answer =
                HTTP.send(
                        HttpRequest.newBuilder(URI.create(stack.clickHouseUrl()))
                                .POST(HttpRequest.BodyPublishers.ofString(statement))
                                .timeout(Duration.ofSeconds(20))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return answer.body().strip();
    }

    private static Set<String> topics(LocalStack stack) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", stack.kafkaBrokers()))) {
            return admin.listTopics().names().get(20, TimeUnit.SECONDS);
        }
    }

    private static void produce(LocalStack stack, String value) throws Exception {
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(
                        Map.of("bootstrap.servers", stack.kafkaBrokers(), "acks", "all"),
                        new StringSerializer(),
                        new StringSerializer())) {
            producer.send(new ProducerRecord<>(TOPIC, 0, null, value)).get(20, TimeUnit.SECONDS);
        }
    }

    private static List<String> consume(LocalStack stack) {
        TopicPartition partition = new TopicPartition(TOPIC, 0);
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(
                        Map.of("bootstrap.servers", stack.kafkaBrokers()),
                        new StringDeserializer(),
                        new StringDeserializer())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            while (System.nanoTime() < deadline) {
                List<String> values =
                        consumer.poll(Duration.ofMillis(500)).records(partition).stream()
                                .map(r -> r.value())
                                .toList();
                if (!values.isEmpty()) {
                    return values;
                }
            }
            throw new AssertionError("no record in " + partition + " after 30 s");
        }
    }
}

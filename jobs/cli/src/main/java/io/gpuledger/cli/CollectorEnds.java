package io.gpuledger.cli;

import io.gpuledger.cli.config.Keys;
import io.gpuledger.collectors.dcgm.RemoteWrite;
import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.kafka.KafkaPublisher;
import io.gpuledger.collectors.live.AccessToken;
import io.gpuledger.collectors.live.CollectorMetrics;
import io.gpuledger.collectors.live.CollectorServer;
import io.gpuledger.collectors.live.CountedDelivery;
import io.gpuledger.collectors.slurm.live.SlurmCollector;
import io.gpuledger.local.LocalStack;
import io.gpuledger.schemas.DeadLetterRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** What every collector has: the way to Kafka, its metrics, and a server that shows them. */
final class CollectorEnds implements AutoCloseable {
    /** A thread that scrapes must not wait long for one record: it has others. */
    private static final Duration BLOCK = Duration.ofSeconds(2);

    /** Kafka may be away for this long before anything is lost, while the buffer holds it. */
    private static final Duration DELIVERY = Duration.ofMinutes(10);

    /** Of one that asks on: as long as this it says nothing of Kafka being away. */
    private static final Duration ACKNOWLEDGE = Duration.ofSeconds(30);

    /** Prometheus gives up after 30 s by default, and would not hear that it should send again. */
    private static final Duration ANSWER = Duration.ofSeconds(20);

    private final LocalStack stack;
    private final CountedDelivery delivery;
    private final KafkaPublisher publisher;
    private final CollectorMetrics metrics;
    private final Optional<AccessToken> token;
    private @Nullable CollectorServer server;
    private @Nullable InetSocketAddress address;

    private CollectorEnds(
            LocalStack stack,
            CountedDelivery delivery,
            KafkaPublisher publisher,
            CollectorMetrics metrics,
            Optional<AccessToken> token) {
        this.stack = stack;
        this.delivery = delivery;
        this.publisher = publisher;
        this.metrics = metrics;
        this.token = token;
    }

    static CollectorEnds open(GpuLedger ledger, CollectorMetrics metrics) {
        Optional<AccessToken> token = token(ledger.configuration().get(Keys.COLLECT_TOKEN_FILE));
        LocalStack stack = ledger.stack();
        CountedDelivery delivery = new CountedDelivery(metrics);
        return new CollectorEnds(
                stack,
                delivery,
                new KafkaPublisher(
                        ledger.brokers(stack), Clock.systemUTC(), delivery, BLOCK, DELIVERY),
                metrics,
                token);
    }

    private static Optional<AccessToken> token(Optional<Path> file) {
        try {
            return file.isEmpty() ? Optional.empty() : Optional.of(AccessToken.in(file.get()));
        } catch (IOException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    /** The first line of a file with a secret. */
    static Optional<String> firstLine(Optional<Path> file) {
        if (file.isEmpty()) {
            return Optional.empty();
        }
        try {
            return Files.readString(file.get()).lines().findFirst().map(String::strip);
        } catch (IOException e) {
            throw new UsageException(
                    "%s cannot be read (%s); check the path and its rights"
                            .formatted(file.get(), e.getClass().getSimpleName()));
        }
    }

    /** To Kafka, counted. */
    InputSink sink() {
        return new Counted();
    }

    KafkaPublisher publisher() {
        return publisher;
    }

    /** A server that does not listen yet; null where none is wanted. */
    @Nullable CollectorServer serve(Optional<InetSocketAddress> listen, int bodyLimit) {
        if (listen.isEmpty()) {
            return null;
        }
        try {
            address = listen.get();
            server = CollectorServer.on(address, metrics, token, bodyLimit);
            return server;
        } catch (IOException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    void listen() {
        if (server != null && address != null) {
            try {
                server.start(address);
            } catch (IOException e) {
                throw new UsageException(String.valueOf(e.getMessage()));
            }
        }
    }

    /** For a sentence that ends with where this can be watched. */
    String where() {
        return server == null || address == null
                ? ""
                : ", watched at http://%s:%d/metrics"
                        .formatted(address.getHostString(), server.port());
    }

    Map<String, String> troubles() {
        return delivery.lost() == 0
                ? Map.of()
                : Map.of("kafka", delivery.lost() + " records were not taken; see the log");
    }

    /**
     * Tells its one holder whether Kafka took everything since it was last asked. What another lost
     * at the same time counts too: sending again harms nothing.
     */
    SlurmCollector.Delivered delivered() {
        return new Receipts();
    }

    private final class Receipts implements SlurmCollector.Delivered {
        private long lost = delivery.lost();
        private boolean late;

        @Override
        public boolean all() {
            late = !publisher.flushed(ACKNOWLEDGE);
            long before = lost;
            lost = delivery.lost();
            return !late && before == lost;
        }

        @Override
        public boolean waiting() {
            late = late && !publisher.flushed(ACKNOWLEDGE);
            return late;
        }
    }

    /** Reads a body whole or not at all. */
    interface BodyReader {
        void read(byte[] body, String origin, InputSink sink)
                throws RemoteWrite.BadRequestException, InputException;
    }

    /** The sender is told that all is well when Kafka has it. */
    CollectorServer.Receiver receiver(BodyReader reader) {
        return (body, from) -> {
            long lostBefore = delivery.lost();
            try {
                reader.read(body, from, sink());
            } catch (RemoteWrite.BadRequestException | InputException e) {
                throw new CollectorServer.BadRequest(String.valueOf(e.getMessage()));
            }
            if (!publisher.flushed(ANSWER) || delivery.lost() != lostBefore) {
                throw new CollectorServer.Busy("Kafka does not take records; send it again");
            }
        };
    }

    /** Until Ctrl-C. */
    void untilStopped() throws InterruptedException {
        CountDownLatch stopped = new CountDownLatch(1);
        Thread hook =
                new Thread(
                        () -> {
                            // What was scraped goes to Kafka first.
                            publisher.close();
                            stopped.countDown();
                        },
                        "stop-collector");
        Runtime.getRuntime().addShutdownHook(hook);
        stopped.await();
    }

    @Override
    public void close() {
        if (server != null) {
            server.close();
        }
        publisher.close();
        stack.close();
    }

    private final class Counted implements InputSink {
        @Override
        public void job(JobSnapshotRecord r) {
            publisher.job(r);
        }

        @Override
        public void host(HostSnapshotRecord r) {
            publisher.host(r);
        }

        @Override
        public void heartbeat(SchedulerHeartbeatRecord r) {
            publisher.heartbeat(r);
        }

        @Override
        public void scrape(HostScrapeRecord r) {
            publisher.scrape(r);
        }

        @Override
        public void deadLetter(DeadLetterRecord r) {
            publisher.deadLetter(r);
        }

        @Override
        public void count(InputCount c) {
            publisher.count(c);
            metrics.count(c);
        }
    }
}

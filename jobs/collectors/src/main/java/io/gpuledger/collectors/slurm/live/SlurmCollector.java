package io.gpuledger.collectors.slurm.live;

import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.live.CollectorMetrics;
import io.gpuledger.collectors.slurm.SlurmFileReader;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks a Slurm for as long as it runs. The controller tells who holds what now, with the cards;
 * accounting tells what really happened, for all of the time that nobody asked. Neither alone is
 * enough (slurm-facts: "For the engine").
 *
 * <p>What the collector remembers it can lose: after a restart accounting is asked for all of its
 * reach, and everything that Kafka gets twice merges into the same.
 */
public final class SlurmCollector {
    private static final Logger LOG = LoggerFactory.getLogger(SlurmCollector.class);

    /**
     * How and how often to ask.
     *
     * @param zone of times without one
     * @param poll between two questions for jobs
     * @param nodes between two for nodes and reservations
     * @param accounting between two for accounting
     * @param overlap how far accounting is asked back each time: rows are rewritten
     * @param reach how far it is asked back at the start and once an hour
     * @param accountingLag what is younger than this may not have come to accounting
     */
    public record Settings(
            String cluster,
            ZoneId zone,
            Duration poll,
            Duration nodes,
            Duration accounting,
            Duration overlap,
            Duration reach,
            Duration accountingLag) {}

    /** What became of the records that its one holder sent. */
    public interface Delivered {
        /** Whether Kafka took everything since the last call, within some time. */
        boolean all();

        /**
         * Whether what was too late for {@link #all} still waits for Kafka. Sent again and again it
         * would fill the buffer with copies of itself.
         */
        default boolean waiting() {
            return false;
        }
    }

    private static final Duration WHOLE_REACH_EVERY = Duration.ofHours(1);

    private final Settings settings;
    private final SlurmSource source;
    private final InputSink sink;
    private final Delivered delivered;
    private final CollectorMetrics metrics;
    private final Clock clock;
    private final Path directory;
    private final SettledRows settled;
    private final Map<String, String> troubles = new ConcurrentSkipListMap<>();
    private long accountedToMs = Long.MIN_VALUE;
    private long wholeReachAtMs = Long.MIN_VALUE;

    /**
     * A collector that has not asked yet.
     *
     * @param directory where an answer lies while it is read
     */
    public SlurmCollector(
            Settings settings,
            SlurmSource source,
            InputSink sink,
            Delivered delivered,
            CollectorMetrics metrics,
            Clock clock,
            Path directory) {
        this.settings = settings;
        this.source = source;
        this.sink = sink;
        this.delivered = delivered;
        this.metrics = metrics;
        this.clock = clock;
        this.directory = directory;
        this.settled = new SettledRows(sink);
    }

    /** What does not work now, by source. */
    public Map<String, String> troubles() {
        return new TreeMap<>(troubles);
    }

    /** Asks until the thread is interrupted. */
    public void run() throws InterruptedException {
        long nextPoll = clock.millis();
        long nextNodes = nextPoll;
        long nextAccounting = nextPoll;
        while (!Thread.currentThread().isInterrupted()) {
            long now = clock.millis();
            if (now >= nextNodes) {
                nextNodes = after(nextNodes, now, settings.nodes());
                hosts();
            }
            if (now >= nextPoll) {
                nextPoll = after(nextPoll, now, settings.poll());
                jobs();
            }
            if (now >= nextAccounting) {
                nextAccounting = after(nextAccounting, now, settings.accounting());
                accounting();
            }
            long next = Math.min(nextPoll, Math.min(nextNodes, nextAccounting));
            Thread.sleep(Math.max(1, next - clock.millis()));
        }
    }

    /** A question that took too long is not made up for. */
    private static long after(long planned, long now, Duration step) {
        long ms = step.toMillis();
        return planned + (Math.floorDiv(now - planned, ms) + 1) * ms;
    }

    /** One question for jobs. */
    public void jobs() throws InterruptedException {
        ask(
                "jobs",
                () -> {
                    // Before it is asked: what ended by then is told, what starts later is too.
                    long observed = clock.millis();
                    PollSink poll = new PollSink(sink);
                    read(source.jobs(directory), observed, poll);
                    if (!delivered.all()) {
                        throw new SlurmSourceException(
                                "Kafka did not take all jobs of a poll; it is not said to be complete");
                    }
                    poll.releasePoll();
                });
    }

    /** One question for nodes and reservations. */
    public void hosts() throws InterruptedException {
        ask("nodes", () -> read(source.nodes(directory), clock.millis(), sink));
        ask("reservations", () -> read(source.reservations(directory), clock.millis(), sink));
    }

    /** One question for accounting. */
    public void accounting() throws InterruptedException {
        ask(
                "accounting",
                () -> {
                    long observed = clock.millis();
                    boolean whole =
                            wholeReachAtMs == Long.MIN_VALUE
                                    || observed - wholeReachAtMs >= WHOLE_REACH_EVERY.toMillis();
                    long earliest = observed - settings.reach().toMillis();
                    long from =
                            whole
                                    ? earliest
                                    : Math.max(
                                            earliest,
                                            accountedToMs - settings.overlap().toMillis());
                    settled.forget();
                    read(
                            source.accounting(
                                    Instant.ofEpochMilli(from),
                                    Instant.ofEpochMilli(observed),
                                    directory),
                            observed,
                            settled);
                    if (!delivered.all()) {
                        settled.forget();
                        throw new SlurmSourceException(
                                "Kafka did not take all rows of accounting; they are sent again");
                    }
                    settled.keep();
                    cover(from, observed - settings.accountingLag().toMillis());
                    accountedToMs = observed;
                    if (whole) {
                        wholeReachAtMs = observed;
                    }
                });
    }

    /**
     * Every run of the span is known now: what nobody held was idle, even where no poll says so.
     * The last part of it is left out, for slurmctld may still have it in its queue.
     */
    private void cover(long fromMs, long toMs) {
        if (fromMs >= toMs) {
            return;
        }
        SchedulerHeartbeatRecord heartbeat = new SchedulerHeartbeatRecord();
        heartbeat.setCluster(settings.cluster());
        heartbeat.setObservedAtMs(toMs);
        heartbeat.setKind(HeartbeatKind.BOUNDED_ACCOUNTING);
        heartbeat.setCoveredFromMs(fromMs);
        heartbeat.setOrigin(source.name());
        sink.heartbeat(heartbeat);
    }

    private void read(InputFile file, long observedMs, InputSink to) throws InputException {
        new SlurmFileReader(
                        new SlurmFileReader.Options(
                                settings.cluster(), settings.zone(), observedMs))
                .read(file, to);
    }

    private interface Question {
        void ask() throws SlurmSourceException, InputException, InterruptedException;
    }

    /** Whatever an answer holds, the next question is asked. */
    private void ask(String subject, Question question) throws InterruptedException {
        long began = System.nanoTime();
        String outcome = "ok";
        try {
            if (delivered.waiting()) {
                throw new SlurmSourceException(
                        "Kafka has not taken what was sent before; Slurm is asked again when it has");
            }
            question.ask();
            if (troubles.remove(subject) != null) {
                LOG.info("{} of {} are told again", subject, settings.cluster());
            }
            metrics.succeeded(subject, clock.millis());
        } catch (SlurmSourceException | InputException | RuntimeException e) {
            outcome = e instanceof SlurmSourceException ? "no_answer" : "unreadable";
            String why = String.valueOf(e.getMessage());
            if (!why.equals(troubles.put(subject, why))) {
                LOG.warn("{} of {}: {}; asking again", subject, settings.cluster(), why);
            }
            metrics.failed(subject);
        }
        metrics.request(subject, outcome, Duration.ofNanos(System.nanoTime() - began));
    }
}

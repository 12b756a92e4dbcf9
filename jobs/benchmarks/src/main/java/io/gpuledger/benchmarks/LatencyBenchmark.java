package io.gpuledger.benchmarks;

import io.gpuledger.attribution.AttributionGraph;
import io.gpuledger.attribution.AttributionJob;
import io.gpuledger.attribution.AttributionSettings;
import io.gpuledger.attribution.RegistryState;
import io.gpuledger.flink.KafkaWireSource;
import io.gpuledger.flink.LocalFlink;
import io.gpuledger.flink.StrictEnvironment;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.sql.Warehouse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * How long after the end of a window, settling left out, its row is in ClickHouse: the live graph
 * with its own checkpoints, at the pace of the clock.
 */
public final class LatencyBenchmark {
    private static final Duration IDLE = Duration.ofMinutes(1);

    /**
     * Every row is waited for after the last window, for a slow one that is left out would make the
     * figures better than they are; one that takes longer than this is not coming.
     */
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private static final long LOOK_MS = 500;

    private static final String GROUP = "gpu-ledger-bench";
    private static final int PARTITIONS = 4;

    /**
     * One scrape interval.
     *
     * @param windows whole windows that are measured; 0 for the cut one in which all begins, which
     *     shows that rows arrive, not how fast
     */
    public record Plan(int hosts, Duration scrapeInterval, int windows, int parallelism) {}

    private final String brokers;
    private final Warehouse warehouse;
    private final Path scratch;

    /**
     * On servers that run.
     *
     * @param warehouse its database is dropped and made anew
     * @param scratch for Flink's files
     */
    public LatencyBenchmark(String brokers, Warehouse warehouse, Path scratch) {
        this.brokers = brokers;
        this.warehouse = warehouse;
        this.scratch = scratch;
    }

    /**
     * Runs as long as the windows last, and until their rows are there.
     *
     * @return milliseconds from the end of its window to the acknowledged row, sorted
     * @throws IllegalStateException when rows did not come
     */
    public long[] run(Plan plan) throws Exception {
        try (BenchLedger ledger = new BenchLedger(warehouse);
                BenchTopics topics = BenchTopics.create(brokers, PARTITIONS);
                LiveFeed feed = new LiveFeed(topics, plan.hosts(), plan.scrapeInterval())) {
            VisibleRows.reset();
            feed.start();
            JobClient job = start(plan, topics, ledger);
            try {
                // The window in which all begins is cut, and the JVM is cold in it.
                long whole = feed.firstWholeWindowMs();
                long first = whole + (plan.windows() == 0 ? -1 : 1) * LiveFeed.WINDOW_MS;
                long end = first + Math.max(1, plan.windows()) * LiveFeed.WINDOW_MS;
                await(plan, first, end, job, feed);
                return VisibleRows.latencies(first, end);
            } finally {
                stop(job);
            }
        }
    }

    /** Until it has ended it writes. */
    private static void stop(JobClient job) throws ExecutionException, InterruptedException {
        CompletableFuture<JobExecutionResult> end = job.getJobExecutionResult();
        if (!end.isDone()) {
            job.cancel().get();
        }
        end.handle((result, cancelled) -> true).get();
    }

    private static void await(Plan plan, long fromMs, long toMs, JobClient job, LiveFeed feed)
            throws ExecutionException, InterruptedException {
        CompletableFuture<JobExecutionResult> end = job.getJobExecutionResult();
        long expected =
                (toMs - fromMs)
                        / LiveFeed.WINDOW_MS
                        * plan.hosts()
                        * SimulatedCluster.GPUS_PER_HOST;
        while (VisibleRows.count(fromMs, toMs) < expected) {
            TimeUnit.MILLISECONDS.sleep(LOOK_MS);
            feed.refuseFailure();
            if (end.isDone()) {
                throw new IllegalStateException("the job ended by itself: " + end.get());
            }
            if (System.currentTimeMillis() > toMs + PATIENCE.toMillis()) {
                throw new IllegalStateException(
                        "%d of %d rows are there %d s after the last window ended; the job does not keep up with so many hosts, see bench pipeline"
                                .formatted(
                                        VisibleRows.count(fromMs, toMs),
                                        expected,
                                        PATIENCE.toSeconds()));
            }
        }
    }

    private JobClient start(Plan plan, BenchTopics topics, BenchLedger ledger) throws Exception {
        Configuration c = LocalFlink.temporaryIn(scratch, new Configuration());
        c.set(RestOptions.ADDRESS, "127.0.0.1");
        c.set(RestOptions.BIND_ADDRESS, "127.0.0.1");
        c.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
        c.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        c.set(
                CheckpointingOptions.CHECKPOINTS_DIRECTORY,
                scratch.resolve("checkpoints").toUri().toString());
        StreamExecutionEnvironment env = StrictEnvironment.create(LocalFlink.stateOnDisk(c));
        env.setParallelism(plan.parallelism());
        AttributionJob.checkpoint(env);
        AttributionSettings.Choice standard = AttributionSettings.Choice.STANDARD;
        AttributionSettings settings =
                AttributionSettings.live(
                        new AttributionSettings.Choice(
                                0,
                                standard.horizonMs(),
                                standard.schedulerGapMs(),
                                standard.futureMs(),
                                standard.energyGapMs(),
                                standard.heldIdlePpm()),
                        1);
        AttributionGraph.assemble(
                read(env, "scheduler-source", topics, topics.scheduler(), settings),
                read(env, "telemetry-source", topics, List.of(topics.telemetry()), settings),
                RegistryState.none(),
                null,
                settings,
                new VisibleRows(ledger.sink()));
        return env.executeAsync("gpu-ledger bench latency");
    }

    private static DataStream<WireMessage> read(
            StreamExecutionEnvironment env,
            String name,
            BenchTopics topics,
            List<String> names,
            AttributionSettings settings) {
        return KafkaWireSource.read(
                env,
                name,
                topics.brokers(),
                GROUP,
                names,
                settings.futureMs(),
                AttributionJob.OUT_OF_ORDER,
                IDLE);
    }
}

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
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.jspecify.annotations.Nullable;

/**
 * Reads the same records again and again: bare, decoded, and through the attribution job into
 * ClickHouse. After every run of the job the ledger is checked against what was generated.
 */
public final class PipelineBenchmark {
    /** No partition is silent here, a slow one must be waited for. */
    private static final Duration IDLE = Duration.ofHours(1);

    private static final String GROUP = "gpu-ledger-bench";

    /**
     * How it is measured.
     *
     * @param repeat runs that count, per variant
     * @param warmUp runs before them that do not
     */
    public record Plan(List<Variant> variants, int repeat, int warmUp, int parallelism) {
        public Plan {
            variants = List.copyOf(variants);
        }
    }

    private final BenchTopics topics;
    private final BenchTopics.Contents contents;
    private final Warehouse warehouse;
    private final ProcessMeter meter;
    private final Path scratch;

    /**
     * Over records that were written.
     *
     * @param warehouse its database is dropped and made anew
     * @param scratch for Flink's files
     */
    public PipelineBenchmark(
            BenchTopics topics,
            BenchTopics.Contents contents,
            Warehouse warehouse,
            ProcessMeter meter,
            Path scratch) {
        this.topics = topics;
        this.contents = contents;
        this.warehouse = warehouse;
        this.meter = meter;
        this.scratch = scratch;
    }

    /**
     * Runs all of the plan. Variants take turns, so that what else the machine does falls on all.
     *
     * @param jobs for the alternative, which is given the allocations
     * @param progress told of each run
     * @throws WrongLedgerException when a run did not end with what was generated
     */
    public Map<Variant, List<Measurement>> run(
            Plan plan, List<SimulatedJob> jobs, Consumer<String> progress) throws Exception {
        Map<Variant, List<Measurement>> all = new EnumMap<>(Variant.class);
        try (BenchLedger ledger = new BenchLedger(warehouse)) {
            ClickHouseAlternative alternative =
                    new ClickHouseAlternative(warehouse, topics, contents, meter);
            if (plan.variants().contains(Variant.CLICKHOUSE)) {
                alternative.prepare(jobs);
            }
            for (int round = -plan.warmUp(); round < plan.repeat(); round++) {
                for (Variant variant : plan.variants()) {
                    Measurement measured =
                            variant == Variant.CLICKHOUSE
                                    ? alternative.run()
                                    : run(variant, plan.parallelism(), ledger);
                    progress.accept(
                            "%s %s: %,.0f GPU samples/s"
                                    .formatted(
                                            variant.label(),
                                            round < 0 ? "warm-up" : "run " + (round + 1),
                                            measured.samplesPerSecond(contents.samples())));
                    if (round >= 0) {
                        all.computeIfAbsent(variant, v -> new ArrayList<>()).add(measured);
                    }
                }
            }
        }
        return all;
    }

    private Measurement run(Variant variant, int parallelism, BenchLedger ledger) throws Exception {
        ledger.empty();
        int restPort = freePort();
        StreamExecutionEnvironment env = StrictEnvironment.create(configuration(variant, restPort));
        env.setParallelism(parallelism);
        if (variant.writes()) {
            AttributionJob.checkpoint(env);
        }
        assemble(env, variant, ledger);
        meter.resetPeaks();
        RunClock.arm(meter);
        Measurement.Checkpoints checkpoints = execute(env, variant, restPort);
        RunClock.Elapsed elapsed = RunClock.elapsed();
        Map<ProcessMeter.Part, Long> peaks = meter.peakKib();
        long rows = variant.writes() ? ledger.check(contents) : 0;
        return new Measurement(elapsed.ns(), elapsed.cpuMs(), peaks, rows, checkpoints);
    }

    private static Measurement.@Nullable Checkpoints execute(
            StreamExecutionEnvironment env, Variant variant, int restPort) throws Exception {
        JobClient job = env.executeAsync("gpu-ledger bench " + variant.label());
        try {
            return new CheckpointWatch(job, restPort).awaitEnd();
        } catch (ExecutionException e) {
            throw new IllegalStateException(
                    "the run of %s failed: %s".formatted(variant.label(), e.getCause()), e);
        }
    }

    private Configuration configuration(Variant variant, int restPort) {
        Configuration c = LocalFlink.temporaryIn(scratch, new Configuration());
        c.set(RestOptions.ADDRESS, "127.0.0.1");
        c.set(RestOptions.BIND_ADDRESS, "127.0.0.1");
        c.set(RestOptions.PORT, restPort);
        c.set(RestOptions.BIND_PORT, Integer.toString(restPort));
        c.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
        c.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        c.set(
                CheckpointingOptions.CHECKPOINTS_DIRECTORY,
                scratch.resolve("checkpoints").toUri().toString());
        if (variant == Variant.ATTRIBUTION_ROCKSDB) {
            return LocalFlink.stateOnDisk(c);
        }
        c.set(StateBackendOptions.STATE_BACKEND, "hashmap");
        return c;
    }

    private void assemble(StreamExecutionEnvironment env, Variant variant, BenchLedger ledger) {
        AttributionSettings settings = AttributionSettings.measured();
        DataStream<WireMessage> telemetry =
                read(env, "telemetry", List.of(topics.telemetry()), settings);
        switch (variant) {
            case SOURCE ->
                    telemetry.sinkTo(new MeasuredSink<>(new DiscardingSink<>())).uid("discard");
            case DECODE ->
                    telemetry
                            .process(new DecodeScrapes())
                            .uid("decode")
                            .sinkTo(new MeasuredSink<>(new DiscardingSink<>()))
                            .uid("discard");
            case ATTRIBUTION_HEAP, ATTRIBUTION_ROCKSDB ->
                    AttributionGraph.assemble(
                            read(env, "scheduler", topics.scheduler(), settings),
                            telemetry,
                            RegistryState.none(),
                            null,
                            settings,
                            new MeasuredSink<>(ledger.sink()));
            case CLICKHOUSE -> throw new IllegalArgumentException("no Flink in this variant");
        }
    }

    private DataStream<WireMessage> read(
            StreamExecutionEnvironment env,
            String name,
            List<String> names,
            AttributionSettings settings) {
        return KafkaWireSource.readToEnd(
                        env,
                        name + "-source",
                        topics.brokers(),
                        GROUP,
                        names,
                        settings.futureMs(),
                        AttributionJob.OUT_OF_ORDER,
                        IDLE)
                .process(new FirstRecord())
                .uid(name + "-first-record");
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}

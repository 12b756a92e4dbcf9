package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.StrictEnvironment;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.testkit.Inputs;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Metric;
import org.apache.flink.runtime.testutils.InMemoryReporter;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;

/**
 * The live graph in a real local Flink with checkpoints, its own threads and network: it fails at
 * seeded records and starts again; and it accounts for every record it reads.
 */
class LiveFailureTest {
    private static final int FAILURES = 3;
    private static final long OUT_OF_ORDER_MS = 30_000;
    private static final Map<String, AtomicInteger> FAILED = new ConcurrentHashMap<>();

    @Test
    void a_job_that_is_killed_and_restarted_shows_the_rows_of_an_undisturbed_one()
            throws Exception {
        Inputs inputs = Inputs.of(ScenarioChoice.of(6_000_000, 6_000_012));
        List<SinkRow> undisturbed = new ArrayList<>();
        LiveRun backfill = new LiveRun(AttributionSettings.backfill(0, 1), 1, 0, undisturbed);
        Deliveries.atOnce(inputs, backfill);
        backfill.close();
        List<WireMessage> scheduler = Deliveries.records(inputs, false);
        List<WireMessage> telemetry = Deliveries.records(inputs, true);

        Configuration flink = new Configuration();
        flink.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
        flink.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, FAILURES);
        flink.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, Duration.ZERO);
        StreamExecutionEnvironment env = StrictEnvironment.create(flink);
        env.setParallelism(2);
        env.enableCheckpointing(20);
        FAILED.put("killed", new AtomicInteger());
        GraphRun.Collected collected =
                GraphRun.collect(
                        env,
                        "killed",
                        live(env, "scheduler", scheduler, "killed"),
                        live(env, "telemetry", telemetry, ""),
                        AttributionSettings.live(1));

        assertThat(FAILED.get("killed")).hasValue(FAILURES);
        assertThat(
                        SinkContents.differences(
                                SinkContents.current(undisturbed),
                                SinkContents.current(collected.rows())))
                .isEmpty();
    }

    @Test
    void what_is_read_is_used_or_duplicate_or_dead_lettered() throws Exception {
        Inputs inputs = Inputs.of(ScenarioChoice.of(7_000_000, 7_000_006)).duplicated(3);
        List<WireMessage> scheduler = Deliveries.records(inputs, false);
        List<WireMessage> telemetry = Deliveries.records(inputs, true);
        scheduler.add(
                new WireMessage("no record".getBytes(StandardCharsets.UTF_8), "scheduler", 0, 0));
        WireMessage future = new WireMessage(telemetry.get(0).value, "telemetry", 0, 0);
        future.timestampMs = 0;
        telemetry.add(future);
        InMemoryReporter reporter = InMemoryReporter.createWithRetainedMetrics();
        Configuration flink = new Configuration();
        reporter.addToConfiguration(flink);
        StreamExecutionEnvironment env = StrictEnvironment.create(flink);
        env.setParallelism(2);

        GraphRun.Collected collected =
                GraphRun.collect(
                        env,
                        "accounted",
                        live(env, "scheduler", scheduler, ""),
                        live(env, "telemetry", telemetry, ""),
                        AttributionSettings.live(1));

        // Asked once: the reporter gives the metrics of a finished job a single time.
        Map<String, Metric> metrics = reporter.findMetrics(collected.job(), ".*\\.records[A-Z].*");
        long read = sum(metrics, "recordsRead");
        long dead = sum(metrics, "recordsDeadLettered");
        long duplicate = sum(metrics, "recordsDuplicate");
        assertThat(read).isEqualTo(scheduler.size() + telemetry.size());
        assertThat(dead).isEqualTo(2);
        assertThat(SinkContents.deadLetters(collected.rows())).hasSize(2);
        assertThat(duplicate).isPositive();
        assertThat(sum(metrics, "recordsUsed") + duplicate + dead).isEqualTo(read);
    }

    static long sum(Map<String, Metric> metrics, String counter) {
        long sum = 0;
        for (Map.Entry<String, Metric> metric : metrics.entrySet()) {
            if (metric.getKey().endsWith("." + counter)) {
                sum += ((Counter) metric.getValue()).getCount();
            }
        }
        return sum;
    }

    /** Records in order of observation with a watermark after each, as fast as they go. */
    static DataStream<WireMessage> live(
            StreamExecutionEnvironment env,
            String name,
            List<WireMessage> messages,
            String failing) {
        return env.fromData(messages)
                .setParallelism(1)
                .uid(name)
                .name(name)
                .map(new FailingMap(failing, messages.size()))
                .returns(WireMessage.class)
                .setParallelism(1)
                .uid(name + "-failing")
                .name(name + "-failing")
                .assignTimestampsAndWatermarks(
                        WatermarkStrategy.<WireMessage>forGenerator(c -> new EveryRecord())
                                .withTimestampAssigner((m, t) -> m.position))
                .setParallelism(1)
                .uid(name + "-time")
                .name(name + "-time");
    }

    private static final class EveryRecord implements WatermarkGenerator<WireMessage> {
        @Override
        public void onEvent(WireMessage message, long atMs, WatermarkOutput output) {
            output.emitWatermark(new Watermark(atMs - OUT_OF_ORDER_MS - 1));
        }

        @Override
        public void onPeriodicEmit(WatermarkOutput output) {}
    }

    /** Throws at three places of its input, at each once. */
    private static final class FailingMap extends RichMapFunction<WireMessage, WireMessage> {
        private static final long serialVersionUID = 1L;

        private final String name;
        private final int size;
        private int seen;

        FailingMap(String name, int size) {
            this.name = name;
            this.size = size;
        }

        @Override
        public void open(OpenContext context) {
            seen = 0;
        }

        @Override
        public WireMessage map(WireMessage message) {
            seen++;
            AtomicInteger failed = FAILED.get(name);
            if (failed != null
                    && failed.get() < FAILURES
                    && seen > size / (FAILURES + 1)
                    && failed.incrementAndGet() <= FAILURES) {
                throw new IllegalStateException("killed by the test");
            }
            return message;
        }
    }
}

package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.usage.Attribution;
import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.StrictEnvironment;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import io.gpuledger.testkit.Inputs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.metrics.Metric;
import org.apache.flink.runtime.testutils.InMemoryReporter;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Thousands of damaged and absurd records among good ones, in a real local Flink that may not
 * restart: none stops the job, none is lost, and the rows of the good ones stay as they are.
 */
class HostileRecordsTest {
    private static final String HOSTILE = "hostile";
    private static final int SEEDS = 2;
    private static final int DAMAGED = 4_000;

    /** Larger ones are tried one by one: this test is about many. */
    private static final int LARGE = 100_000;

    /** Two to the 31st less nine, as Avro writes a length: as long as an array can be. */
    private static final byte[] LONGEST = {(byte) 0xee, (byte) 0xff, (byte) 0xff, (byte) 0xff, 0xf};

    private record Hostile(ByteBuffer record, boolean telemetry) {}

    /** What a run showed of the good clusters, and what it counted. */
    private record Shown(Map<String, Object> content, long read, long accounted, long dead) {}

    @Test
    @Timeout(value = 4, unit = TimeUnit.MINUTES)
    void damaged_records_stop_nothing_lose_nothing_and_change_no_row_of_others() throws Exception {
        for (int seed = 1; seed <= SEEDS; seed++) {
            Inputs inputs = Inputs.of(ScenarioChoice.of(8_000_000, 8_000_000 + 6 * seed));
            Shown undisturbed = shown(inputs, List.of(), seed);
            List<Hostile> hostile = hostile(inputs, new Random(seed));

            Shown disturbed = shown(inputs, hostile, seed);

            assertThat(disturbed.read()).isEqualTo(undisturbed.read() + hostile.size());
            assertThat(disturbed.accounted()).as("seed %d", seed).isEqualTo(disturbed.read());
            assertThat(disturbed.dead()).isGreaterThan(DAMAGED / 4);
            assertThat(SinkContents.differences(undisturbed.content(), disturbed.content()))
                    .as("seed %d", seed)
                    .isEmpty();
        }
    }

    /** Nothing provokes a fault of the core from outside, so the test puts one in its place. */
    @Test
    void a_window_that_does_not_close_is_a_dead_letter_and_the_others_are_written()
            throws Exception {
        long broken = SteadyCluster.START_MS + 600_000;
        List<SinkRow> rows = new ArrayList<>();
        LiveRun run =
                new LiveRun(
                        AttributionSettings.live(1),
                        rows,
                        (facts, readings, window, rule) -> {
                            if (window.startMs() == broken) {
                                throw unclosed(broken);
                            }
                            return Attribution.attribute(facts, readings, window, rule);
                        });
        SteadyCluster cluster = new SteadyCluster();
        for (long at = 0; at < 3 * 3_600_000; at += 300_000) {
            for (WireMessage message : cluster.scheduler(at)) {
                run.scheduler(message);
            }
            run.telemetry(cluster.telemetry(at).get(0));
            run.schedulerWatermark(SteadyCluster.START_MS + at);
            run.telemetryWatermark(SteadyCluster.START_MS + at);
            run.deliverAll();
        }
        run.close();

        assertThat(SinkContents.deadLetters(rows))
                .isNotEmpty()
                .allMatch(letter -> letter.contains("BALANCE") && letter.contains("host 'n1'"))
                .anyMatch(letter -> letter.contains("minute at 2023-11-14T22:10:00Z"))
                .anyMatch(letter -> letter.contains("hour at 2023-11-14T22:00:00Z"));
        Map<String, Object> written = SinkContents.current(rows);
        assertThat(written)
                .containsKey("USAGE_MINUTE c/n1/0//" + (broken - 60_000))
                .doesNotContainKey("USAGE_MINUTE c/n1/0//" + broken)
                .containsKey("USAGE_MINUTE c/n1/0//" + (broken + 60_000))
                .containsKey("USAGE_HOUR c/n1/0//" + (SteadyCluster.START_MS + 3_600_000));
    }

    /** What the core throws for a row of which a millisecond is missing. */
    private static RuntimeException unclosed(long windowMs) {
        UsageRow.Holder missing =
                new UsageRow.Holder(
                        Bucket.IDLE,
                        "",
                        "",
                        "",
                        "",
                        "",
                        "",
                        "",
                        -1,
                        59_999,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0);
        try {
            UsageRow row =
                    new UsageRow("c", "n1", 0, "", windowMs, 60_000, "", "", List.of(missing));
            throw new AssertionError("a row that does not close was made: " + row);
        } catch (IllegalStateException e) {
            return e;
        }
    }

    private static Shown shown(Inputs inputs, List<Hostile> hostile, int seed) throws Exception {
        Set<String> clusters = new HashSet<>();
        inputs.jobs().forEach(r -> clusters.add(r.getCluster()));
        inputs.scrapes().forEach(r -> clusters.add(r.getCluster()));
        inputs.hosts().forEach(r -> clusters.add(r.getCluster()));
        InMemoryReporter reporter = InMemoryReporter.createWithRetainedMetrics();
        Configuration flink = new Configuration();
        reporter.addToConfiguration(flink);
        StreamExecutionEnvironment env = StrictEnvironment.create(flink);
        env.setParallelism(2);
        Random random = new Random(seed);
        GraphRun.Collected collected =
                GraphRun.collect(
                        env,
                        "hostile",
                        LiveFailureTest.live(
                                env, "scheduler", among(inputs, hostile, false, random), ""),
                        LiveFailureTest.live(
                                env, "telemetry", among(inputs, hostile, true, random), ""),
                        AttributionSettings.live(1));
        Map<String, Metric> metrics = reporter.findMetrics(collected.job(), ".*\\.records[A-Z].*");
        long dead = LiveFailureTest.sum(metrics, "recordsDeadLettered");
        long accounted =
                LiveFailureTest.sum(metrics, "recordsUsed")
                        + LiveFailureTest.sum(metrics, "recordsDuplicate")
                        + dead;
        Map<String, Object> content = new TreeMap<>(SinkContents.current(collected.rows()));
        content.keySet().removeIf(key -> !clusters.contains(key.split("[ /]", -1)[1]));
        return new Shown(content, LiveFailureTest.sum(metrics, "recordsRead"), accounted, dead);
    }

    /** The good ones in their order, each hostile one somewhere between them. */
    private static List<WireMessage> among(
            Inputs inputs, List<Hostile> hostile, boolean telemetry, Random random) {
        List<WireMessage> messages = Deliveries.records(inputs, telemetry);
        List<WireMessage> good = List.copyOf(messages);
        for (Hostile one : hostile) {
            if (one.telemetry() == telemetry) {
                long at = good.get(random.nextInt(good.size())).position;
                messages.add(new WireMessage(HostileRecords.bytes(one.record()), "topic", 0, at));
            }
        }
        for (WireMessage message : messages) {
            message.timestampMs = message.position;
        }
        messages.sort((a, b) -> Long.compare(a.position, b.position));
        return messages;
    }

    private static List<Hostile> hostile(Inputs inputs, Random random) throws IOException {
        List<Hostile> victims = renamed(inputs);
        List<Hostile> hostile = new ArrayList<>();
        for (int i = 0; i < DAMAGED; i++) {
            Hostile victim = victims.get(random.nextInt(victims.size()));
            // Now and then to the wrong topic.
            boolean telemetry = victim.telemetry() ^ (random.nextInt(20) == 0);
            byte[] whole = HostileRecords.bytes(victim.record());
            hostile.add(new Hostile(ByteBuffer.wrap(damaged(whole, random)), telemetry));
        }
        long at = inputs.scrapes().get(inputs.scrapes().size() / 2).getObservedAtMs();
        for (HostileRecords.Absurd absurd : new HostileRecords(HOSTILE, at).absurd()) {
            if (absurd.record().remaining() < LARGE) {
                hostile.add(new Hostile(absurd.record(), absurd.telemetry()));
            }
        }
        return hostile;
    }

    /** The good records as those of a cluster that no good one is of. */
    private static List<Hostile> renamed(Inputs inputs) throws IOException {
        List<Hostile> renamed = new ArrayList<>();
        for (JobSnapshotRecord r : inputs.jobs()) {
            JobSnapshotRecord other = JobSnapshotRecord.newBuilder(r).setCluster(HOSTILE).build();
            renamed.add(new Hostile(other.toByteBuffer(), false));
        }
        for (HostSnapshotRecord r : inputs.hosts()) {
            HostSnapshotRecord other = HostSnapshotRecord.newBuilder(r).setCluster(HOSTILE).build();
            renamed.add(new Hostile(other.toByteBuffer(), false));
        }
        for (SchedulerHeartbeatRecord r : inputs.heartbeats()) {
            SchedulerHeartbeatRecord other =
                    SchedulerHeartbeatRecord.newBuilder(r).setCluster(HOSTILE).build();
            renamed.add(new Hostile(other.toByteBuffer(), false));
        }
        for (HostScrapeRecord r : inputs.scrapes()) {
            HostScrapeRecord other = HostScrapeRecord.newBuilder(r).setCluster(HOSTILE).build();
            renamed.add(new Hostile(other.toByteBuffer(), true));
        }
        return renamed;
    }

    private static byte[] damaged(byte[] whole, Random random) {
        byte[] value = whole.clone();
        int at = random.nextInt(value.length);
        switch (random.nextInt(6)) {
            case 0 -> {
                return Arrays.copyOf(value, at);
            }
            case 1 -> Arrays.fill(value, at, Math.min(value.length, at + 8), (byte) 0xff);
            case 2 ->
                    System.arraycopy(
                            LONGEST, 0, value, at, Math.min(LONGEST.length, value.length - at));
            case 3 -> random.nextBytes(value);
            case 4 -> {
                byte[] inside = Arrays.copyOf(value, value.length + 4);
                System.arraycopy(value, at, inside, at + 4, value.length - at);
                return inside;
            }
            default -> {
                for (int flips = 1 + random.nextInt(8); flips > 0; flips--) {
                    value[random.nextInt(value.length)] ^= (byte) (1 << random.nextInt(8));
                }
            }
        }
        return value;
    }
}

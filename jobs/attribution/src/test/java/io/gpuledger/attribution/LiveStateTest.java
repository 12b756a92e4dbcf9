package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.attribution.Deliveries.Fault;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.flink.records.SnapshotConversion;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.testkit.Inputs;
import io.gpuledger.testkit.Scenario;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * State does not grow with history, and what has become old leaves none: neither entries nor
 * timers. What stays is what a site configured for a host, for that holds from its date on.
 */
class LiveStateTest {
    private static final long MINUTE_MS = 60_000;
    private static final long DAY_MS = 1_440 * MINUTE_MS;
    private static final long STEP_MS = 5 * MINUTE_MS;

    /** Long enough that the horizon has passed the first day, and something comes after three. */
    private static final long LIVE_MS = 3 * DAY_MS + 180 * MINUTE_MS;

    @Test
    void state_is_as_large_after_five_days_as_after_three() throws Exception {
        LiveRun run = new LiveRun(AttributionSettings.live(1), 1, 1, new ArrayList<>());
        SteadyCluster cluster = new SteadyCluster();

        go(run, cluster, 0, 3 * DAY_MS);
        long afterThree = run.checkpoint(1).bytes();
        int timers = run.timers();
        go(run, cluster, 3 * DAY_MS, 5 * DAY_MS);
        long afterFive = run.checkpoint(2).bytes();

        assertThat(afterFive).isBetween(afterThree * 99 / 100, afterThree * 101 / 100);
        assertThat(run.timers()).isBetween(timers - 5, timers + 5);
        run.close();
    }

    /** What the live job forgets on the way, no later row depended on. */
    @Test
    void days_of_live_rows_are_those_of_a_backfill() throws Exception {
        assertThatLiveIsBackfill(0, new Feed() {});
    }

    /**
     * A counter that comes back after three days goes on from the value it had, a moment before.
     */
    @Test
    void a_gpu_that_was_silent_longer_than_the_horizon_goes_on_from_its_last_value()
            throws Exception {
        assertThatLiveIsBackfill(
                3 * DAY_MS - MINUTE_MS,
                new Feed() {
                    @Override
                    public List<WireMessage> telemetry(SteadyCluster cluster, long at)
                            throws IOException {
                        boolean silent = 2 * STEP_MS < at && at < 3 * DAY_MS;
                        return cluster.telemetry(at, silent ? 1 : 2);
                    }
                });
    }

    /** Only two runs, three days apart, ever told of this slot: it existed in between. */
    @Test
    void a_slot_exists_from_evidence_that_was_forgotten() throws Exception {
        assertThatLiveIsBackfill(
                3 * DAY_MS - 40 * 60 * MINUTE_MS,
                new Feed() {
                    @Override
                    public List<WireMessage> scheduler(SteadyCluster cluster, long at)
                            throws IOException {
                        List<WireMessage> said = new ArrayList<>(cluster.scheduler(at));
                        said.remove(said.size() - 1); // the inventory, which has no such slot
                        for (long began : List.of(0L, 3 * DAY_MS)) {
                            if (began < at && at < began + 60 * MINUTE_MS) {
                                said.add(
                                        cluster.message(
                                                SteadyCluster.jobOn(
                                                        7,
                                                        JobSource.CONTROLLER,
                                                        1_000 + began / DAY_MS,
                                                        SteadyCluster.START_MS + began,
                                                        SteadyCluster.START_MS + at,
                                                        "RUNNING",
                                                        null)));
                            }
                        }
                        return said;
                    }
                });
    }

    /** What the sources say every five minutes. */
    private interface Feed {
        default List<WireMessage> scheduler(SteadyCluster cluster, long at) throws IOException {
            return cluster.scheduler(at);
        }

        default List<WireMessage> telemetry(SteadyCluster cluster, long at) throws IOException {
            return cluster.telemetry(at);
        }
    }

    private static void assertThatLiveIsBackfill(long fromMs, Feed feed) throws Exception {
        List<SinkRow> live = new ArrayList<>();
        LiveRun run = new LiveRun(AttributionSettings.live(1), 1, 1, live);
        List<SinkRow> bounded = new ArrayList<>();
        LiveRun backfill = new LiveRun(AttributionSettings.backfill(0, 1), 1, 1, bounded);
        SteadyCluster cluster = new SteadyCluster();
        for (long at = 0; at < LIVE_MS; at += STEP_MS) {
            List<WireMessage> scheduler = feed.scheduler(cluster, at);
            List<WireMessage> telemetry = feed.telemetry(cluster, at);
            step(run, at, scheduler, telemetry);
            for (WireMessage message : scheduler) {
                backfill.scheduler(message);
            }
            for (WireMessage message : telemetry) {
                backfill.telemetry(message);
            }
        }
        run.deliverAll();
        run.close();
        backfill.schedulerWatermark(Long.MAX_VALUE);
        backfill.telemetryWatermark(Long.MAX_VALUE);
        backfill.deliverAll();
        backfill.close();

        // The last minutes are not settled yet.
        long settled = SteadyCluster.START_MS + LIVE_MS - 60 * MINUTE_MS;
        long from = SteadyCluster.START_MS + fromMs;
        assertThat(
                        SinkContents.differences(
                                SinkContents.between(SinkContents.current(bounded), from, settled),
                                SinkContents.between(SinkContents.current(live), from, settled)))
                .isEmpty();
    }

    @Test
    void silence_longer_than_the_horizon_leaves_nothing() throws Exception {
        List<Scenario> scenarios = ScenarioChoice.of(4_000_000, 4_000_024);
        Inputs inputs = Inputs.of(scenarios);
        LiveRun run = new LiveRun(AttributionSettings.live(1), 2, 7, new ArrayList<>());
        Deliveries.of(inputs, Fault.ALL, 7).into(run);
        assertThat(run.stateEntries()).isPositive();
        long last =
                inputs.heartbeats().stream().mapToLong(h -> h.getObservedAtMs()).max().orElse(0);

        for (long at = last; at < last + 56 * 60 * MINUTE_MS; at += 30 * MINUTE_MS) {
            run.schedulerWatermark(at);
            run.telemetryWatermark(at);
            run.deliverAll();
        }

        long configured =
                inputs.hosts().stream()
                        .filter(SnapshotConversion::configures)
                        .map(h -> h.getCluster() + "/" + h.getHost())
                        .distinct()
                        .count();
        assertThat(configured).isPositive();
        assertThat(run.timers()).isZero();
        assertThat((long) run.stateEntries()).isEqualTo(configured);
        run.close();
    }

    private static void go(LiveRun run, SteadyCluster cluster, long fromMs, long toMs)
            throws Exception {
        for (long at = fromMs; at < toMs; at += STEP_MS) {
            step(run, at, cluster.scheduler(at), cluster.telemetry(at));
        }
    }

    private static void step(
            LiveRun run, long at, List<WireMessage> scheduler, List<WireMessage> telemetry)
            throws Exception {
        long now = SteadyCluster.START_MS + at;
        run.clock(now);
        for (WireMessage message : scheduler) {
            run.scheduler(message);
        }
        for (WireMessage message : telemetry) {
            run.telemetry(message);
        }
        run.deliverSome(10);
        run.schedulerWatermark(now - 30_000);
        run.telemetryWatermark(now - 30_000);
        run.deliverAll();
    }
}

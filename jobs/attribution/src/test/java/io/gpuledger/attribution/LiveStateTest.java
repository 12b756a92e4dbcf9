package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.attribution.Deliveries.Fault;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.testkit.Inputs;
import io.gpuledger.testkit.Scenario;
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

    @Test
    void state_is_as_large_after_seven_days_as_after_four() throws Exception {
        LiveRun run = new LiveRun(AttributionSettings.live(1), 1, 1, new ArrayList<>());
        SteadyCluster cluster = new SteadyCluster();

        go(run, cluster, 0, 4 * DAY_MS);
        long afterFour = run.checkpoint(1).bytes();
        int timers = run.timers();
        go(run, cluster, 4 * DAY_MS, 7 * DAY_MS);
        long afterSeven = run.checkpoint(2).bytes();

        assertThat(afterSeven).isBetween(afterFour * 99 / 100, afterFour * 101 / 100);
        assertThat(run.timers()).isBetween(timers - 5, timers + 5);
        run.close();
    }

    /** What the live job forgets on the way, no later row depended on. */
    @Test
    void four_days_of_live_rows_are_those_of_a_backfill() throws Exception {
        List<SinkRow> live = new ArrayList<>();
        LiveRun run = new LiveRun(AttributionSettings.live(1), 1, 1, live);
        SteadyCluster cluster = new SteadyCluster();
        go(run, cluster, 0, 4 * DAY_MS);
        run.deliverAll();
        run.close();
        List<SinkRow> bounded = new ArrayList<>();
        LiveRun backfill = new LiveRun(AttributionSettings.backfill(0, 1), 1, 1, bounded);
        for (long at = 0; at < 4 * DAY_MS; at += STEP_MS) {
            for (WireMessage message : cluster.scheduler(at)) {
                backfill.scheduler(message);
            }
            for (WireMessage message : cluster.telemetry(at)) {
                backfill.telemetry(message);
            }
        }
        backfill.schedulerWatermark(Long.MAX_VALUE);
        backfill.telemetryWatermark(Long.MAX_VALUE);
        backfill.deliverAll();
        backfill.close();

        // The last minutes are not settled yet.
        long settled = SteadyCluster.START_MS + 4 * DAY_MS - 60 * MINUTE_MS;
        assertThat(
                        SinkContents.differences(
                                SinkContents.before(SinkContents.current(bounded), settled),
                                SinkContents.before(SinkContents.current(live), settled)))
                .isEmpty();
        assertThat(SinkContents.deadLetters(live)).isEmpty();
    }

    @Test
    void silence_longer_than_the_horizon_leaves_nothing() throws Exception {
        List<Scenario> scenarios = ScenarioChoice.of(4_000_000, 4_000_040);
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
                        .filter(WireConversion::configures)
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
            long now = SteadyCluster.START_MS + at;
            run.clock(now);
            for (WireMessage message : cluster.scheduler(at)) {
                run.scheduler(message);
            }
            for (WireMessage message : cluster.telemetry(at)) {
                run.telemetry(message);
            }
            run.deliverSome(10);
            run.schedulerWatermark(now - 30_000);
            run.telemetryWatermark(now - 30_000);
            run.deliverAll();
        }
    }
}

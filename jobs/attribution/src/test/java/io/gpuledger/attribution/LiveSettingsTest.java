package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.flink.SinkRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a site may choose reaches the rows, and may change between two starts of the job. */
class LiveSettingsTest {
    private static final long MINUTE_MS = 60_000;
    private static final long HOUR_MS = 60 * MINUTE_MS;
    private static final long STEP_MS = 5 * MINUTE_MS;
    private static final AttributionSettings.Choice STANDARD = AttributionSettings.Choice.STANDARD;

    private final SteadyCluster cluster = new SteadyCluster();

    @Test
    void a_window_is_written_when_it_has_settled() throws Exception {
        long written = lastWindow(settle(2 * MINUTE_MS));

        assertThat(lastWindow(settle(20 * MINUTE_MS))).isEqualTo(written - 18 * MINUTE_MS);
    }

    private long lastWindow(AttributionSettings.Choice choice) throws Exception {
        List<SinkRow> rows = new ArrayList<>();
        LiveRun run = new LiveRun(AttributionSettings.live(choice, 1), 1, 1, rows);
        go(run, 0, HOUR_MS);
        run.close();
        return SinkContents.current(rows).keySet().stream()
                .filter(key -> key.startsWith("USAGE_MINUTE"))
                .mapToLong(key -> Long.parseLong(key.substring(key.lastIndexOf('/') + 1)))
                .max()
                .orElseThrow();
    }

    /** The timers in the checkpoint were set by the settle of the earlier start. */
    @ParameterizedTest
    @ValueSource(longs = {0, 1, 7, 59})
    void another_settle_after_a_restart_leaves_out_no_minute_and_no_hour(long settleMinutes)
            throws Exception {
        for (long restartMs = 2 * HOUR_MS; restartMs < 3 * HOUR_MS; restartMs += STEP_MS) {
            List<SinkRow> undisturbed = new ArrayList<>();
            LiveRun whole = new LiveRun(AttributionSettings.live(1), 1, 1, undisturbed);
            go(whole, 0, 6 * HOUR_MS);
            whole.close();

            List<SinkRow> rows = new ArrayList<>();
            LiveRun before = new LiveRun(AttributionSettings.live(1), 1, 1, rows);
            go(before, 0, restartMs);
            LiveRun.Checkpoint checkpoint = before.checkpoint(1);
            before.close();
            AttributionSettings.Choice other = settle(settleMinutes * MINUTE_MS);
            LiveRun after = new LiveRun(AttributionSettings.live(other, 1), 1, 1, rows, checkpoint);
            go(after, restartMs, 6 * HOUR_MS);
            after.close();

            long settled = SteadyCluster.START_MS + 4 * HOUR_MS;
            Map<String, Object> expected = SinkContents.before(current(undisturbed), settled);
            // A restore writes empty rows of slot -1; no other key may be new.
            Map<String, Object> actual = SinkContents.before(current(rows), settled);
            assertThat(SinkContents.differences(expected, actual))
                    .as("restart after %d minutes", restartMs / MINUTE_MS)
                    .isEmpty();
        }
    }

    /** Of a host nobody tells anything of after the restart. */
    @ParameterizedTest
    @ValueSource(longs = {0, 2, 7, 59})
    void what_waited_at_a_restart_is_written_though_nothing_comes(long settleMinutes)
            throws Exception {
        long restartMs = 2 * HOUR_MS + STEP_MS;
        List<SinkRow> rows = new ArrayList<>();
        LiveRun before = new LiveRun(AttributionSettings.live(1), 1, 1, rows);
        go(before, 0, restartMs);
        LiveRun.Checkpoint checkpoint = before.checkpoint(1);
        before.close();
        AttributionSettings.Choice other = settle(settleMinutes * MINUTE_MS);
        LiveRun after = new LiveRun(AttributionSettings.live(other, 1), 1, 1, rows, checkpoint);
        for (long at = restartMs; at < 6 * HOUR_MS; at += STEP_MS) {
            after.schedulerWatermark(SteadyCluster.START_MS + at);
            after.telemetryWatermark(SteadyCluster.START_MS + at);
            after.deliverAll();
        }
        after.close();

        Map<String, Object> written = current(rows);
        for (long window = 0; window < 2 * HOUR_MS; window += MINUTE_MS) {
            assertThat(written)
                    .containsKey("USAGE_MINUTE c/n1/0//" + (SteadyCluster.START_MS + window));
        }
        for (long hour = 0; hour <= 2; hour++) {
            long start = SteadyCluster.START_MS / HOUR_MS * HOUR_MS + hour * HOUR_MS;
            assertThat(written).containsKey("USAGE_HOUR c/n1/0//" + start);
        }
    }

    @Test
    void the_shares_that_count_as_idle_and_the_gaps_of_energy_are_the_sites() throws Exception {
        AttributionSettings.Choice choice =
                new AttributionSettings.Choice(
                        STANDARD.settleMs(),
                        STANDARD.horizonMs(),
                        STANDARD.schedulerGapMs(),
                        STANDARD.futureMs(),
                        STEP_MS - 1,
                        500_000);
        List<SinkRow> rows = new ArrayList<>();
        LiveRun run = new LiveRun(AttributionSettings.live(choice, 1), 1, 1, rows);
        go(run, 0, HOUR_MS);
        run.close();

        // The cluster's GPUs are half busy and their counters are read every five minutes.
        // What was drawn over a gap stands in the minute that ends with the second reading.
        long window = SteadyCluster.START_MS + 19 * MINUTE_MS;
        assertThat(String.valueOf(current(rows).get("USAGE_MINUTE c/n1/0//" + window)))
                .contains("heldIdleMs=60000", "flags=512");
    }

    @Test
    void polls_further_apart_than_the_schedulers_gap_leave_time_unknown() throws Exception {
        AttributionSettings.Choice choice =
                new AttributionSettings.Choice(
                        STANDARD.settleMs(),
                        STANDARD.horizonMs(),
                        STEP_MS - 1,
                        STANDARD.futureMs(),
                        STANDARD.energyGapMs(),
                        STANDARD.heldIdlePpm());
        List<SinkRow> rows = new ArrayList<>();
        LiveRun run = new LiveRun(AttributionSettings.live(choice, 1), 1, 1, rows);
        go(run, 0, HOUR_MS);
        run.close();

        long window = SteadyCluster.START_MS + 20 * MINUTE_MS;
        assertThat(String.valueOf(current(rows).get("USAGE_MINUTE c/n1/1//" + window)))
                .contains("bucket=UNKNOWN")
                .doesNotContain("bucket=IDLE");
    }

    private static AttributionSettings.Choice settle(long settleMs) {
        return new AttributionSettings.Choice(
                settleMs,
                STANDARD.horizonMs(),
                STANDARD.schedulerGapMs(),
                STANDARD.futureMs(),
                STANDARD.energyGapMs(),
                STANDARD.heldIdlePpm());
    }

    private static Map<String, Object> current(List<SinkRow> rows) {
        return SinkContents.usage(SinkContents.current(rows));
    }

    private void go(LiveRun run, long fromMs, long toMs) throws Exception {
        cluster.play(run, fromMs, toMs, STEP_MS);
    }
}

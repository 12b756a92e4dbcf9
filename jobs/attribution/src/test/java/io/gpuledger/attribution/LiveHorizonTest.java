package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.flink.KafkaWireSource;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.schemas.JobSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.junit.jupiter.api.Test;

/** What comes too late or claims to come from the future: a dead letter, and no row changes. */
class LiveHorizonTest {
    private static final long MINUTE_MS = 60_000;
    private static final long HOUR_MS = 60 * MINUTE_MS;
    private static final long STEP_MS = 5 * MINUTE_MS;
    private static final long END_MS = 60 * HOUR_MS;

    private final List<SinkRow> rows = new ArrayList<>();
    private final SteadyCluster cluster = new SteadyCluster();

    @Test
    void what_concerns_only_closed_hours_is_a_dead_letter_and_changes_no_row() throws Exception {
        LiveRun run = run();
        long late = SteadyCluster.START_MS + 2 * HOUR_MS;
        go(run, 0, END_MS);
        Map<String, Object> before = SinkContents.current(rows);
        assertThat(SinkContents.deadLetters(rows)).isEmpty();

        for (WireMessage message : cluster.scheduler(2 * HOUR_MS + 7)) {
            run.scheduler(message);
        }
        run.scheduler(
                cluster.message(
                        SteadyCluster.job(
                                JobSource.ACCOUNTING,
                                90,
                                late,
                                SteadyCluster.START_MS + END_MS,
                                "COMPLETED",
                                late + HOUR_MS)));
        run.telemetry(cluster.telemetry(2 * HOUR_MS + 7).get(0));
        go(run, END_MS, END_MS + HOUR_MS);

        // A job snapshot, a heartbeat, a host snapshot; a job that ended then; a scrape.
        assertThat(SinkContents.deadLetters(rows))
                .hasSize(5)
                .allMatch(letter -> letter.contains("BEYOND_HORIZON"));
        long settled = SteadyCluster.START_MS + END_MS - HOUR_MS;
        assertThat(SinkContents.before(SinkContents.current(rows), settled))
                .isEqualTo(SinkContents.before(before, settled));
        run.close();
    }

    @Test
    void a_scrape_that_its_idle_source_let_pass_is_a_dead_letter_of_its_host() throws Exception {
        LiveRun run = run();
        go(run, 0, HOUR_MS);
        for (long at = HOUR_MS; at < END_MS; at += STEP_MS) {
            for (WireMessage message : cluster.scheduler(at)) {
                run.scheduler(message);
            }
            run.schedulerWatermark(SteadyCluster.START_MS + at);
            run.telemetryIdle();
            run.deliverAll();
        }
        Map<String, Object> before = SinkContents.current(rows);

        run.telemetry(cluster.telemetry(2 * HOUR_MS).get(0));
        run.deliverAll();

        assertThat(SinkContents.deadLetters(rows))
                .singleElement()
                .matches(letter -> letter.contains("BEYOND_HORIZON") && letter.contains("topic"));
        go(run, END_MS, END_MS + HOUR_MS);
        long settled = SteadyCluster.START_MS + END_MS - HOUR_MS;
        assertThat(SinkContents.before(SinkContents.current(rows), settled))
                .isEqualTo(SinkContents.before(before, settled));
        run.close();
    }

    /** The open part is corrected, the closed part is shown. */
    @Test
    void what_changes_closed_and_open_hours_changes_the_open_ones_and_says_so() throws Exception {
        LiveRun run = run();
        go(run, 0, END_MS);
        long changeable =
                AttributionSettings.live(1).changeableFromMs(SteadyCluster.START_MS + END_MS);
        // Nobody had told of this run on the second GPU, which held it since the first hour.
        run.scheduler(
                cluster.message(
                        SteadyCluster.jobOn(
                                1,
                                JobSource.CONTROLLER,
                                77,
                                SteadyCluster.START_MS + HOUR_MS,
                                SteadyCluster.START_MS + END_MS - STEP_MS,
                                "RUNNING",
                                null)));
        Map<String, Object> before = SinkContents.current(rows);
        go(run, END_MS, END_MS + HOUR_MS);

        assertThat(SinkContents.deadLetters(rows))
                .isNotEmpty()
                .allMatch(letter -> letter.contains("BEYOND_HORIZON"));
        Map<String, Object> after = SinkContents.current(rows);
        assertThat(SinkContents.before(after, changeable))
                .isEqualTo(SinkContents.before(before, changeable));
        String firstOpen = "USAGE_MINUTE c/n1/1//" + changeable;
        assertThat(String.valueOf(before.get(firstOpen))).contains("bucket=IDLE");
        assertThat(String.valueOf(after.get(firstOpen)))
                .contains("bucket=ALLOCATED")
                .doesNotContain("bucket=IDLE");
        run.close();
    }

    @Test
    void a_record_from_the_future_is_a_dead_letter_and_drives_no_watermark() throws Exception {
        LiveRun run = run();
        go(run, 0, HOUR_MS);
        long taken = SteadyCluster.START_MS + HOUR_MS;
        WireMessage allowed = cluster.heartbeat(taken + STEP_MS);
        allowed.timestampMs = taken;
        WireMessage future = cluster.heartbeat(taken + STEP_MS + 1);
        future.timestampMs = taken;
        run.scheduler(allowed);
        assertThat(SinkContents.deadLetters(rows)).isEmpty();
        run.scheduler(future);
        assertThat(SinkContents.deadLetters(rows))
                .singleElement()
                .matches(letter -> letter.contains("FUTURE"));
        run.close();

        assertThat(watermarkAfter(allowed)).isEqualTo(taken + STEP_MS - 30_000 - 1);
        assertThat(watermarkAfter(future)).isEqualTo(Long.MIN_VALUE);
    }

    /** What the live source makes of a record, as Flink would ask it. */
    private static long watermarkAfter(WireMessage message) {
        WatermarkStrategy<WireMessage> strategy =
                KafkaWireSource.watermarks(
                        AttributionSettings.live(1).futureMs(), Duration.ofSeconds(30));
        WatermarkGenerator<WireMessage> generator = strategy.createWatermarkGenerator(null);
        long[] emitted = {Long.MIN_VALUE};
        WatermarkOutput output =
                new WatermarkOutput() {
                    @Override
                    public void emitWatermark(Watermark watermark) {
                        emitted[0] = Math.max(emitted[0], watermark.getTimestamp());
                    }

                    @Override
                    public void markIdle() {}

                    @Override
                    public void markActive() {}
                };
        long time =
                strategy.createTimestampAssigner(null)
                        .extractTimestamp(message, message.timestampMs);
        generator.onEvent(message, time, output);
        generator.onPeriodicEmit(output);
        return emitted[0];
    }

    private LiveRun run() throws Exception {
        return new LiveRun(AttributionSettings.live(1), 1, 1, rows);
    }

    private void go(LiveRun run, long fromMs, long toMs) throws Exception {
        cluster.play(run, fromMs, toMs, STEP_MS);
    }
}

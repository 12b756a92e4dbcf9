package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.flink.WireMessage;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Silence of one source stops neither time nor charges, and is not taken for idleness. */
class LiveSilenceTest {
    private static final long MINUTE_MS = 60_000;
    private static final long HOUR_MS = 60 * MINUTE_MS;
    private static final long STEP_MS = 5 * MINUTE_MS;

    private final List<SinkRow> rows = new ArrayList<>();
    private final SteadyCluster cluster = new SteadyCluster();

    @Test
    void without_telemetry_a_host_charges_what_it_holds() throws Exception {
        LiveRun run = new LiveRun(AttributionSettings.live(1), 1, 1, rows);
        go(run, 0, HOUR_MS, true, true);
        go(run, HOUR_MS, 2 * HOUR_MS - 30 * MINUTE_MS, true, false);

        Map<Bucket, Long> held = gpuMs(0, 70 * MINUTE_MS, 75 * MINUTE_MS);
        assertThat(held).containsExactly(Map.entry(Bucket.ALLOCATED, 5 * MINUTE_MS));
        assertThat(gpuMs(1, 70 * MINUTE_MS, 75 * MINUTE_MS))
                .containsExactly(Map.entry(Bucket.IDLE, 5 * MINUTE_MS));
        assertThat(row(0, 70 * MINUTE_MS).holders().get(0).coveredMs()).isZero();
        assertThat(row(0, 30 * MINUTE_MS).holders().get(0).coveredMs()).isEqualTo(MINUTE_MS);
        run.close();
    }

    @Test
    void without_the_scheduler_a_free_slot_is_unknown_and_a_run_ends_where_it_was_last_heard_of()
            throws Exception {
        LiveRun run = new LiveRun(AttributionSettings.live(1), 1, 1, rows);
        go(run, 0, HOUR_MS, true, true);
        go(run, HOUR_MS, 2 * HOUR_MS, false, true);

        // The last poll came five minutes before the hour.
        assertThat(gpuMs(0, 50 * MINUTE_MS, 55 * MINUTE_MS))
                .containsExactly(Map.entry(Bucket.ALLOCATED, 5 * MINUTE_MS));
        assertThat(gpuMs(1, 50 * MINUTE_MS, 55 * MINUTE_MS))
                .containsExactly(Map.entry(Bucket.IDLE, 5 * MINUTE_MS));
        for (int slot = 0; slot < 2; slot++) {
            assertThat(gpuMs(slot, 55 * MINUTE_MS, 100 * MINUTE_MS))
                    .containsExactly(Map.entry(Bucket.UNKNOWN, 45 * MINUTE_MS));
        }
        assertThat(row(0, 90 * MINUTE_MS).holders().get(0).coveredMs()).isEqualTo(MINUTE_MS);

        // It comes back and still lists the run: that was held all the while, what else was free
        // stays unknown.
        go(run, 2 * HOUR_MS - 40 * MINUTE_MS, 2 * HOUR_MS - 15 * MINUTE_MS, true, false);
        go(run, 2 * HOUR_MS - 15 * MINUTE_MS, 2 * HOUR_MS + 10 * MINUTE_MS, true, true);
        assertThat(gpuMs(0, 55 * MINUTE_MS, 80 * MINUTE_MS))
                .containsExactly(Map.entry(Bucket.ALLOCATED, 25 * MINUTE_MS));
        assertThat(gpuMs(1, 55 * MINUTE_MS, 80 * MINUTE_MS))
                .containsExactly(Map.entry(Bucket.UNKNOWN, 25 * MINUTE_MS));
        run.close();
    }

    @Test
    void polls_are_one_span_up_to_the_scheduler_gap() throws Exception {
        for (long beyond : List.of(0L, 1L)) {
            rows.clear();
            LiveRun run = new LiveRun(AttributionSettings.live(1), 1, 1, rows);
            long first = SteadyCluster.START_MS;
            for (WireMessage message : cluster.telemetry(0)) {
                run.telemetry(message);
            }
            run.scheduler(cluster.heartbeat(first));
            run.scheduler(cluster.heartbeat(first + STEP_MS + beyond));
            for (WireMessage message : cluster.telemetry(2 * STEP_MS)) {
                run.telemetry(message);
            }
            run.schedulerWatermark(first + 4 * STEP_MS);
            run.telemetryWatermark(first + 4 * STEP_MS);
            run.deliverAll();

            Bucket expected = beyond == 0 ? Bucket.IDLE : Bucket.UNKNOWN;
            assertThat(gpuMs(1, 0, STEP_MS)).containsExactly(Map.entry(expected, STEP_MS));
            run.close();
        }
    }

    private UsageRow row(int slot, long sinceMs) {
        return GraphRun.rows(rows, SinkTable.USAGE_MINUTE).stream()
                .filter(r -> r.gpuIndex() == slot)
                .filter(r -> r.windowStartMs() == SteadyCluster.START_MS + sinceMs)
                .findFirst()
                .orElseThrow();
    }

    /** GPU time of a slot by bucket over a span since the start. */
    private Map<Bucket, Long> gpuMs(int slot, long fromMs, long toMs) {
        Map<Bucket, Long> sums = new EnumMap<>(Bucket.class);
        for (UsageRow row : GraphRun.rows(rows, SinkTable.USAGE_MINUTE)) {
            long since = row.windowStartMs() - SteadyCluster.START_MS;
            if (row.gpuIndex() == slot && fromMs <= since && since < toMs) {
                row.holders().forEach(h -> sums.merge(h.bucket(), h.gpuMs(), Long::sum));
            }
        }
        return sums;
    }

    private void go(LiveRun run, long fromMs, long toMs, boolean scheduler, boolean telemetry)
            throws Exception {
        for (long at = fromMs; at < toMs; at += STEP_MS) {
            long now = SteadyCluster.START_MS + at;
            run.clock(now);
            if (scheduler) {
                for (WireMessage message : cluster.scheduler(at)) {
                    run.scheduler(message);
                }
                run.schedulerWatermark(now);
            } else {
                run.schedulerIdle();
            }
            if (telemetry) {
                for (WireMessage message : cluster.telemetry(at)) {
                    run.telemetry(message);
                }
                run.telemetryWatermark(now);
            } else {
                run.telemetryIdle();
            }
            run.deliverAll();
        }
    }
}

package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.JobSource;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * What a scrape says of windows whose samples are packed: a counter that was away for hours has
 * energy for all of them, a scrape that is late by hours speaks for the end of the hour before.
 */
class LateSamplesTest {
    private static final long MINUTE_MS = 60_000;
    private static final long STEP_MS = 5 * MINUTE_MS;
    private static final long WITHOUT_FROM_MS = 50 * MINUTE_MS;
    private static final long WITHOUT_TO_MS = 130 * MINUTE_MS;
    private static final long END_MS = 200 * MINUTE_MS;

    private final SteadyCluster cluster = new SteadyCluster();

    @Test
    void a_counter_that_is_back_reaches_windows_that_were_looked_at_again_before()
            throws Exception {
        List<SinkRow> rows = new ArrayList<>();
        LiveRun live = new LiveRun(AttributionSettings.live(1), 1, 1, rows);
        List<SinkRow> atOnce = new ArrayList<>();
        LiveRun backfill = new LiveRun(AttributionSettings.backfill(0, 1), 1, 1, atOnce);
        for (long at = 0; at < END_MS; at += STEP_MS) {
            live.clock(SteadyCluster.START_MS + at);
            List<WireMessage> said = new ArrayList<>();
            said.add(cluster.heartbeat(SteadyCluster.START_MS + at));
            if (at == WITHOUT_TO_MS - STEP_MS) {
                said.add(lateJob(at));
            }
            for (WireMessage message : said) {
                live.scheduler(message);
                backfill.scheduler(message);
            }
            WireMessage scrape = scrape(at);
            live.telemetry(scrape);
            backfill.telemetry(scrape);
            live.schedulerWatermark(SteadyCluster.START_MS + at);
            live.telemetryWatermark(SteadyCluster.START_MS + at);
            live.deliverAll();
        }
        long later = SteadyCluster.START_MS + END_MS + 60 * MINUTE_MS;
        live.clock(later);
        live.schedulerWatermark(later);
        live.telemetryWatermark(later);
        live.deliverAll();
        live.close();
        backfill.schedulerWatermark(Long.MAX_VALUE);
        backfill.telemetryWatermark(Long.MAX_VALUE);
        backfill.deliverAll();
        backfill.close();

        Map<String, Object> expected = SinkContents.current(atOnce);
        assertThat(expected).isNotEmpty();
        assertThat(SinkContents.differences(expected, SinkContents.current(rows))).isEmpty();
    }

    @Test
    void a_scrape_that_is_late_by_hours_speaks_for_the_end_of_the_hour_before_it()
            throws Exception {
        List<SinkRow> rows = new ArrayList<>();
        LiveRun live = new LiveRun(AttributionSettings.live(1), 1, 1, rows);
        List<SinkRow> atOnce = new ArrayList<>();
        LiveRun backfill = new LiveRun(AttributionSettings.backfill(0, 1), 1, 1, atOnce);
        long late = 62 * MINUTE_MS;
        for (long at = 0; at < END_MS; at += STEP_MS) {
            live.clock(SteadyCluster.START_MS + at);
            List<WireMessage> scrapes = new ArrayList<>();
            // The scrape after the gap is packed, and reaches no further back than to 65:00.
            if (at < 60 * MINUTE_MS || at >= 75 * MINUTE_MS) {
                scrapes.add(complete(at));
            }
            if (at == 185 * MINUTE_MS) {
                scrapes.add(complete(late));
            }
            WireMessage heartbeat = cluster.heartbeat(SteadyCluster.START_MS + at);
            live.scheduler(heartbeat);
            backfill.scheduler(heartbeat);
            for (WireMessage scrape : scrapes) {
                live.telemetry(scrape);
                backfill.telemetry(scrape);
            }
            advance(live, SteadyCluster.START_MS + at);
        }
        advance(live, SteadyCluster.START_MS + END_MS + 60 * MINUTE_MS);
        live.close();
        backfill.schedulerWatermark(Long.MAX_VALUE);
        backfill.telemetryWatermark(Long.MAX_VALUE);
        backfill.deliverAll();
        backfill.close();

        // Only the late scrape speaks for 59:00 to 60:00.
        long minute = SteadyCluster.START_MS + 59 * MINUTE_MS;
        for (List<SinkRow> ledger : List.of(rows, atOnce)) {
            Object content = SinkContents.current(ledger).get("USAGE_MINUTE c/n1/0//" + minute);
            if (!(content instanceof UsageRow row)) {
                throw new AssertionError("no row of that minute");
            }
            assertThat(row.holders().stream().mapToLong(UsageRow.Holder::coveredMs).sum())
                    .isEqualTo(MINUTE_MS);
        }
        assertThat(
                        SinkContents.differences(
                                SinkContents.current(atOnce), SinkContents.current(rows)))
                .isEmpty();
    }

    /** A job that goes on may be drained so, and then knows less than it wrote before. */
    @Test
    void an_empty_ledger_gets_every_minute_also_when_the_first_watermark_is_the_last()
            throws Exception {
        Map<String, Object> whole = readToTheEnd(AttributionSettings.backfill(0, 1));

        assertThat(whole).containsKey("USAGE_MINUTE c/n1/0//" + SteadyCluster.START_MS);
        assertThat(SinkContents.differences(whole, readToTheEnd(AttributionSettings.measured())))
                .isEmpty();
        assertThat(readToTheEnd(AttributionSettings.live(1)))
                .doesNotContainKey("USAGE_MINUTE c/n1/0//" + SteadyCluster.START_MS);
    }

    private Map<String, Object> readToTheEnd(AttributionSettings settings) throws Exception {
        List<SinkRow> rows = new ArrayList<>();
        LiveRun run = new LiveRun(settings, 1, 1, rows);
        for (long at = 0; at < 10 * MINUTE_MS; at += STEP_MS) {
            run.scheduler(cluster.heartbeat(SteadyCluster.START_MS + at));
            run.telemetry(complete(at));
        }
        run.schedulerWatermark(Long.MAX_VALUE);
        run.telemetryWatermark(Long.MAX_VALUE);
        run.deliverAll();
        run.close();
        return SinkContents.current(rows);
    }

    private static void advance(LiveRun run, long toMs) throws Exception {
        run.clock(toMs);
        run.schedulerWatermark(toMs);
        run.telemetryWatermark(toMs);
        run.deliverAll();
    }

    /** A job of the first hour that nobody had told of. */
    private WireMessage lateJob(long sinceMs) throws IOException {
        long start = SteadyCluster.START_MS + 52 * MINUTE_MS;
        return cluster.message(
                SteadyCluster.job(
                        JobSource.ACCOUNTING,
                        1,
                        start,
                        SteadyCluster.START_MS + sinceMs,
                        "COMPLETED",
                        start + STEP_MS));
    }

    private WireMessage scrape(long sinceMs) throws IOException {
        boolean without = WITHOUT_FROM_MS < sinceMs && sinceMs < WITHOUT_TO_MS;
        return without ? scrape(sinceMs, null) : complete(sinceMs);
    }

    /** One that has every field: nothing makes the job look any further for a value. */
    private WireMessage complete(long sinceMs) throws IOException {
        return scrape(sinceMs, 1_000_000L + sinceMs * 3);
    }

    private WireMessage scrape(long sinceMs, @Nullable Long counter) throws IOException {
        return cluster.message(
                HostScrapeRecord.newBuilder()
                        .setCluster("c")
                        .setHost("n1")
                        .setObservedAtMs(SteadyCluster.START_MS + sinceMs)
                        .setScrapeIntervalMs((int) STEP_MS)
                        .setFields(List.of(1001, 156, 155))
                        .setGpus(
                                List.of(
                                        GpuSampleRecord.newBuilder()
                                                .setGpuIndex(0)
                                                .setUuid("GPU-0")
                                                .setModel("H100")
                                                .setValues(
                                                        Arrays.asList(500_000L, counter, 90_000L))
                                                .build()))
                        .build()
                        .toByteBuffer());
    }
}

package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.flink.records.DcgmField;
import io.gpuledger.flink.records.RecordLimits;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** An XID error is told when it appears, and once. */
class XidWatchTest {
    private final ScrapeDecoder decoder = new ScrapeDecoder(new RecordLimits(false));
    private final XidWatch watch = new XidWatch();

    @Test
    void an_error_is_told_when_it_appears_and_not_again() throws Exception {
        assertThat(seen(1, 0L, 0L)).isEmpty();
        assertThat(seen(2, 0L, 79L)).containsExactly(new XidWatch.Shown(1, 79, true));
        assertThat(seen(3, 0L, 79L)).isEmpty();
        assertThat(seen(4, 48L, 79L)).containsExactly(new XidWatch.Shown(0, 48, true));
        assertThat(seen(5, 48L, 0L)).isEmpty();
        assertThat(seen(6, 48L, 79L)).containsExactly(new XidWatch.Shown(1, 79, true));
    }

    @Test
    void what_was_there_first_may_be_old() throws Exception {
        assertThat(seen(1, 31L, null)).containsExactly(new XidWatch.Shown(0, 31, false));
    }

    @Test
    void a_scrape_that_comes_late_or_again_tells_nothing() throws Exception {
        seen(1, 0L);
        seen(5, 13L);
        assertThat(seen(3, 0L)).isEmpty();
        assertThat(seen(5, 13L)).isEmpty();
        assertThat(seen(6, 13L)).isEmpty();
    }

    private List<XidWatch.Shown> seen(int second, @Nullable Long... xids) throws Exception {
        List<GpuSampleRecord> gpus = new ArrayList<>();
        for (int gpu = 0; gpu < xids.length; gpu++) {
            List<@Nullable Long> values = new ArrayList<>();
            values.add(1_000L);
            values.add(xids[gpu]);
            gpus.add(GpuSampleRecord.newBuilder().setGpuIndex(gpu).setValues(values).build());
        }
        HostScrapeRecord record =
                HostScrapeRecord.newBuilder()
                        .setCluster("c")
                        .setHost("h")
                        .setObservedAtMs(SteadyCluster.START_MS + second * 1_000L)
                        .setScrapeIntervalMs(1_000)
                        .setFields(List.of(DcgmField.ENGINE, DcgmField.XID))
                        .setGpus(gpus)
                        .build();
        return watch.of(
                decoder.decode(HostileRecords.bytes(HostScrapeRecord.getEncoder().encode(record))));
    }
}

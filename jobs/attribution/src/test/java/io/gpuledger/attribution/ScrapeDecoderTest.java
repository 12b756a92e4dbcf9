package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.flink.records.RecordLimits;
import io.gpuledger.flink.records.RefusedRecordException;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Whatever the decoder remembers, it says what Avro and the limits say of the same bytes. */
class ScrapeDecoderTest {
    private static final AttributionSettings SETTINGS = AttributionSettings.live(1);
    private static final List<Integer> KNOWN =
            List.of(1001, 203, 1002, 1004, 1005, 252, 156, 155, 150, 230, 9_999);
    private static final int SEEDS = 20;
    private static final int RECORDS = 300;
    private static final String REFUSED = "refused";

    @Test
    void a_remembered_layout_reads_what_avro_reads() throws IOException {
        for (int seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            ScrapeDecoder remembering = new ScrapeDecoder(new RecordLimits(SETTINGS.isBackfill()));
            HostScrapeRecord record = layout(random);
            for (int i = 0; i < RECORDS; i++) {
                if (random.nextInt(20) == 0) {
                    record = layout(random);
                }
                byte[] bytes = encoded(next(record, random, i, 40));
                if (random.nextInt(4) == 0) {
                    damage(bytes, random);
                }
                assertThat(said(remembering, bytes))
                        .as("seed %d, record %d", seed, i)
                        .isEqualTo(
                                said(
                                        new ScrapeDecoder(new RecordLimits(SETTINGS.isBackfill())),
                                        bytes));
            }
        }
    }

    @Test
    void a_second_record_of_a_layout_is_read_by_its_bytes() throws Exception {
        ScrapeDecoder decoder = new ScrapeDecoder(new RecordLimits(SETTINGS.isBackfill()));
        Random random = new Random(1);
        HostScrapeRecord record = layout(random);

        Scrape first = decoder.decode(encoded(next(record, random, 1, 0)));
        Scrape second = decoder.decode(encoded(next(record, random, 2, 0)));

        assertThat(second.layout()).isSameAs(first.layout());
        assertThat(first.layout().isKnownByBytes()).isTrue();
    }

    /** The router knows a scrape by its head only. */
    @Test
    void a_head_says_of_whom_and_when_what_the_whole_says() throws IOException {
        int refused = 0;
        for (int seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            ScrapeHeads heads = new ScrapeHeads(new RecordLimits(SETTINGS.isBackfill()));
            ScrapeDecoder decoder = new ScrapeDecoder(new RecordLimits(SETTINGS.isBackfill()));
            for (int i = 0; i < RECORDS; i++) {
                byte[] bytes = encoded(next(layout(random), random, i, 0));
                if (random.nextBoolean()) {
                    bytes[10 + random.nextInt(12)] ^= (byte) (1 << random.nextInt(8));
                }
                String whole = ofWhole(decoder, bytes);
                String head = ofHead(heads, bytes);
                if (!whole.equals(REFUSED)) {
                    assertThat(head).as("seed %d, record %d", seed, i).isEqualTo(whole);
                }
                refused += head.equals(REFUSED) ? 1 : 0;
            }
        }
        assertThat(refused).isGreaterThan(SEEDS);
    }

    private static String ofWhole(ScrapeDecoder decoder, byte[] bytes) {
        try {
            Scrape scrape = decoder.decode(bytes);
            return "%s/%s at %d"
                    .formatted(
                            scrape.layout().cluster, scrape.layout().host, scrape.observedAtMs());
        } catch (RefusedRecordException e) {
            return REFUSED;
        }
    }

    private static String ofHead(ScrapeHeads heads, byte[] bytes) {
        try {
            HostInput input = heads.of(bytes);
            return "%s at %d".formatted(input.key(), input.observedAtMs);
        } catch (RefusedRecordException e) {
            return REFUSED;
        }
    }

    /** What a decoder makes of bytes, in words. */
    private static String said(ScrapeDecoder decoder, byte[] bytes) {
        try {
            Scrape scrape = decoder.decode(bytes);
            ScrapeLayout layout = scrape.layout();
            return String.join(
                    " ",
                    layout.cluster,
                    layout.host,
                    Long.toString(scrape.observedAtMs()),
                    Long.toString(scrape.coverMs()),
                    Arrays.toString(layout.gpuIndex),
                    Arrays.toString(layout.instance),
                    Arrays.toString(layout.slices),
                    Arrays.toString(layout.uuids),
                    Arrays.toString(layout.models),
                    Arrays.toString(layout.jobs),
                    Arrays.toString(scrape.values()),
                    Arrays.toString(scrape.xids()));
        } catch (RefusedRecordException e) {
            return e.reason() + " " + e.detail();
        }
    }

    private static HostScrapeRecord layout(Random random) {
        List<Integer> fields = new ArrayList<>();
        for (int field : KNOWN) {
            if (random.nextInt(4) > 0) {
                fields.add(field);
            }
        }
        List<GpuSampleRecord> gpus = new ArrayList<>();
        for (int i = random.nextInt(9); i > 0; i--) {
            gpus.add(
                    GpuSampleRecord.newBuilder()
                            .setGpuIndex(i)
                            .setInstance(random.nextInt(3) - 1)
                            .setUuid("GPU-" + random.nextInt(3))
                            .setModel(random.nextBoolean() ? "NVIDIA H100 80GB HBM3" : "A30")
                            .setInstanceProfile(random.nextBoolean() ? "" : "3g.40gb")
                            .setHpcJob(random.nextInt(3) == 0 ? "4" + random.nextInt(3) : "")
                            .setValues(List.of())
                            .build());
        }
        return HostScrapeRecord.newBuilder()
                .setCluster("c")
                .setHost("n" + random.nextInt(2))
                .setObservedAtMs(0)
                .setScrapeIntervalMs(1_000)
                .setOrigin("http://n:9400/metrics")
                .setFields(fields)
                .setGpus(gpus)
                .build();
    }

    /**
     * The next scrape of an exporter.
     *
     * @param odd one in so many values is blank, and one cannot be; 0 for none
     */
    private static HostScrapeRecord next(HostScrapeRecord layout, Random random, int i, int odd) {
        HostScrapeRecord record = HostScrapeRecord.newBuilder(layout).build();
        record.setObservedAtMs(1_767_225_600_000L + i * 1_000L);
        for (GpuSampleRecord gpu : record.getGpus()) {
            List<@Nullable Long> values = new ArrayList<>();
            for (int f = 0; f < layout.getFields().size(); f++) {
                values.add(
                        switch (odd == 0 ? 2 : random.nextInt(odd)) {
                            case 0 -> null;
                            case 1 -> random.nextLong();
                            default -> (long) random.nextInt(1_000_000);
                        });
            }
            gpu.setValues(values);
        }
        return record;
    }

    private static byte[] encoded(HostScrapeRecord record) throws IOException {
        return HostileRecords.bytes(HostScrapeRecord.getEncoder().encode(record));
    }

    private static void damage(byte[] bytes, Random random) {
        bytes[10 + random.nextInt(bytes.length - 10)] ^= (byte) (1 << random.nextInt(8));
    }
}

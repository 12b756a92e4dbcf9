package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.schemas.JobSource;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What decodes and cannot be true is a dead letter that names what was found. */
class RecordLimitsTest {
    private final HostileRecords hostile = new HostileRecords("c", SteadyCluster.START_MS);

    @Test
    void every_absurd_record_is_one_dead_letter_and_nothing_else() throws Exception {
        for (HostileRecords.Absurd absurd : hostile.absurd()) {
            List<SinkRow> rows = given(absurd.record(), absurd.telemetry());

            assertThat(rows).as(absurd.what()).hasSize(1);
            assertThat(SinkContents.deadLetters(rows))
                    .as(absurd.what())
                    .singleElement()
                    .matches(letter -> letter.contains(absurd.reason()), absurd.reason());
            assertThat(rows.get(0).row.length).as(absurd.what()).isLessThan(6_000);
        }
    }

    @Test
    void the_detail_names_what_was_found_and_what_is_possible() throws Exception {
        assertThat(SinkContents.deadLetters(given(hostile.job(j -> j.setGpuCount(2_000_000_000)))))
                .singleElement()
                .asString()
                .contains("job 7: GPU count: 2000000000 is not possible; 0 to 1000000 is");
    }

    @Test
    void what_is_large_and_possible_passes() throws Exception {
        long start = SteadyCluster.START_MS;
        List<ByteBuffer> possible =
                List.of(
                        hostile.job(j -> j.setGpuCount(1_000_000)),
                        hostile.job(
                                j ->
                                        j.setSource(JobSource.CONTROLLER)
                                                .setState("RUNNING")
                                                .setStartMs(start)
                                                // Slurm's forecast of a job without a time limit.
                                                .setEndMs(start + 365L * 86_400_000)),
                        hostile.host(h -> h.setStates(List.of("IDLE"))));
        for (ByteBuffer record : possible) {
            assertThat(SinkContents.deadLetters(given(record))).isEmpty();
        }
    }

    @Test
    void what_is_cut_off_anywhere_is_unreadable() throws Exception {
        for (ByteBuffer record :
                List.of(
                        hostile.job(j -> {}),
                        hostile.host(h -> {}),
                        hostile.heartbeat(h -> {}),
                        hostile.scrape(s -> {}))) {
            byte[] whole = HostileRecords.bytes(record);
            boolean telemetry = record.equals(hostile.scrape(s -> {}));
            for (int length = 0; length < whole.length; length += 1 + length / 20) {
                assertThat(SinkContents.deadLetters(given(Arrays.copyOf(whole, length), telemetry)))
                        .as("%d bytes of %d", length, whole.length)
                        .singleElement()
                        .matches(letter -> letter.contains("UNREADABLE"));
            }
        }
    }

    /** Wherever a length may stand: two to the 31st less nine, as Avro writes it. */
    @Test
    void a_length_that_the_bytes_cannot_hold_makes_no_room_for_it() throws Exception {
        byte[] longest = {(byte) 0xee, (byte) 0xff, (byte) 0xff, (byte) 0xff, 0xf};
        LiveRun run = new LiveRun(AttributionSettings.live(1), 1, 1, new ArrayList<>());
        for (ByteBuffer record :
                List.of(hostile.job(j -> {}), hostile.host(h -> {}), hostile.heartbeat(h -> {}))) {
            byte[] whole = HostileRecords.bytes(record);
            for (int at = 0; at + longest.length <= whole.length; at++) {
                byte[] claiming = whole.clone();
                System.arraycopy(longest, 0, claiming, at, longest.length);
                run.scheduler(new WireMessage(claiming, "topic", 0, at));
            }
        }
        byte[] whole = HostileRecords.bytes(hostile.scrape(s -> {}));
        for (int at = 0; at + longest.length <= whole.length; at++) {
            byte[] claiming = whole.clone();
            System.arraycopy(longest, 0, claiming, at, longest.length);
            run.telemetry(new WireMessage(claiming, "topic", 0, at));
        }
        run.deliverAll();
        run.close();
    }

    /** Scrapes are decoded where their host's state is. */
    @Test
    void a_refused_scrape_leaves_no_state_behind() throws Exception {
        LiveRun run = new LiveRun(AttributionSettings.live(1), 1, 1, new ArrayList<>());
        long position = 0;
        for (HostileRecords.Absurd absurd : hostile.absurd()) {
            if (absurd.telemetry()) {
                byte[] record = HostileRecords.bytes(absurd.record());
                run.telemetry(new WireMessage(record, "topic", 0, position++));
            }
        }
        run.deliverAll();
        assertThat(position).isPositive();
        assertThat(run.stateEntries()).isZero();

        byte[] sound = HostileRecords.bytes(hostile.scrape(s -> {}));
        run.telemetry(new WireMessage(sound, "topic", 0, position));
        run.deliverAll();
        assertThat(run.stateEntries()).isPositive();
        run.close();
    }

    @Test
    void a_heartbeat_that_nobody_would_hear_is_a_dead_letter() throws Exception {
        assertThat(SinkContents.deadLetters(given(hostile.heartbeat(h -> {}), true)))
                .singleElement()
                .matches(letter -> letter.contains("wrong topic"));
        assertThat(SinkContents.deadLetters(given(hostile.heartbeat(h -> {}), false))).isEmpty();
    }

    private static List<SinkRow> given(ByteBuffer record) throws Exception {
        return given(record, false);
    }

    private static List<SinkRow> given(ByteBuffer record, boolean telemetry) throws Exception {
        return given(HostileRecords.bytes(record), telemetry);
    }

    private static List<SinkRow> given(byte[] record, boolean telemetry) throws Exception {
        List<SinkRow> rows = new ArrayList<>();
        LiveRun run = new LiveRun(AttributionSettings.live(1), 1, 1, rows);
        WireMessage message = new WireMessage(record, "topic", 0, 0);
        if (telemetry) {
            run.telemetry(message);
        } else {
            run.scheduler(message);
        }
        run.deliverAll();
        rows.removeIf(row -> row.table.equals("HOSTS"));
        run.close();
        return rows;
    }
}

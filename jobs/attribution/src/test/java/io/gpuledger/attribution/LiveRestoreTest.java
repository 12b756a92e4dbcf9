package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.attribution.Deliveries.Fault;
import io.gpuledger.attribution.Deliveries.Position;
import io.gpuledger.attribution.Deliveries.Progress;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.testkit.Inputs;
import io.gpuledger.testkit.Scenario;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A job that fails and starts again from its last checkpoint, on more or fewer machines, reads
 * again what it had read since. The sink keeps what the failed attempt wrote. In the end it shows
 * the rows of an undisturbed run.
 */
class LiveRestoreTest {
    private static final int SHOWN = 5;

    /** Takes a checkpoint now and then and falls back to it now and then. */
    private static final class Failing implements Deliveries.Between {
        private final Random random;
        private final List<SinkRow> rows;
        private final List<String> notWrittenAgain = new ArrayList<>();
        private Map<String, Long> writtenBefore = new HashMap<>();
        private int rowsAtRestore;
        private LiveRun.@Nullable Checkpoint checkpoint;
        private Position read = new Position(0, 0);
        private long checkpoints;
        private int failures;

        Failing(long seed, List<SinkRow> rows) {
            this.random = new Random(seed);
            this.rows = rows;
        }

        @Override
        public Progress at(Progress progress) throws Exception {
            int dice = random.nextInt(40);
            if (dice < 2) {
                checkpoint = progress.run().checkpoint(++checkpoints);
                read = progress.at();
                return progress;
            }
            LiveRun.Checkpoint from = checkpoint;
            if (dice < 5 && from != null && failures < 6) {
                failures++;
                progress.run().close();
                writtenBefore = revisions(rows, 0);
                rowsAtRestore = rows.size();
                LiveRun again =
                        new LiveRun(
                                AttributionSettings.live(1),
                                1 + failures % 2,
                                random.nextLong(),
                                rows,
                                from);
                return progress.back(again, read);
            }
            return progress;
        }

        /** Keys that were there at the last failure and got no higher revision since. */
        List<String> neverWrittenAgain() {
            Map<String, Long> after = revisions(rows, rowsAtRestore);
            writtenBefore.forEach(
                    (key, revision) -> {
                        Long now = after.get(key);
                        if (now == null || now <= revision) {
                            notWrittenAgain.add(key + ": " + revision + " then " + now);
                        }
                    });
            return notWrittenAgain;
        }

        private static Map<String, Long> revisions(List<SinkRow> rows, int from) {
            Map<String, Long> revisions = new HashMap<>();
            for (SinkRow row : rows.subList(from, rows.size())) {
                if (row.table.startsWith("USAGE")) {
                    UsageReader.Stored stored = UsageReader.read(row.row);
                    revisions.merge(row.table + " " + stored.key(), stored.revision(), Math::max);
                }
            }
            return revisions;
        }
    }

    /**
     * The failed attempt wrote what a count without a position means; the next one learns the
     * position before it writes anything.
     */
    @Test
    void what_only_the_failed_attempt_did_not_know_the_place_of_is_taken_back() throws Exception {
        long minute = 60_000;
        long start = SteadyCluster.START_MS;
        SteadyCluster cluster = new SteadyCluster();
        List<WireMessage> before = new ArrayList<>();
        for (long at = 0; at <= 10 * minute; at += 5 * minute) {
            before.add(cluster.heartbeat(start + at));
        }
        WireMessage placed =
                cluster.message(
                        SteadyCluster.job(
                                JobSource.CONTROLLER,
                                5,
                                start,
                                start + 10 * minute,
                                "RUNNING",
                                null));
        List<SinkRow> rows = new ArrayList<>();
        LiveRun failed = new LiveRun(AttributionSettings.live(1), 1, 1, rows);
        for (WireMessage message : cluster.telemetry(0)) {
            failed.telemetry(message);
        }
        LiveRun.Checkpoint checkpoint = failed.checkpoint(1);
        failed.clock(start + 20 * minute);
        for (WireMessage message : before) {
            failed.scheduler(message);
        }
        failed.scheduler(withoutDevices(cluster));
        advance(failed, start + 20 * minute);
        failed.close();
        assertThat(SinkContents.current(rows).keySet())
                .anyMatch(key -> key.startsWith("USAGE_MINUTE c/n1/-1/"));

        LiveRun again = new LiveRun(AttributionSettings.live(1), 2, 2, rows, checkpoint);
        again.clock(start + 21 * minute);
        for (WireMessage message : before) {
            again.scheduler(message);
        }
        again.scheduler(withoutDevices(cluster));
        again.scheduler(placed);
        advance(again, start + 20 * minute);
        advance(again, start + 90 * minute);
        again.close();

        Set<String> keys = SinkContents.current(rows).keySet();
        assertThat(keys).noneMatch(key -> key.contains("/n1/-1/"));
        assertThat(keys).anyMatch(key -> key.startsWith("USAGE_HOUR c/n1/0/"));
    }

    private static WireMessage withoutDevices(SteadyCluster cluster) throws IOException {
        return cluster.message(
                JobSnapshotRecord.newBuilder()
                        .setCluster("c")
                        .setRawJobId(6)
                        .setObservedAtMs(SteadyCluster.START_MS + 600_000)
                        .setSource(JobSource.CONTROLLER)
                        .setState("RUNNING")
                        .setSubmitMs(SteadyCluster.START_MS)
                        .setStartMs(SteadyCluster.START_MS)
                        .setAccount("g1")
                        .setUser("alice")
                        .setNodes(List.of("n1"))
                        .setGpuCount(1)
                        .build()
                        .toByteBuffer());
    }

    private static void advance(LiveRun run, long toMs) throws Exception {
        run.deliverAll();
        run.schedulerWatermark(toMs);
        run.telemetryWatermark(toMs);
        run.deliverAll();
    }

    @ParameterizedTest
    @EnumSource(names = {"IN_ORDER", "SHUFFLED", "ALL"})
    void a_run_that_fails_and_restores_ends_with_the_rows_of_one_that_did_not(Fault fault)
            throws Exception {
        int seeds = Integer.getInteger("gpuledger.seeds", 16);
        List<Scenario> scenarios = ScenarioChoice.of(3_000_000, 3_000_000 + seeds);
        Inputs inputs = Inputs.of(scenarios);
        List<SinkRow> undisturbed = new ArrayList<>();
        LiveRun backfill = new LiveRun(AttributionSettings.backfill(0, 1), 1, 0, undisturbed);
        Deliveries.atOnce(inputs, backfill);
        backfill.close();

        int orders = Integer.getInteger("gpuledger.orders", 1);
        int failures = 0;
        for (int n = 0; n < orders; n++) {
            int seed = fault.name().hashCode() + ScenarioChoice.FROM + n;
            List<SinkRow> rows = new ArrayList<>();
            Failing failing = new Failing(seed, rows);
            Deliveries.of(inputs, fault, seed)
                    .into(new LiveRun(AttributionSettings.live(1), 1, seed, rows), failing)
                    .close();

            failures += failing.failures;
            assertThat(SinkContents.deadLetters(rows)).isEmpty();
            List<String> differences =
                    SinkContents.differences(
                            SinkContents.current(undisturbed), SinkContents.current(rows));
            assertThat(differences.subList(0, Math.min(SHOWN, differences.size())))
                    .as(
                            "order %d: %d keys differ after %d failures",
                            n, differences.size(), failing.failures)
                    .isEmpty();
            assertThat(failing.neverWrittenAgain()).as("order %d", n).isEmpty();
        }
        assertThat(failures).isPositive();
    }
}

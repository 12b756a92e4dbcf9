package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.flink.SinkRow;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.util.OperatorSnapshotUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * State of every released version restores and goes on to exact rows. {@code savepoints/v1} holds
 * the state of both keyed operators after {@link #UNTIL_MS} of {@link SteadyCluster}, written by
 * the first version.
 *
 * <p>For the next version, once its state differs and before it is released:
 *
 * <ol>
 *   <li>{@code mvn -pl jobs/attribution -am test -Dtest=SavepointFixtureTest
 *       -Dsurefire.failIfNoSpecifiedTests=false -Dgpuledger.savepoint=v2} writes {@code
 *       src/test/resources/savepoints/v2} with the code as it stands;
 *   <li>add {@code v2} to {@link #RELEASED} and commit the files.
 * </ol>
 *
 * <p>Files of a released version are never written again, and {@link SteadyCluster} says for ever
 * what it says: another feed needs another class.
 */
class SavepointFixtureTest {
    private static final List<String> RELEASED = List.of("v1");
    private static final Path SAVEPOINTS = Path.of("src/test/resources/savepoints");
    private static final long STEP_MS = 300_000;
    private static final long HOUR_MS = 3_600_000;

    /** In the middle of a run, with windows that are not written yet. */
    private static final long UNTIL_MS = 5 * HOUR_MS + STEP_MS;

    private static final long END_MS = 9 * HOUR_MS;

    @Test
    void state_of_every_released_version_goes_on_to_exact_rows() throws Exception {
        List<SinkRow> undisturbed = new ArrayList<>();
        LiveRun whole = new LiveRun(AttributionSettings.live(1), 1, 1, undisturbed);
        go(whole, 0, END_MS);
        whole.close();
        Map<String, Object> expected = SinkContents.current(undisturbed);
        for (String version : RELEASED) {
            Path files = SAVEPOINTS.resolve(version);
            List<SinkRow> rows = new ArrayList<>();
            LiveRun before = new LiveRun(AttributionSettings.live(1), 1, 1, rows);
            go(before, 0, UNTIL_MS);
            before.close();
            int written = rows.size();
            LiveRun restored =
                    new LiveRun(
                            AttributionSettings.live(1),
                            2,
                            2,
                            rows,
                            new LiveRun.Checkpoint(
                                    List.of(read(files, RunAssembler.UID)),
                                    List.of(read(files, HostAttributor.UID))));
            go(restored, UNTIL_MS, END_MS);
            restored.close();

            assertThat(SinkContents.differences(expected, SinkContents.current(rows)))
                    .as(version)
                    .isEmpty();
            // What the state knew before is written again, so it is right as well: not only what
            // came after.
            assertThat(
                            SinkContents.differences(
                                    SinkContents.usage(expected),
                                    SinkContents.usage(
                                            SinkContents.current(
                                                    rows.subList(written, rows.size())))))
                    .as(version)
                    .isEmpty();
        }
    }

    @Test
    @EnabledIfSystemProperty(named = "gpuledger.savepoint", matches = "v[0-9]+")
    void write_the_state_of_this_version() throws Exception {
        Path files = SAVEPOINTS.resolve(System.getProperty("gpuledger.savepoint"));
        assertThat(files).as("a released state is never edited").doesNotExist();
        Files.createDirectories(files);
        LiveRun run = new LiveRun(AttributionSettings.live(1), 1, 1, new ArrayList<>());
        go(run, 0, UNTIL_MS);
        LiveRun.Checkpoint state = run.checkpoint(1);
        run.close();
        OperatorSnapshotUtil.writeStateHandle(
                state.assemblers().get(0), files.resolve(RunAssembler.UID).toString());
        OperatorSnapshotUtil.writeStateHandle(
                state.attributors().get(0), files.resolve(HostAttributor.UID).toString());
    }

    private static OperatorSubtaskState read(Path files, String operator) throws Exception {
        return OperatorSnapshotUtil.readStateHandle(files.resolve(operator).toString());
    }

    private static void go(LiveRun run, long fromMs, long toMs) throws Exception {
        new SteadyCluster().play(run, fromMs, toMs, STEP_MS);
    }
}

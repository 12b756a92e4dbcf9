package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.registry.AccountMapping;
import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.registry.Enforcement;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.GrantKind;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.registry.Thresholds;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.registry.RegistryText;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.util.OperatorSnapshotUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * State of every released version restores and goes on to exact rows. {@code savepoints/v1} holds
 * the state of both keyed operators after {@link #UNTIL_MS} of {@link SteadyCluster}, written by
 * the first version. Version 2 packs samples into chunks and a tail, and keeps the registry; its
 * feed has a registry and a scrape that is late by more than an hour as well. Version 3 shares
 * arrays ({@link SharedArray}) in the same bytes.
 *
 * <p>For the next version, once its state differs and before it is released:
 *
 * <ol>
 *   <li>{@code mvn -pl jobs/attribution -am test -Dtest=SavepointFixtureTest
 *       -Dsurefire.failIfNoSpecifiedTests=false -Dgpuledger.savepoint=v4} writes {@code
 *       src/test/resources/savepoints/v4} with the code as it stands;
 *   <li>add {@code v4} to {@link Released} and commit the files.
 * </ol>
 *
 * <p>Files of a released version are never written again, and {@link SteadyCluster} says for ever
 * what it says: another feed needs another class.
 */
class SavepointFixtureTest {
    private static final Path SAVEPOINTS = Path.of("src/test/resources/savepoints");
    private static final long STEP_MS = 300_000;
    private static final long HOUR_MS = 3_600_000;

    /** In the middle of a run, with windows that are not written yet. */
    private static final long UNTIL_MS = 5 * HOUR_MS + STEP_MS;

    private static final long END_MS = 9 * HOUR_MS;
    private static final RegistryState REGISTRY = registry();

    /** Versions whose state is kept, and what their feed has beside {@link SteadyCluster}. */
    private enum Released {
        V1(Feed.STEADY),
        V2(Feed.CHARGED_AND_LATE),
        V3(Feed.CHARGED_AND_LATE);

        private final Feed feed;

        Released(Feed feed) {
            this.feed = feed;
        }

        Path files() {
            return SAVEPOINTS.resolve(name().toLowerCase(Locale.ROOT));
        }
    }

    private enum Feed {
        STEADY,
        CHARGED_AND_LATE
    }

    @ParameterizedTest
    @EnumSource
    void state_of_every_released_version_goes_on_to_exact_rows(Released version) throws Exception {
        List<SinkRow> undisturbed = new ArrayList<>();
        LiveRun whole = new LiveRun(AttributionSettings.live(1), 1, 1, undisturbed);
        go(whole, version.feed, 0, END_MS);
        whole.close();
        Map<String, Object> expected = SinkContents.current(undisturbed);
        List<SinkRow> rows = new ArrayList<>();
        LiveRun before = new LiveRun(AttributionSettings.live(1), 1, 1, rows);
        go(before, version.feed, 0, UNTIL_MS);
        before.close();
        int written = rows.size();
        LiveRun restored =
                new LiveRun(
                        AttributionSettings.live(1),
                        2,
                        2,
                        rows,
                        new LiveRun.Checkpoint(
                                List.of(read(version.files(), RunAssembler.UID)),
                                List.of(read(version.files(), HostAttributor.UID))));
        go(restored, version.feed, UNTIL_MS, END_MS);
        restored.close();

        assertThat(SinkContents.differences(expected, SinkContents.current(rows))).isEmpty();
        // What the state knew before is written again, so it is right as well: not only what
        // came after.
        Map<String, Object> again = SinkContents.current(rows.subList(written, rows.size()));
        assertThat(
                        SinkContents.differences(
                                SinkContents.usage(expected), SinkContents.usage(again)))
                .isEmpty();
        assertThat(charged(expected)).isEqualTo(version.feed == Feed.CHARGED_AND_LATE);
    }

    private static boolean charged(Map<String, Object> rows) {
        return rows.values().stream()
                .anyMatch(
                        row ->
                                row instanceof UsageRow usage
                                        && usage.holders().stream()
                                                .anyMatch(h -> h.grantId().equals("g")));
    }

    @Test
    @EnabledIfSystemProperty(named = "gpuledger.savepoint", matches = "v[0-9]+")
    void write_the_state_of_this_version() throws Exception {
        Path files = SAVEPOINTS.resolve(System.getProperty("gpuledger.savepoint"));
        assertThat(files).as("a released state is never edited").doesNotExist();
        Files.createDirectories(files);
        LiveRun run = new LiveRun(AttributionSettings.live(1), 1, 1, new ArrayList<>());
        go(run, Feed.CHARGED_AND_LATE, 0, UNTIL_MS);
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

    private static void go(LiveRun run, Feed feed, long fromMs, long toMs) throws Exception {
        SteadyCluster cluster = new SteadyCluster();
        if (feed == Feed.STEADY) {
            cluster.play(run, fromMs, toMs, STEP_MS);
            return;
        }
        if (fromMs == 0) {
            run.registry(REGISTRY);
        }
        long late = 3 * HOUR_MS + STEP_MS / 2;
        long comes = 5 * HOUR_MS;
        cluster.play(run, fromMs, Math.max(fromMs, Math.min(toMs, comes)), STEP_MS);
        if (fromMs < comes && comes < toMs) {
            for (WireMessage message : cluster.telemetry(late)) {
                run.telemetry(message);
            }
            run.deliverAll();
        }
        cluster.play(run, Math.max(fromMs, comes), toMs, STEP_MS);
    }

    private static RegistryState registry() {
        Span always = new Span(SteadyCluster.START_MS - HOUR_MS, 4_000_000_020_000L);
        Grant grant =
                new Grant(
                        "g",
                        "t",
                        "p",
                        "",
                        "",
                        GrantKind.VOUCHER,
                        always,
                        List.of(
                                new BudgetLine.Funding(
                                        true, 0, always.startMs(), Span.OPEN_END, "")),
                        "",
                        Thresholds.STANDARD,
                        Enforcement.STANDARD);
        AccountMapping mapping =
                new AccountMapping(
                        "c", "g1", "", "", "", "g", new Span(Effective.OPEN_START, Span.OPEN_END));
        return new RegistryState(
                1,
                RegistryText.of(
                        new Registry(
                                List.of("c"),
                                List.of(grant),
                                List.of(mapping),
                                List.of(),
                                List.of(),
                                List.of())));
    }
}

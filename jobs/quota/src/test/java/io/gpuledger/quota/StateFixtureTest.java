package io.gpuledger.quota;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.registry.AccountMapping;
import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.Enforcement;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.GrantKind;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.registry.Thresholds;
import io.gpuledger.core.time.Span;
import io.gpuledger.registry.RegistryText;
import io.gpuledger.schemas.ConfiguredGresRecord;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.NodeDeviceRecord;
import io.gpuledger.schemas.QuotaDecisionRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.util.OperatorSnapshotUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * State of every released version restores and goes on to the same decisions. Written by {@code
 * -Dgpuledger.savepoint=v2} when the next version's differs; files of a released version are never
 * written again, and what {@link #first} and {@link #second} play stays what it is.
 */
class StateFixtureTest {
    private static final List<String> RELEASED = List.of("v1", "v2");
    private static final Path SAVEPOINTS = Path.of("src/test/resources/savepoints");
    private static final long START_MS = 1_795_000_020_000L;
    private static final QuotaSettings SETTINGS = QuotaSettings.standard(1);

    @Test
    void state_of_every_released_version_goes_on_to_the_same_decisions() throws Exception {
        QuotaRun.Topic undisturbed = new QuotaRun.Topic("undisturbed");
        QuotaRun.StateRow expected;
        try (QuotaRun run = begin(undisturbed, START_MS, null)) {
            first(run);
            second(run);
            expected = run.states().get("g");
        }
        assertThat(undisturbed.all())
                .extracting(d -> d.getState().name())
                .containsExactly("WARNING", "CRITICAL", "EXHAUSTED", "CRITICAL");
        for (String version : RELEASED) {
            QuotaRun.Topic topic = new QuotaRun.Topic("restored " + version);
            try (QuotaRun before = begin(topic, START_MS, null)) {
                first(before);
            }
            Path files = SAVEPOINTS.resolve(version);
            QuotaRun.Checkpoint state =
                    new QuotaRun.Checkpoint(
                            read(files, ConsumptionAssembler.UID),
                            read(files, GrantsOfRegistry.UID),
                            read(files, GrantBalance.UID));
            try (QuotaRun run = begin(topic, START_MS + 810_000, state)) {
                second(run);
                assertThat(run.states().get("g")).as(version).isEqualTo(expected);
            }
            assertThat(topic.all())
                    .as(version)
                    .extracting(QuotaDecisionRecord::getSequence, QuotaDecisionRecord::getState)
                    .containsExactlyElementsOf(
                            undisturbed.all().stream()
                                    .map(
                                            d ->
                                                    org.assertj.core.groups.Tuple.tuple(
                                                            d.getSequence(), d.getState()))
                                    .toList());
        }
    }

    @Test
    @EnabledIfSystemProperty(named = "gpuledger.savepoint", matches = "v[0-9]+")
    void write_the_state_of_this_version() throws Exception {
        Path files = SAVEPOINTS.resolve(System.getProperty("gpuledger.savepoint"));
        assertThat(files).as("a released state is never edited").doesNotExist();
        Files.createDirectories(files);
        try (QuotaRun run = begin(new QuotaRun.Topic("written"), START_MS, null)) {
            first(run);
            QuotaRun.Checkpoint state = run.checkpoint(1);
            write(state.assembler(), files, ConsumptionAssembler.UID);
            write(state.registry(), files, GrantsOfRegistry.UID);
            write(state.balance(), files, GrantBalance.UID);
        }
    }

    private static OperatorSubtaskState read(Path files, String operator) throws Exception {
        return OperatorSnapshotUtil.readStateHandle(files.resolve(operator).toString());
    }

    private static void write(OperatorSubtaskState state, Path files, String operator)
            throws Exception {
        OperatorSnapshotUtil.writeStateHandle(state, files.resolve(operator).toString());
    }

    private static QuotaRun begin(
            QuotaRun.Topic topic,
            long nowMs,
            QuotaRun.@org.jspecify.annotations.Nullable Checkpoint from)
            throws Exception {
        return new QuotaRun(SETTINGS, registry(), topic, nowMs, from);
    }

    /** Two runs, one of them ended, and the warning. */
    private static void first(QuotaRun run) throws Exception {
        run.registry(1, registry());
        run.record(
                bytes(
                        HostSnapshotRecord.newBuilder()
                                .setCluster("c")
                                .setHost("n1")
                                .setObservedAtMs(START_MS)
                                .setGres(
                                        List.of(
                                                ConfiguredGresRecord.newBuilder()
                                                        .setKind("gpu")
                                                        .setGresType("h100")
                                                        .setCount(8)
                                                        .build()))
                                .build()
                                .toByteBuffer()),
                START_MS);
        JobSnapshotRecord ended = job(1, 0, START_MS, 4, START_MS + 100_000);
        run.record(bytes(ended.toByteBuffer()), START_MS + 100_000);
        play(run, 0, 800_000);
    }

    /** The rest is used up; then it ends a little earlier than was thought. */
    private static void second(QuotaRun run) throws Exception {
        play(run, 810_000, 1_010_000);
        run.record(
                bytes(job(2, 1_011_000, START_MS, 4, START_MS + 1_010_000).toByteBuffer()),
                START_MS + 1_011_000);
        run.record(
                bytes(job(1, 1_012_000, START_MS, 4, START_MS + 40_000).toByteBuffer()),
                START_MS + 1_012_000);
        run.clock(START_MS + 1_020_000);
        run.watermark(START_MS + 1_020_000);
        run.clock(START_MS + 1_100_000);
    }

    private static void play(QuotaRun run, long from, long to) throws Exception {
        for (long ms = from; ms <= to; ms += 10_000) {
            long now = START_MS + ms;
            run.record(bytes(job(2, ms, START_MS, 4, null).toByteBuffer()), now);
            run.record(
                    bytes(
                            SchedulerHeartbeatRecord.newBuilder()
                                    .setCluster("c")
                                    .setObservedAtMs(now)
                                    .setKind(HeartbeatKind.HEARTBEAT)
                                    .build()
                                    .toByteBuffer()),
                    now);
            run.watermark(now);
            run.clock(now);
        }
    }

    private static JobSnapshotRecord job(
            long id,
            long ms,
            long startMs,
            int gpus,
            @org.jspecify.annotations.Nullable Long endMs) {
        return JobSnapshotRecord.newBuilder()
                .setCluster("c")
                .setRawJobId(id)
                .setObservedAtMs(START_MS + ms + (endMs == null ? 0 : 100_000))
                .setSource(endMs == null ? JobSource.CONTROLLER : JobSource.ACCOUNTING)
                .setState(endMs == null ? "RUNNING" : "COMPLETED")
                .setSubmitMs(startMs)
                .setStartMs(startMs)
                .setEndMs(endMs)
                .setAccount("a")
                .setNodes(List.of("n1"))
                .setGpuCount(gpus)
                .setDevices(
                        List.of(
                                NodeDeviceRecord.newBuilder()
                                        .setHost("n1")
                                        .setKind("gpu")
                                        .setGresType("h100")
                                        .setCount(gpus)
                                        .setIndices(
                                                List.of(
                                                        (int) id * 4 - 4,
                                                        (int) id * 4 - 3,
                                                        (int) id * 4 - 2,
                                                        (int) id * 4 - 1))
                                        .build()))
                .build();
    }

    private static String registry() {
        Span term = new Span(946_684_800_000L, 3_786_912_000_000L);
        return RegistryText.of(
                new Registry(
                        List.of("c"),
                        List.of(
                                new Grant(
                                        "g",
                                        "A grant",
                                        "Anna Holm",
                                        "",
                                        "",
                                        GrantKind.VOUCHER,
                                        term,
                                        List.of(
                                                new BudgetLine.Funding(
                                                        true,
                                                        4_400_000_000L,
                                                        term.startMs(),
                                                        Span.OPEN_END,
                                                        "first")),
                                        "",
                                        Thresholds.STANDARD,
                                        Enforcement.STANDARD)),
                        List.of(new AccountMapping("c", "a", "", "", "", "g", term)),
                        List.of(),
                        List.of(),
                        List.of()));
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }
}

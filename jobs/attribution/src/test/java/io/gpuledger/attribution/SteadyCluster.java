package io.gpuledger.attribution;

import io.gpuledger.flink.WireMessage;
import io.gpuledger.schemas.ConfiguredGresRecord;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.NodeDeviceRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A cluster whose days are all alike: one host of two GPUs, looked at every five minutes, a job of
 * two hours after the other on one GPU. Every fourth job is one whose end nobody tells.
 */
final class SteadyCluster {
    static final long START_MS = 1_700_000_000_000L / 3_600_000 * 3_600_000;

    private static final long HOUR_MS = 3_600_000;
    private static final long JOB_MS = 2 * HOUR_MS;
    private static final int INTERVAL_MS = 300_000;

    private long position;

    /** What the scheduler's collectors say {@code sinceMs} after the start. */
    List<WireMessage> scheduler(long sinceMs) throws IOException {
        long at = START_MS + sinceMs;
        List<WireMessage> said = new ArrayList<>();
        long job = Math.floorDiv(sinceMs, JOB_MS);
        long start = START_MS + job * JOB_MS;
        // The last ten minutes before the next job nobody has the GPU.
        if (at < start + JOB_MS - 600_000) {
            said.add(message(job(JobSource.CONTROLLER, job, start, at, "RUNNING", null)));
        } else if (job % 4 != 3) {
            said.add(
                    message(
                            job(
                                    JobSource.ACCOUNTING,
                                    job,
                                    start,
                                    at,
                                    "COMPLETED",
                                    start + JOB_MS - 600_000)));
        }
        said.add(heartbeat(at));
        said.add(
                message(
                        HostSnapshotRecord.newBuilder()
                                .setCluster("c")
                                .setHost("n1")
                                .setObservedAtMs(at)
                                .setStates(List.of("IDLE", "DAY_" + sinceMs / (24 * HOUR_MS)))
                                .setGres(
                                        List.of(
                                                ConfiguredGresRecord.newBuilder()
                                                        .setKind("gpu")
                                                        .setGresType("h100")
                                                        .setCount(2)
                                                        .build()))
                                .build()
                                .toByteBuffer()));
        return said;
    }

    /** What the exporter says then. */
    List<WireMessage> telemetry(long sinceMs) throws IOException {
        return telemetry(sinceMs, 2);
    }

    /** The same of the first so many GPUs. */
    List<WireMessage> telemetry(long sinceMs, int shown) throws IOException {
        List<GpuSampleRecord> gpus = new ArrayList<>();
        for (int gpu = 0; gpu < shown; gpu++) {
            gpus.add(
                    GpuSampleRecord.newBuilder()
                            .setGpuIndex(gpu)
                            .setUuid("GPU-" + gpu)
                            .setModel("H100")
                            .setValues(List.of(500_000L, 1_000_000L + sinceMs * 3))
                            .build());
        }
        return List.of(
                message(
                        HostScrapeRecord.newBuilder()
                                .setCluster("c")
                                .setHost("n1")
                                .setObservedAtMs(START_MS + sinceMs)
                                .setScrapeIntervalMs(INTERVAL_MS)
                                .setFields(List.of(1001, 156))
                                .setGpus(gpus)
                                .build()
                                .toByteBuffer()));
    }

    WireMessage heartbeat(long atMs) throws IOException {
        return message(
                SchedulerHeartbeatRecord.newBuilder()
                        .setCluster("c")
                        .setObservedAtMs(atMs)
                        .setKind(HeartbeatKind.COMPLETE_POLL)
                        .build()
                        .toByteBuffer());
    }

    static ByteBuffer job(
            JobSource source, long job, long start, long at, String state, @Nullable Long end)
            throws IOException {
        return jobOn(0, source, job, start, at, state, end);
    }

    static ByteBuffer jobOn(
            int gpu,
            JobSource source,
            long job,
            long start,
            long at,
            String state,
            @Nullable Long end)
            throws IOException {
        return JobSnapshotRecord.newBuilder()
                .setCluster("c")
                .setRawJobId(1 + job)
                .setObservedAtMs(at)
                .setSource(source)
                .setState(state)
                .setSubmitMs(start)
                .setStartMs(start)
                .setEndMs(end)
                .setAccount("g1")
                .setUser("alice")
                .setNodes(List.of("n1"))
                .setGpuCount(1)
                .setDevices(
                        List.of(
                                NodeDeviceRecord.newBuilder()
                                        .setHost("n1")
                                        .setKind("gpu")
                                        .setGresType("h100")
                                        .setCount(1)
                                        .setIndices(List.of(gpu))
                                        .build()))
                .build()
                .toByteBuffer();
    }

    WireMessage message(ByteBuffer encoded) {
        byte[] bytes = new byte[encoded.remaining()];
        encoded.duplicate().get(bytes);
        return new WireMessage(bytes, "topic", 0, position++);
    }

    /** Lets a run see all of it from one time after {@link #START_MS} to another. */
    void play(LiveRun run, long fromMs, long toMs, long stepMs) throws Exception {
        for (long at = fromMs; at < toMs; at += stepMs) {
            run.clock(START_MS + at);
            for (WireMessage message : scheduler(at)) {
                run.scheduler(message);
            }
            for (WireMessage message : telemetry(at)) {
                run.telemetry(message);
            }
            run.schedulerWatermark(START_MS + at);
            run.telemetryWatermark(START_MS + at);
            run.deliverAll();
        }
    }
}

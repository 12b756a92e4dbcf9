package io.gpuledger.benchmarks;

import io.gpuledger.schemas.ConfiguredGresRecord;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.NodeDeviceRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.stream.IntStream;

/** What a collector says of a {@link SimulatedCluster} at a poll, in single-object encoding. */
final class SchedulerRecords {
    private SchedulerRecords() {}

    /** A live job as the controller shows it, its GPUs by index. */
    static ByteBuffer running(SimulatedJob job, long pollMs) throws IOException {
        String host = SimulatedCluster.host(job.host());
        return job(job, pollMs)
                .setSource(JobSource.CONTROLLER)
                .setState("RUNNING")
                .setDevices(
                        List.of(
                                NodeDeviceRecord.newBuilder()
                                        .setHost(host)
                                        .setKind("gpu")
                                        .setGresType("h100")
                                        .setCount(job.gpus())
                                        .setIndices(
                                                IntStream.range(
                                                                job.firstGpu(),
                                                                job.firstGpu() + job.gpus())
                                                        .boxed()
                                                        .toList())
                                        .build()))
                .build()
                .toByteBuffer();
    }

    /** Its row in the accounting when it has ended. */
    static ByteBuffer ended(SimulatedJob job, long pollMs) throws IOException {
        return job(job, pollMs)
                .setSource(JobSource.ACCOUNTING)
                .setState("COMPLETED")
                .setEndMs(job.endMs())
                .build()
                .toByteBuffer();
    }

    private static JobSnapshotRecord.Builder job(SimulatedJob job, long pollMs) {
        return JobSnapshotRecord.newBuilder()
                .setCluster(SimulatedCluster.NAME)
                .setRawJobId(job.id())
                .setJobId(Long.toString(job.id()))
                .setObservedAtMs(pollMs)
                .setSubmitMs(job.startMs() - 60_000)
                .setStartMs(job.startMs())
                .setRestartCount(0)
                .setAccount(job.account())
                .setUser(job.user())
                .setPartition("defq")
                .setQos("normal")
                .setName("train")
                .setNodes(List.of(SimulatedCluster.host(job.host())))
                .setGpuCount(job.gpus())
                .setGpuTypes(List.of("h100"));
    }

    static ByteBuffer host(int host, long pollMs) throws IOException {
        return HostSnapshotRecord.newBuilder()
                .setCluster(SimulatedCluster.NAME)
                .setHost(SimulatedCluster.host(host))
                .setObservedAtMs(pollMs)
                .setStates(List.of("MIXED"))
                .setGres(
                        List.of(
                                ConfiguredGresRecord.newBuilder()
                                        .setKind("gpu")
                                        .setGresType("h100")
                                        .setCount(SimulatedCluster.GPUS_PER_HOST)
                                        .build()))
                .build()
                .toByteBuffer();
    }

    static ByteBuffer completePoll(long pollMs) throws IOException {
        return SchedulerHeartbeatRecord.newBuilder()
                .setCluster(SimulatedCluster.NAME)
                .setObservedAtMs(pollMs)
                .setKind(HeartbeatKind.COMPLETE_POLL)
                .build()
                .toByteBuffer();
    }
}

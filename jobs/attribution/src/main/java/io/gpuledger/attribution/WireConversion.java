package io.gpuledger.attribution;

import io.gpuledger.core.run.JobSnapshot;
import io.gpuledger.core.run.JobSource;
import io.gpuledger.core.run.NodeDevices;
import io.gpuledger.core.usage.GpuSample;
import io.gpuledger.schemas.ConfiguredGresRecord;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.NodeDeviceRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Between the wire schemas and the types of the job and the core. */
final class WireConversion {
    private static final int ACTIVE = 1001;
    private static final int SM_ACTIVE = 1002;
    private static final int TENSOR_ACTIVE = 1004;
    private static final int DRAM_ACTIVE = 1005;
    private static final int GPU_UTIL = 203;
    private static final int POWER = 155;
    private static final int ENERGY = 156;
    private static final int MEMORY_USED = 252;

    private WireConversion() {}

    static JobInput jobInput(JobSnapshotRecord record) throws IOException {
        JobInput input = new JobInput();
        input.cluster = record.getCluster();
        input.rawJobId = record.getRawJobId();
        input.firstObservedMs = record.getObservedAtMs();
        input.lastObservedMs = record.getObservedAtMs();
        JobSnapshotRecord content = JobSnapshotRecord.newBuilder(record).setOrigin("").build();
        if (!isHook(JobSource.valueOf(record.getSource().name()))) {
            // A hook is an event and its time is what it says; a poll only repeats itself.
            content.setObservedAtMs(0);
        }
        input.snapshot = bytes(JobSnapshotRecord.getEncoder().encode(content));
        input.contentKey = digest(input.snapshot);
        return input;
    }

    private static boolean isHook(JobSource source) {
        return switch (source) {
            case PROLOG, EPILOG, PROLOG_SLURMCTLD, EPILOG_SLURMCTLD -> true;
            case ACCOUNTING, CONTROLLER, JOBCOMP -> false;
        };
    }

    static JobSnapshot jobSnapshot(JobInput input) {
        JobSnapshotRecord r;
        try {
            r = JobSnapshotRecord.getDecoder().decode(input.snapshot);
        } catch (IOException e) {
            throw new UncheckedIOException("job snapshot in state does not decode", e);
        }
        List<NodeDevices> devices = new ArrayList<>();
        for (NodeDeviceRecord d : r.getDevices()) {
            devices.add(
                    new NodeDevices(
                            d.getHost(),
                            d.getKind(),
                            d.getGresType(),
                            d.getCount(),
                            d.getIndices(),
                            d.getIndexCounts()));
        }
        return new JobSnapshot(
                JobSource.valueOf(r.getSource().name()),
                input.firstObservedMs,
                input.lastObservedMs,
                r.getJobId(),
                r.getState(),
                r.getSubmitMs(),
                r.getStartMs(),
                r.getEndMs(),
                r.getRestartCount(),
                r.getAccount(),
                r.getUser(),
                r.getPartition(),
                r.getQos(),
                r.getName(),
                r.getNodes(),
                r.getGpuCount(),
                r.getGpuTypes(),
                r.getShardCount(),
                devices,
                r.getSuspendedTotalMs(),
                r.getSuspendAtMs(),
                r.getRunningBeforeSuspendMs(),
                r.getResizedAtMs(),
                r.getFlags().contains("TIME_AMBIGUOUS"),
                input.contentKey);
    }

    static HeartbeatInput heartbeat(SchedulerHeartbeatRecord record) {
        HeartbeatInput input = new HeartbeatInput();
        input.cluster = record.getCluster();
        input.observedAtMs = record.getObservedAtMs();
        input.completePoll = record.getKind() == HeartbeatKind.COMPLETE_POLL;
        Long from = record.getCoveredFromMs();
        input.coveredFromMs =
                record.getKind() == HeartbeatKind.BOUNDED_ACCOUNTING && from != null ? from : -1;
        return input;
    }

    static HostInput inventory(HostSnapshotRecord record) {
        HostInput input = new HostInput();
        input.kind = HostInput.INVENTORY;
        input.cluster = record.getCluster();
        input.host = record.getHost();
        input.observedAtMs = record.getObservedAtMs();
        for (ConfiguredGresRecord gres : record.getGres()) {
            if (gres.getKind().equals(NodeDevices.GPU)) {
                input.inventoryGpus += gres.getCount();
            } else if (gres.getKind().equals(NodeDevices.SHARD)) {
                input.inventoryShards += gres.getCount();
            }
        }
        return input;
    }

    /** Whole GPUs only; MIG instances come with their own issue and are merged into the parent. */
    static HostInput samples(HostScrapeRecord record) {
        HostInput input = new HostInput();
        input.kind = HostInput.SAMPLES;
        input.cluster = record.getCluster();
        input.host = record.getHost();
        input.observedAtMs = record.getObservedAtMs();
        List<GpuSampleRecord> gpus = new ArrayList<>();
        for (GpuSampleRecord gpu : record.getGpus()) {
            if (gpu.getInstance() < 0) {
                gpus.add(gpu);
            }
        }
        int n = gpus.size();
        input.gpuIndex = new int[n];
        input.uuids = new String[n];
        input.models = new String[n];
        input.samples = new long[n * SampleBlock.WIDTH];
        Map<Integer, Integer> columns = new HashMap<>();
        for (int i = 0; i < record.getFields().size(); i++) {
            columns.put(record.getFields().get(i), i);
        }
        for (int i = 0; i < n; i++) {
            GpuSampleRecord gpu = gpus.get(i);
            input.gpuIndex[i] = gpu.getGpuIndex();
            input.uuids[i] = gpu.getUuid();
            input.models[i] = gpu.getModel();
            long active = value(gpu, columns, ACTIVE);
            int at = i * SampleBlock.WIDTH;
            input.samples[at] = record.getObservedAtMs();
            input.samples[at + 1] = record.getScrapeIntervalMs() * 3L / 2;
            input.samples[at + 2] = active >= 0 ? active : value(gpu, columns, GPU_UTIL);
            input.samples[at + 3] = value(gpu, columns, SM_ACTIVE);
            input.samples[at + 4] = value(gpu, columns, TENSOR_ACTIVE);
            input.samples[at + 5] = value(gpu, columns, DRAM_ACTIVE);
            input.samples[at + 6] = value(gpu, columns, MEMORY_USED);
            input.samples[at + 7] = value(gpu, columns, ENERGY);
            input.samples[at + 8] = value(gpu, columns, POWER);
        }
        return input;
    }

    private static long value(GpuSampleRecord gpu, Map<Integer, Integer> columns, int field) {
        Integer column = columns.get(field);
        @Nullable Long value = column == null ? null : gpu.getValues().get(column);
        return value == null ? GpuSample.ABSENT : value;
    }

    static String digest(byte[] content) {
        try {
            byte[] sha = MessageDigest.getInstance("SHA-256").digest(content);
            return HexFormat.of().formatHex(sha, 0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }
}

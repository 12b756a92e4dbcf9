package io.gpuledger.flink.records;

import io.gpuledger.core.run.JobSnapshot;
import io.gpuledger.core.run.JobSource;
import io.gpuledger.core.run.NodeDevices;
import io.gpuledger.core.usage.HostInventory;
import io.gpuledger.core.usage.MigLayout;
import io.gpuledger.schemas.ConfiguredGresRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.InventoryGpuRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.MigInstanceRecord;
import io.gpuledger.schemas.NodeDeviceRecord;
import io.gpuledger.schemas.ReleasedSchemas;
import io.gpuledger.schemas.ReservationRecord;
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
import java.util.Set;
import org.apache.avro.message.BinaryMessageDecoder;
import org.jspecify.annotations.Nullable;

/** Between snapshots on the wire, their content in state, and the core's. */
public final class SnapshotConversion {
    /** States in which a free GPU is given to nobody: sinfo(1), node state codes. */
    private static final Set<String> NOT_GIVEN_OUT =
            Set.of(
                    "DOWN",
                    "ERROR",
                    "FAIL",
                    "FAILING",
                    "DRAIN",
                    "DRAINED",
                    "DRAINING",
                    "MAINT",
                    "MAINTENANCE",
                    "NO_RESPOND",
                    "NOT_RESPONDING");

    private static final BinaryMessageDecoder<JobSnapshotRecord> JOB_SNAPSHOTS =
            JobSnapshotRecord.getDecoder();
    private static final BinaryMessageDecoder<HostSnapshotRecord> HOST_SNAPSHOTS =
            HostSnapshotRecord.getDecoder();

    static {
        // State outlives releases as records in topics do.
        ReleasedSchemas.of("JobSnapshotRecord").forEach(JOB_SNAPSHOTS::addSchema);
        ReleasedSchemas.of("HostSnapshotRecord").forEach(HOST_SNAPSHOTS::addSchema);
    }

    private SnapshotConversion() {}

    /**
     * What a snapshot says, apart from where it was read and, where it only repeats itself, when:
     * equal contents are one snapshot. In single-object encoding.
     */
    public static byte[] content(JobSnapshotRecord record) throws IOException {
        // The digest decides between equals: it must not depend on what a site calls its cluster.
        JobSnapshotRecord content =
                JobSnapshotRecord.newBuilder(record).setOrigin("").setCluster("").build();
        if (!isHook(record)) {
            // A hook is an event and its time is what it says; a poll only repeats itself.
            content.setObservedAtMs(0);
        }
        return bytes(JobSnapshotRecord.getEncoder().encode(content));
    }

    /** The same of a host. */
    public static byte[] content(HostSnapshotRecord record) throws IOException {
        HostSnapshotRecord content =
                HostSnapshotRecord.newBuilder(record)
                        .setOrigin("")
                        .setCluster("")
                        .setObservedAtMs(0)
                        .build();
        return bytes(HostSnapshotRecord.getEncoder().encode(content));
    }

    /** An event of its own, which polls are not. */
    public static boolean isHook(JobSnapshotRecord record) {
        return switch (JobSource.valueOf(record.getSource().name())) {
            case PROLOG, EPILOG, PROLOG_SLURMCTLD, EPILOG_SLURMCTLD -> true;
            case ACCOUNTING, CONTROLLER, JOBCOMP -> false;
        };
    }

    /** Of a content in state, and the first and last time that it was seen. */
    public static JobSnapshot jobSnapshot(
            byte[] content, long firstObservedMs, long lastObservedMs, String contentKey) {
        JobSnapshotRecord r;
        try {
            r = JOB_SNAPSHOTS.decode(content);
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
                firstObservedMs,
                lastObservedMs,
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
                r.getTimeLimitMs(),
                doubt(r.getFlags()),
                contentKey);
    }

    private static JobSnapshot.@Nullable ClockDoubt doubt(List<String> flags) {
        return flags.contains("TIME_AMBIGUOUS")
                ? new JobSnapshot.ClockDoubt(
                        flags.contains("SUBMIT_MOVES"),
                        flags.contains("START_MOVES"),
                        flags.contains("END_MOVES"))
                : null;
    }

    /** Of a content in state. */
    public static HostSnapshotRecord hostSnapshot(byte[] content) {
        try {
            return HOST_SNAPSHOTS.decode(content);
        } catch (IOException e) {
            throw new UncheckedIOException("host snapshot in state does not decode", e);
        }
    }

    /** A host as it was at an instant. */
    public static HostInventory inventory(HostSnapshotRecord r, long atMs, String contentKey) {
        int shards = 0;
        List<HostInventory.TypedGpus> gpus = new ArrayList<>();
        for (ConfiguredGresRecord gres : r.getGres()) {
            if (gres.getKind().equals(NodeDevices.GPU)) {
                gpus.add(new HostInventory.TypedGpus(gres.getGresType(), gres.getCount()));
            } else if (gres.getKind().equals(NodeDevices.SHARD)) {
                shards += gres.getCount();
            }
        }
        Map<Integer, MigLayout.Instance> instances = new HashMap<>();
        for (MigInstanceRecord i : r.getInstances()) {
            instances.put(
                    i.getOrdinal(),
                    new MigLayout.Instance(i.getGpuIndex(), i.getInstance(), i.getSlices()));
        }
        List<HostInventory.Card> cards = new ArrayList<>();
        for (InventoryGpuRecord gpu : r.getGpus()) {
            cards.add(new HostInventory.Card(gpu.getGpuIndex(), gpu.getUuid(), gpu.getModel()));
        }
        List<HostInventory.Reservation> reservations = new ArrayList<>();
        for (ReservationRecord reserved : r.getReservations()) {
            reservations.add(
                    new HostInventory.Reservation(
                            reserved.getName(),
                            reserved.getStartMs(),
                            reserved.getEndMs(),
                            reserved.getMaintenance()));
        }
        boolean saysNoGres = configures(r) || !reservations.isEmpty();
        return new HostInventory(
                atMs,
                r.getPresent(),
                availability(r),
                saysNoGres && gpus.isEmpty() ? null : gpus,
                shards,
                instances.isEmpty()
                        ? MigLayout.NONE
                        : new MigLayout(instances, Math.max(1, r.getSlicesPerGpu())),
                cards,
                reservations,
                contentKey);
    }

    /** The site says what its indices mean; of Gres and state this says nothing. */
    public static boolean configures(HostSnapshotRecord record) {
        return !record.getInstances().isEmpty() || !record.getGpus().isEmpty();
    }

    private static HostInventory.Availability availability(HostSnapshotRecord record) {
        if (record.getStates().isEmpty()) {
            return HostInventory.Availability.UNSAID;
        }
        if (record.getStates().stream().anyMatch(NOT_GIVEN_OUT::contains)) {
            return HostInventory.Availability.DOWN;
        }
        return record.getStates().contains("RESERVED")
                ? HostInventory.Availability.RESERVED
                : HostInventory.Availability.AVAILABLE;
    }

    /** Names a content. */
    public static String digest(byte[] content) {
        return HexFormat.of().formatHex(sha256(content), 0, 16);
    }

    /** Half of it, where only the last version and the next one are told apart. */
    public static long digest64(byte[] content) {
        return ByteBuffer.wrap(sha256(content)).getLong();
    }

    private static byte[] sha256(byte[] content) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(content);
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

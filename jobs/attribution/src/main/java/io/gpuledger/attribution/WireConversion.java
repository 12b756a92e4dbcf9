package io.gpuledger.attribution;

import io.gpuledger.core.run.JobSnapshot;
import io.gpuledger.core.run.JobSource;
import io.gpuledger.core.run.NodeDevices;
import io.gpuledger.core.usage.HostInventory;
import io.gpuledger.core.usage.MigLayout;
import io.gpuledger.core.usage.SampleSeries;
import io.gpuledger.schemas.ConfiguredGresRecord;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.InventoryGpuRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.MigInstanceRecord;
import io.gpuledger.schemas.NodeDeviceRecord;
import io.gpuledger.schemas.ReleasedSchemas;
import io.gpuledger.schemas.ReservationRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.avro.message.BinaryMessageDecoder;
import org.jspecify.annotations.Nullable;

/** Between the wire schemas and the types of the job and the core. */
final class WireConversion {
    static final int ENGINE = 1001;
    static final int UTILISATION = 203;
    static final int SM = 1002;
    static final int TENSOR = 1004;
    static final int DRAM = 1005;
    static final int MEMORY_MIB = 252;
    static final int ENERGY_MJ = 156;
    static final int POWER_MW = 155;

    /** DCGM field ids in the order of {@link SampleSeries}. */
    private static final int[] KEPT_FIELDS = {
        ENGINE, UTILISATION, SM, TENSOR, DRAM, MEMORY_MIB, ENERGY_MJ, POWER_MW
    };

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

    private WireConversion() {}

    static JobInput jobInput(JobSnapshotRecord record) throws IOException {
        JobInput input = new JobInput();
        input.cluster = record.getCluster();
        input.rawJobId = record.getRawJobId();
        input.firstObservedMs = record.getObservedAtMs();
        input.lastObservedMs = record.getObservedAtMs();
        input.latestMs = latestMs(record.getEndMs(), record.getObservedAtMs());
        // The digest decides between equals: it must not depend on what a site calls its cluster.
        JobSnapshotRecord content =
                JobSnapshotRecord.newBuilder(record).setOrigin("").setCluster("").build();
        if (!isHook(record)) {
            // A hook is an event and its time is what it says; a poll only repeats itself.
            content.setObservedAtMs(0);
        }
        input.snapshot = bytes(JobSnapshotRecord.getEncoder().encode(content));
        input.contentKey = digest(input.snapshot);
        return input;
    }

    /** The latest time that a snapshot concerns. */
    static long latestMs(@Nullable Long endMs, long observedAtMs) {
        return endMs == null ? observedAtMs : Math.min(endMs, observedAtMs);
    }

    static boolean isHook(JobSnapshotRecord record) {
        return switch (JobSource.valueOf(record.getSource().name())) {
            case PROLOG, EPILOG, PROLOG_SLURMCTLD, EPILOG_SLURMCTLD -> true;
            case ACCOUNTING, CONTROLLER, JOBCOMP -> false;
        };
    }

    static JobSnapshot jobSnapshot(JobInput input) {
        JobSnapshotRecord r;
        try {
            r = JOB_SNAPSHOTS.decode(input.snapshot);
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
                doubt(r.getFlags()),
                input.contentKey);
    }

    private static JobSnapshot.@Nullable ClockDoubt doubt(List<String> flags) {
        return flags.contains("TIME_AMBIGUOUS")
                ? new JobSnapshot.ClockDoubt(
                        flags.contains("SUBMIT_MOVES"),
                        flags.contains("START_MOVES"),
                        flags.contains("END_MOVES"))
                : null;
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

    /** What a host snapshot says, apart from when and where it was read. */
    static HostInput inventoryInput(HostSnapshotRecord record) throws IOException {
        HostInput input = new HostInput();
        input.kind = HostInput.INVENTORY;
        input.configures = configures(record);
        input.cluster = record.getCluster();
        input.host = record.getHost();
        input.observedAtMs = record.getObservedAtMs();
        HostSnapshotRecord content =
                HostSnapshotRecord.newBuilder(record)
                        .setOrigin("")
                        .setCluster("")
                        .setObservedAtMs(0)
                        .build();
        input.snapshot = bytes(HostSnapshotRecord.getEncoder().encode(content));
        input.contentKey = digest(input.snapshot);
        return input;
    }

    /** A host snapshot in state, as it was at one of its instants. */
    static HostInventory inventory(InventoryState state, long atMs, String contentKey) {
        HostSnapshotRecord r = decoded(state);
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

    private static HostSnapshotRecord decoded(InventoryState state) {
        try {
            return HOST_SNAPSHOTS.decode(state.snapshot);
        } catch (IOException e) {
            throw new UncheckedIOException("host snapshot in state does not decode", e);
        }
    }

    static boolean configures(InventoryState state) {
        return configures(decoded(state));
    }

    /** The site says what its indices mean; of Gres and state this says nothing. */
    static boolean configures(HostSnapshotRecord record) {
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

    /** Decoded by Avro; {@link ScrapeLayout#read} does the same for bytes like those before. */
    static Scrape scrape(HostScrapeRecord record, ScrapeLayout layout) {
        long[] values = new long[layout.size() * SampleSeries.FIELDS];
        Arrays.fill(values, SampleSeries.ABSENT);
        for (int i = 0; i < layout.size(); i++) {
            List<@Nullable Long> read = record.getGpus().get(i).getValues();
            for (int f = 0; f < layout.columns.length; f++) {
                Long value = read.get(f);
                if (layout.columns[f] >= 0 && value != null) {
                    values[i * SampleSeries.FIELDS + layout.columns[f]] = value;
                }
            }
        }
        return new Scrape(
                layout,
                record.getObservedAtMs(),
                coverMs(record.getScrapeIntervalMs()),
                values,
                false);
    }

    static long coverMs(long scrapeIntervalMs) {
        return scrapeIntervalMs * 3 / 2;
    }

    /** Columns of the fields of a record among the values of a sample, -1 for others. */
    static int[] columns(List<Integer> fields) {
        int[] columns = new int[fields.size()];
        Arrays.fill(columns, -1);
        for (int f = 0; f < KEPT_FIELDS.length; f++) {
            // Of a field that is there twice the last one counts.
            int at = fields.lastIndexOf(KEPT_FIELDS[f]);
            if (at >= 0) {
                columns[at] = f;
            }
        }
        return columns;
    }

    /** Compute slices of the card that MIG instances are parts of. */
    static int slicesPerGpu(String model) {
        return model.contains("A30") ? 4 : 7;
    }

    /** Compute slices of a MIG profile: {@code 3g.20gb} has 3, {@code 1c.3g.20gb} shares those. */
    static int slices(String profile) {
        for (String part : profile.split("\\.", -1)) {
            if (part.endsWith("g") && part.length() > 1 && Character.isDigit(part.charAt(0))) {
                int slices = part.charAt(0) - '0';
                return Math.max(1, slices);
            }
        }
        return 1;
    }

    static String digest(byte[] content) {
        return HexFormat.of().formatHex(sha256(content), 0, 16);
    }

    /** Half of it, where only the last version and the next one are told apart. */
    static long digest64(byte[] content) {
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

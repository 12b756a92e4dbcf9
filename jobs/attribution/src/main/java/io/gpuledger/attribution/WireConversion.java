package io.gpuledger.attribution;

import io.gpuledger.core.run.JobSnapshot;
import io.gpuledger.core.usage.HostInventory;
import io.gpuledger.core.usage.SampleSeries;
import io.gpuledger.flink.records.DcgmField;
import io.gpuledger.flink.records.SnapshotConversion;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Between the wire schemas and the types of the job and the core. */
final class WireConversion {
    static final int ENGINE = DcgmField.ENGINE;
    static final int UTILISATION = DcgmField.UTILISATION;
    static final int SM = DcgmField.SM;
    static final int TENSOR = DcgmField.TENSOR;
    static final int DRAM = DcgmField.DRAM;
    static final int MEMORY_MIB = DcgmField.MEMORY_MIB;
    static final int ENERGY_MJ = DcgmField.ENERGY_MJ;
    static final int POWER_MW = DcgmField.POWER_MW;

    /** DCGM field ids in the order of {@link SampleSeries}. */
    private static final int[] KEPT_FIELDS = {
        ENGINE, UTILISATION, SM, TENSOR, DRAM, MEMORY_MIB, ENERGY_MJ, POWER_MW
    };

    private WireConversion() {}

    static JobInput jobInput(JobSnapshotRecord record) throws IOException {
        JobInput input = new JobInput();
        input.cluster = record.getCluster();
        input.rawJobId = record.getRawJobId();
        input.firstObservedMs = record.getObservedAtMs();
        input.lastObservedMs = record.getObservedAtMs();
        input.latestMs = latestMs(record.getEndMs(), record.getObservedAtMs());
        input.snapshot = SnapshotConversion.content(record);
        input.contentKey = digest(input.snapshot);
        return input;
    }

    /** The latest time that a snapshot concerns. */
    static long latestMs(@Nullable Long endMs, long observedAtMs) {
        return endMs == null ? observedAtMs : Math.min(endMs, observedAtMs);
    }

    static JobSnapshot jobSnapshot(JobInput input) {
        return SnapshotConversion.jobSnapshot(
                input.snapshot, input.firstObservedMs, input.lastObservedMs, input.contentKey);
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
        input.configures = SnapshotConversion.configures(record);
        input.cluster = record.getCluster();
        input.host = record.getHost();
        input.observedAtMs = record.getObservedAtMs();
        input.snapshot = SnapshotConversion.content(record);
        input.contentKey = digest(input.snapshot);
        return input;
    }

    /** A host snapshot in state, as it was at one of its instants. */
    static HostInventory inventory(InventoryState state, long atMs, String contentKey) {
        return SnapshotConversion.inventory(
                SnapshotConversion.hostSnapshot(state.snapshot), atMs, contentKey);
    }

    static boolean configures(InventoryState state) {
        return SnapshotConversion.configures(SnapshotConversion.hostSnapshot(state.snapshot));
    }

    /** Decoded by Avro; {@link ScrapeLayout#read} does the same for bytes like those before. */
    static Scrape scrape(HostScrapeRecord record, ScrapeLayout layout) {
        long[] values = new long[layout.size() * SampleSeries.FIELDS];
        Arrays.fill(values, SampleSeries.ABSENT);
        long[] xids = layout.noXids();
        for (int i = 0; i < layout.size(); i++) {
            List<@Nullable Long> read = record.getGpus().get(i).getValues();
            for (int f = 0; f < layout.columns.length; f++) {
                Long value = read.get(f);
                if (layout.columns[f] >= 0 && value != null) {
                    values[i * SampleSeries.FIELDS + layout.columns[f]] = value;
                } else if (f == layout.xidField && value != null) {
                    xids[i] = value;
                }
            }
        }
        return new Scrape(
                layout,
                record.getObservedAtMs(),
                coverMs(record.getScrapeIntervalMs()),
                values,
                xids,
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
        return SnapshotConversion.digest(content);
    }

    /** Half of it, where only the last version and the next one are told apart. */
    static long digest64(byte[] content) {
        return SnapshotConversion.digest64(content);
    }
}

package io.gpuledger.flink.records;

import io.gpuledger.core.InputLimits;
import io.gpuledger.core.run.NodeDevices;
import io.gpuledger.schemas.ConfiguredGresRecord;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.InventoryGpuRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.MigInstanceRecord;
import io.gpuledger.schemas.NodeDeviceRecord;
import io.gpuledger.schemas.ReservationRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.time.Instant;
import java.util.BitSet;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whether a record that decodes can be true. Anybody may write to a topic: behind this check times
 * span no more windows, and counts make no more slots, than the job can bear, and no number
 * overflows. The reasons are those of the file readers, the limits {@link InputLimits}.
 */
public final class RecordLimits {
    /** An end is told after it came, by a clock that may be a time zone off. */
    private static final long LIVE_AHEAD_MS = 86_400_000;

    /** The list of tasks of a waiting array is part of its name. */
    private static final int JOB_NAME_LENGTH = 1 << 16;

    /** Of one host at once: a daily one for years. */
    private static final int RESERVATIONS = 1_024;

    private static final int SHOWN_LENGTH = 64;

    private final long aheadMs;

    /** A backfill is told when its files were observed, live nobody waits for what is to come. */
    public RecordLimits(boolean backfill) {
        aheadMs = backfill ? InputLimits.LONGEST_RUN_MS : LIVE_AHEAD_MS;
    }

    public void check(JobSnapshotRecord r) throws RefusedRecordException {
        cluster(r.getCluster());
        String job = "job " + r.getRawJobId();
        range("BAD_NUMBER", "id of a job", r.getRawJobId(), 0, Long.MAX_VALUE);
        times(job, r);
        texts(job, r);
        count(job + ": GPU count", r.getGpuCount(), InputLimits.JOB_GPUS);
        count(job + ": shard count", r.getShardCount(), InputLimits.JOB_GPUS);
        size("BAD_GRES", job + ": GPU types", r.getGpuTypes(), InputLimits.TYPES);
        Collection<String> nodes = r.getNodes() == null ? List.of() : r.getNodes();
        size("BAD_NODES", job + ": nodes", nodes, InputLimits.HOSTS);
        String ofNode = job + ": node";
        for (String node : nodes) {
            name(ofNode, node);
        }
        devices(job, r.getDevices());
    }

    private void times(String job, JobSnapshotRecord r) throws RefusedRecordException {
        long observed = r.getObservedAtMs();
        Long start = r.getStartMs();
        Long end = r.getEndMs();
        instant(job + ": observation", observed);
        instant(job + ": submit", r.getSubmitMs());
        instant(job + ": start", start);
        instant(job + ": end", end);
        instant(job + ": suspension", r.getSuspendAtMs());
        instant(job + ": resize", r.getResizedAtMs());
        duration(job + ": time suspended", r.getSuspendedTotalMs());
        duration(job + ": time before its suspension", r.getRunningBeforeSuspendMs());
        Long limit = r.getTimeLimitMs();
        if (limit != null) {
            range("BAD_TIME", job + ": time limit in ms", limit, -1, InputLimits.LONGEST_RUN_MS);
        }
        if (start != null) {
            length(job, start, end == null ? Math.max(start, observed) : end);
        }
        if (end != null && statesEnd(r) && end - observed > aheadMs) {
            throw bad(
                    "BAD_TIME",
                    "%s: its end at %s was told at %s already; at most %d h ahead is possible"
                            .formatted(job, shown(end), shown(observed), aheadMs / 3_600_000));
        }
    }

    private static void length(String job, long start, long end) throws RefusedRecordException {
        if (end < start) {
            throw bad(
                    "BAD_TIME",
                    "%s: ends at %s, before it starts at %s"
                            .formatted(job, shown(end), shown(start)));
        }
        if (end - start > InputLimits.LONGEST_RUN_MS) {
            throw bad(
                    "BAD_TIME",
                    "%s: lasts from %s to %s, more than ten years"
                            .formatted(job, shown(start), shown(end)));
        }
    }

    /** Of others an end that is still to come is a forecast, and known as one. */
    private static boolean statesEnd(JobSnapshotRecord r) {
        return r.getSource() == JobSource.ACCOUNTING
                || (r.getSource() == JobSource.JOBCOMP && !r.getState().equals("RESIZING"));
    }

    private static void texts(String job, JobSnapshotRecord r) throws RefusedRecordException {
        text(job + ": job_id", r.getJobId(), JOB_NAME_LENGTH);
        text(job + ": name", r.getName(), JOB_NAME_LENGTH);
        text(job + ": state", r.getState(), InputLimits.TEXT_LENGTH);
        text(job + ": account", r.getAccount(), InputLimits.TEXT_LENGTH);
        text(job + ": user", r.getUser(), InputLimits.TEXT_LENGTH);
        text(job + ": partition", r.getPartition(), InputLimits.TEXT_LENGTH);
        text(job + ": QOS", r.getQos(), InputLimits.TEXT_LENGTH);
        for (String type : r.getGpuTypes()) {
            text(job + ": GPU type", type, InputLimits.TEXT_LENGTH);
        }
    }

    private static void devices(String job, List<NodeDeviceRecord> devices)
            throws RefusedRecordException {
        long size = 0;
        long gpus = 0;
        for (NodeDeviceRecord d : devices) {
            size += 1L + d.getIndices().size();
            name("host of a device", d.getHost());
            gpus += device(job + " on " + d.getHost(), d) ? d.getCount() : 0;
        }
        range("BAD_GRES", job + ": devices with indices", size, 0, InputLimits.JOB_DEVICES);
        range("BAD_GRES", job + ": GPUs of its devices", gpus, 0, InputLimits.JOB_GPUS);
    }

    /** Tells whether it is a GPU, or else shards of some. */
    private static boolean device(String whose, NodeDeviceRecord d) throws RefusedRecordException {
        boolean gpu = isGpu(whose, d.getKind());
        text(whose, d.getGresType(), InputLimits.TEXT_LENGTH);
        range("BAD_GRES", whose, d.getCount(), 0, mostOnHost(gpu));
        BitSet seen = new BitSet();
        for (int index : d.getIndices()) {
            range("BAD_GRES", whose, index, 0, InputLimits.GPUS - 1);
            if (seen.get(index)) {
                throw bad("BAD_GRES", "%s: index %d is there twice".formatted(whose, index));
            }
            seen.set(index);
        }
        for (int shards : d.getIndexCounts()) {
            range("BAD_GRES", whose, shards, 0, InputLimits.SHARDS);
        }
        return gpu;
    }

    public void check(HostSnapshotRecord r) throws RefusedRecordException {
        cluster(r.getCluster());
        name("host", r.getHost());
        String host = "host " + r.getHost();
        instant(host + ": observation", r.getObservedAtMs());
        size("UNREADABLE", host + ": states", r.getStates(), InputLimits.STATES);
        for (String state : r.getStates()) {
            text(host + ": state", state, InputLimits.TEXT_LENGTH);
        }
        size("BAD_GRES", host + ": kinds of GPU", r.getGres(), InputLimits.TYPES);
        long gpus = 0;
        for (ConfiguredGresRecord g : r.getGres()) {
            text(host + ": GPU type", g.getGresType(), InputLimits.TEXT_LENGTH);
            boolean gpu = isGpu(host, g.getKind());
            range("BAD_GRES", host + ": count", g.getCount(), 0, mostOnHost(gpu));
            gpus += gpu ? g.getCount() : 0;
        }
        range("BAD_GRES", host + ": GPU count", gpus, 0, InputLimits.GPUS);
        configuration(host, r);
        size("BAD_NUMBER", host + ": reservations", r.getReservations(), RESERVATIONS);
        for (ReservationRecord reservation : r.getReservations()) {
            reservation(host, reservation);
        }
    }

    private static void configuration(String host, HostSnapshotRecord r)
            throws RefusedRecordException {
        size("BAD_GRES", host + ": cards", r.getGpus(), InputLimits.GPUS);
        for (InventoryGpuRecord g : r.getGpus()) {
            range("BAD_GRES", host + ": card", g.getGpuIndex(), 0, InputLimits.GPUS - 1);
            text(host + ": UUID", g.getUuid(), InputLimits.TEXT_LENGTH);
            text(host + ": model", g.getModel(), InputLimits.TEXT_LENGTH);
        }
        size("BAD_GRES", host + ": MIG instances", r.getInstances(), InputLimits.GPUS);
        int fewest = r.getInstances().isEmpty() ? 0 : 1;
        range(
                "BAD_GRES",
                host + ": slices of a card",
                r.getSlicesPerGpu(),
                fewest,
                InputLimits.SLICES);
        for (MigInstanceRecord i : r.getInstances()) {
            range("BAD_GRES", host + ": ordinal", i.getOrdinal(), 0, InputLimits.GPUS - 1);
            range("BAD_GRES", host + ": card", i.getGpuIndex(), 0, InputLimits.GPUS - 1);
            range("BAD_GRES", host + ": MIG instance", i.getInstance(), 0, InputLimits.GPUS - 1);
            range(
                    "BAD_GRES",
                    host + ": slices of a MIG instance",
                    i.getSlices(),
                    1,
                    r.getSlicesPerGpu());
        }
    }

    private static void reservation(String host, ReservationRecord r)
            throws RefusedRecordException {
        text(host + ": reservation", r.getName(), InputLimits.TEXT_LENGTH);
        String what = host + ": reservation " + r.getName();
        instant(what + ": start", r.getStartMs());
        instant(what + ": end", r.getEndMs());
        if (r.getEndMs() < r.getStartMs()) {
            throw bad(
                    "BAD_TIME",
                    "%s: ends at %s, before it starts at %s"
                            .formatted(what, shown(r.getEndMs()), shown(r.getStartMs())));
        }
    }

    public void check(SchedulerHeartbeatRecord r) throws RefusedRecordException {
        cluster(r.getCluster());
        instant("heartbeat: observation", r.getObservedAtMs());
        if (r.getKind() != HeartbeatKind.BOUNDED_ACCOUNTING) {
            return;
        }
        Long from = r.getCoveredFromMs();
        if (from == null) {
            throw bad("UNREADABLE", "accounting that is bounded, but not said from when");
        }
        instant("heartbeat: begin of the accounting", from);
        if (from > r.getObservedAtMs()) {
            throw bad(
                    "BAD_TIME",
                    "accounting from %s, but it was observed at %s, before that"
                            .formatted(shown(from), shown(r.getObservedAtMs())));
        }
    }

    /** Time and interval of a scrape; {@link #check(HostScrapeRecord)} says what is wrong. */
    public static boolean isPossible(long observedAtMs, long scrapeIntervalMs) {
        return InputLimits.isInstant(observedAtMs)
                && scrapeIntervalMs >= 1
                && scrapeIntervalMs <= InputLimits.LONGEST_INTERVAL_MS;
    }

    public void check(HostScrapeRecord r) throws RefusedRecordException {
        cluster(r.getCluster());
        name("host", r.getHost());
        instant("scrape: observation", r.getObservedAtMs());
        range(
                "BAD_TIME",
                "scrape interval in ms",
                r.getScrapeIntervalMs(),
                1,
                InputLimits.LONGEST_INTERVAL_MS);
        size("UNREADABLE", "GPUs of a scrape", r.getGpus(), InputLimits.SERIES);
        size("UNREADABLE", "fields of a scrape", r.getFields(), InputLimits.SERIES);
        long[] ends = ends(r.getFields());
        for (GpuSampleRecord gpu : r.getGpus()) {
            range("BAD_GRES", "GPU of a scrape", gpu.getGpuIndex(), 0, InputLimits.SERIES - 1);
            range("BAD_GRES", "MIG instance", gpu.getInstance(), -1, InputLimits.SERIES - 1);
            text("UUID", gpu.getUuid(), InputLimits.TEXT_LENGTH);
            text("model", gpu.getModel(), InputLimits.TEXT_LENGTH);
            text("MIG profile", gpu.getInstanceProfile(), InputLimits.TEXT_LENGTH);
            text("job label", gpu.getHpcJob(), InputLimits.TEXT_LENGTH);
            values(gpu, r.getFields(), ends);
        }
    }

    /** By field: the first value that it cannot have; 0 for fields that the job does not read. */
    public static long[] ends(List<Integer> fields) {
        long[] ends = new long[fields.size()];
        for (int i = 0; i < ends.length; i++) {
            ends[i] = end(fields.get(i));
        }
        return ends;
    }

    private static long end(int field) {
        return switch (field) {
            case DcgmField.ENGINE,
                    DcgmField.UTILISATION,
                    DcgmField.SM,
                    DcgmField.TENSOR,
                    DcgmField.DRAM ->
                    InputLimits.FULL_PPM + 1;
            case DcgmField.MEMORY_MIB -> InputLimits.BLANK_32;
            case DcgmField.ENERGY_MJ -> InputLimits.BLANK_FLOAT;
            case DcgmField.POWER_MW -> InputLimits.BLANK_32 * 1_000;
            default -> 0;
        };
    }

    private static void values(GpuSampleRecord gpu, List<Integer> fields, long[] ends)
            throws RefusedRecordException {
        List<@Nullable Long> values = gpu.getValues();
        if (values.size() != ends.length) {
            throw bad(
                    "UNREADABLE",
                    "GPU %d has %d values of %d fields"
                            .formatted(gpu.getGpuIndex(), values.size(), ends.length));
        }
        for (int i = 0; i < ends.length; i++) {
            Long value = values.get(i);
            if (value != null && ends[i] > 0 && (value < 0 || value >= ends[i])) {
                String what = "GPU %d, field %d".formatted(gpu.getGpuIndex(), fields.get(i));
                range("BAD_NUMBER", what, value, 0, ends[i] - 1);
            }
        }
    }

    private static boolean isGpu(String whose, String kind) throws RefusedRecordException {
        if (kind.equals(NodeDevices.GPU)) {
            return true;
        }
        if (kind.equals(NodeDevices.SHARD)) {
            return false;
        }
        throw bad(
                "BAD_GRES",
                "%s: a device of kind '%s'; known are gpu and shard".formatted(whose, shown(kind)));
    }

    private static int mostOnHost(boolean gpu) {
        return gpu ? InputLimits.GPUS : InputLimits.SHARDS;
    }

    private static void cluster(String name) throws RefusedRecordException {
        key("cluster", name, InputLimits.TEXT_LENGTH);
    }

    private static void name(String what, String name) throws RefusedRecordException {
        key(what, name, InputLimits.NAME_LENGTH);
    }

    /** Part of a key: '/' and '@' stand between names there. */
    private static void key(String what, String name, int most) throws RefusedRecordException {
        if (name.isEmpty()) {
            throw bad("UNREADABLE", what + " without a name");
        }
        text(what, name, most);
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c < ' ' || c == '/' || c == '@') {
                throw bad(
                        "UNREADABLE",
                        "%s '%s' has the character %d, which no name has"
                                .formatted(what, shown(name), (int) c));
            }
        }
    }

    private static void text(String what, @Nullable String text, int most)
            throws RefusedRecordException {
        if (text != null && text.length() > most) {
            throw bad(
                    "UNREADABLE",
                    "%s '%s' has %d characters; at most %d can be"
                            .formatted(what, shown(text), text.length(), most));
        }
    }

    private static void instant(String what, @Nullable Long ms) throws RefusedRecordException {
        if (ms != null && !InputLimits.isInstant(ms)) {
            throw bad(
                    "BAD_TIME",
                    "%s at %s is not a time between the years 2000 and 2100"
                            .formatted(what, shown(ms)));
        }
    }

    private static void duration(String what, @Nullable Long ms) throws RefusedRecordException {
        if (ms != null) {
            range("BAD_TIME", what + " in ms", ms, 0, InputLimits.LONGEST_RUN_MS);
        }
    }

    private static void count(String what, @Nullable Integer count, long most)
            throws RefusedRecordException {
        if (count != null) {
            range("BAD_GRES", what, count, 0, most);
        }
    }

    private static void size(String reason, String what, Collection<?> items, int most)
            throws RefusedRecordException {
        range(reason, what, items.size(), 0, most);
    }

    private static void range(String reason, String what, long found, long least, long most)
            throws RefusedRecordException {
        if (found < least || found > most) {
            throw bad(
                    reason,
                    "%s: %d is not possible; %d to %d is".formatted(what, found, least, most));
        }
    }

    private static RefusedRecordException bad(String reason, String detail) {
        return new RefusedRecordException(reason, detail);
    }

    private static String shown(long ms) {
        return Instant.ofEpochMilli(ms).toString();
    }

    private static String shown(String text) {
        return text.length() <= SHOWN_LENGTH ? text : text.substring(0, SHOWN_LENGTH) + "...";
    }
}

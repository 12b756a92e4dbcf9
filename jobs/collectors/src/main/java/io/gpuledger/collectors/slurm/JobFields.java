package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.NodeDeviceRecord;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the formats of jobs have in common. */
final class JobFields {
    /** Devices and indices of one record: more than the largest machine has. */
    private static final int DEVICE_LIMIT = 131_072;

    private JobFields() {}

    static long rawId(@Nullable Long id, JsonNode shown) throws BadRecordException {
        if (id == null || id <= 0) {
            throw new BadRecordException("BAD_JOB_ID", "no usable job id: '" + shown + "'");
        }
        return id;
    }

    /**
     * The start of a waiting job is a forecast, and what it shows of an allocation is that of its
     * last run. A job cancelled before it started has times but no nodes.
     */
    static boolean hasStarted(String controllerState, List<String> nodes) {
        return !controllerState.equals("PENDING")
                && !(JobStates.ended(controllerState) && nodes.isEmpty());
    }

    static void tres(JobSnapshotRecord r, Tres t) {
        r.setGpuCount(t.gpuCount());
        r.setGpuTypes(new ArrayList<>(t.gpuTypes()));
        r.setShardCount(t.shardCount());
    }

    static void times(JobSnapshotRecord r, SlurmTime.Resolved times) {
        r.setSubmitMs(times.submit());
        r.setStartMs(times.start());
        r.setEndMs(times.end());
        if (times.ambiguous()) {
            r.getFlags().add("TIME_AMBIGUOUS");
        }
    }

    /** The same devices on every one of the hosts. */
    static void addDevices(JobSnapshotRecord r, String gres, List<String> hosts)
            throws BadRecordException {
        List<NodeDeviceRecord> devices = r.getDevices();
        long size = 0;
        for (NodeDeviceRecord d : devices) {
            size += 1 + d.getIndices().size();
        }
        for (String host : hosts) {
            for (NodeDeviceRecord d : Gres.devices(gres, host)) {
                size += 1 + d.getIndices().size();
                if (size > DEVICE_LIMIT) {
                    throw new BadRecordException(
                            "BAD_GRES",
                            "job " + r.getRawJobId() + " has more devices than any machine");
                }
                devices.add(d);
            }
        }
    }

    /** A site that does not track gres/gpu shows no GPU in TRES; the devices are the truth. */
    static void countDevices(JobSnapshotRecord r) throws BadRecordException {
        long n = 0;
        for (NodeDeviceRecord d : r.getDevices()) {
            if (d.getKind().equals("gpu")) {
                n += d.getCount();
                addType(r, d.getGresType());
            }
        }
        Integer count = r.getGpuCount();
        if (n > 0 && (count == null || count == 0)) {
            r.setGpuCount(Tres.checked(n, "GRES of job " + r.getRawJobId()));
        }
        r.getGpuTypes().sort(null);
    }

    private static void addType(JobSnapshotRecord r, String type) throws BadRecordException {
        List<String> types = r.getGpuTypes();
        if (type.isEmpty() || types.contains(type)) {
            return;
        }
        if (types.size() >= Tres.TYPE_LIMIT) {
            throw new BadRecordException(
                    "BAD_GRES", "job " + r.getRawJobId() + " has too many GPU types");
        }
        types.add(type);
    }
}

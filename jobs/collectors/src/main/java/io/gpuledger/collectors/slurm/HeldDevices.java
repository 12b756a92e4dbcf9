package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.core.InputLimits;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.NodeDeviceRecord;
import java.util.ArrayList;
import java.util.List;

/** Collects what one job holds on its nodes, within what any machine has. */
final class HeldDevices {
    private final JobSnapshotRecord job;
    private final List<NodeDeviceRecord> devices = new ArrayList<>();
    private long size;

    HeldDevices(JobSnapshotRecord job) {
        this.job = job;
    }

    /** The same devices on every node of the list, which is expanded only when there are any. */
    void add(String gres, String nodes) throws BadRecordException {
        List<NodeDeviceRecord> each = Gres.devices(gres, "");
        if (each.isEmpty()) {
            return;
        }
        for (String host : HostList.expand(nodes)) {
            add(each, host);
        }
    }

    private void add(List<NodeDeviceRecord> each, String host) throws BadRecordException {
        for (NodeDeviceRecord d : each) {
            size += 1 + d.getIndices().size();
            if (size > InputLimits.JOB_DEVICES) {
                throw new BadRecordException(
                        "BAD_GRES",
                        "job " + job.getRawJobId() + " has more devices than any machine");
            }
            NodeDeviceRecord on = new NodeDeviceRecord();
            on.setHost(host);
            on.setKind(d.getKind());
            on.setGresType(d.getGresType());
            on.setCount(d.getCount());
            on.setIndices(d.getIndices());
            on.setIndexCounts(d.getIndexCounts());
            devices.add(on);
        }
    }

    /**
     * Gives them to the job. A site that does not track gres/gpu shows no GPU in TRES; then the
     * devices count.
     */
    void close() throws BadRecordException {
        job.setDevices(devices);
        long n = 0;
        for (NodeDeviceRecord d : devices) {
            if (d.getKind().equals("gpu")) {
                n += d.getCount();
                addType(d.getGresType());
            }
        }
        Integer count = job.getGpuCount();
        if (n > 0 && (count == null || count == 0)) {
            job.setGpuCount(Tres.checked(n, "GRES of job " + job.getRawJobId()));
        }
        job.getGpuTypes().sort(null);
    }

    private void addType(String type) throws BadRecordException {
        List<String> types = job.getGpuTypes();
        if (type.isEmpty() || types.contains(type)) {
            return;
        }
        if (types.size() >= InputLimits.TYPES) {
            throw new BadRecordException(
                    "BAD_GRES", "job " + job.getRawJobId() + " has too many GPU types");
        }
        types.add(type);
    }
}

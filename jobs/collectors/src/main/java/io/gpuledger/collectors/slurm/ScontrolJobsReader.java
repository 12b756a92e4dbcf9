package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;

/** {@code scontrol show job -d}, with -o or without. */
final class ScontrolJobsReader implements FormatReader {
    @Override
    public void read(InputStream in, Pass pass) throws IOException {
        TextBlocks.read(in, pass, "JobId=", (text, position) -> job(text, position, pass));
        pass.isCompletePoll(true);
    }

    private static void job(String text, long position, Pass pass) throws BadRecordException {
        JobText t = new JobText(text);
        long raw = Integers.parseLong(t.getOrEmpty("JobId"), "JobId");
        JobSnapshotRecord r = pass.job(JobSource.CONTROLLER, raw, position);
        r.setJobId(shownId(t, raw));
        r.setState(JobStates.controller(List.of(t.getOrEmpty("JobState"))));
        String restarts = t.get("Restarts");
        r.setRestartCount(restarts == null ? null : Integers.parse(restarts, "Restarts"));
        r.setAccount(t.get("Account"));
        r.setUser(t.get("User"));
        r.setPartition(t.get("Partition"));
        r.setQos(t.get("QOS"));
        r.setName(t.get("JobName"));
        List<String> nodes = HostList.expand(t.getOrEmpty("NodeList"));
        boolean started = JobFields.hasStarted(r.getState(), nodes);
        PolledTimes times = PolledTimes.of(t, r.getState(), started, pass);
        JobFields.times(r, times.job());
        if (started) {
            allocation(r, t, nodes);
        }
        r.setSuspendAtMs(times.suspendedAt());
        boolean stopped = times.suspendedAt() != null && t.get("SecsPreSuspend") != null;
        r.setRunningBeforeSuspendMs(stopped ? (Long) PolledTimes.before(t) : null);
        r.setTimeLimitMs(TimeLimits.text(t.get("TimeLimit"), pass));
        pass.seen(SlurmTime.earliest(t.get("LastSchedEval"), pass.zone()));
        pass.use(r);
    }

    private static String shownId(JobText t, long raw) {
        String array = t.get("ArrayJobId");
        String task = t.get("ArrayTaskId");
        if (array != null && task != null) {
            boolean one = task.chars().allMatch(c -> c >= '0' && c <= '9');
            return one ? array + "_" + task : JobIds.waitingTasks(array, task);
        }
        String het = t.get("HetJobId");
        String offset = t.get("HetJobOffset");
        return het != null && offset != null ? het + "+" + offset : Long.toString(raw);
    }

    private static void allocation(JobSnapshotRecord r, JobText t, List<String> nodes)
            throws BadRecordException {
        r.setNodes(nodes.isEmpty() ? null : nodes);
        // TRES was renamed; beside AllocTRES there is ReqTRES, which never counts.
        String allocated = t.get("AllocTRES");
        JobFields.tres(r, Tres.parse(allocated == null ? t.get("TRES") : allocated));
        HeldDevices devices = new HeldDevices(r);
        for (JobText.Devices d : t.devices()) {
            devices.add(d.gres(), d.nodes());
        }
        devices.close();
    }
}

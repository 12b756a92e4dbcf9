package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One job of {@code squeue --json}, {@code scontrol show job --json} or slurmrestd. */
final class ControllerJobJson {
    private ControllerJobJson() {}

    static void read(JsonNode n, int position, Pass pass) throws BadRecordException {
        long raw = JobFields.rawId(JsonValues.number(n.path("job_id")), n.path("job_id"));
        JobSnapshotRecord r = pass.job(JobSource.CONTROLLER, raw, position);
        r.setJobId(shownId(n, raw));
        r.setState(JobStates.controller(JsonValues.texts(n.path("job_state"))));
        r.setRestartCount(JsonValues.integer(n.path("restart_cnt")));
        r.setAccount(JsonValues.text(n.path("account")));
        r.setUser(JsonValues.text(n.path("user_name")));
        r.setPartition(JsonValues.text(n.path("partition")));
        r.setQos(JsonValues.text(n.path("qos")));
        r.setName(JsonValues.text(n.path("name")));
        r.setSubmitMs(JsonValues.time(n.path("submit_time")));
        List<String> nodes = HostList.expand(nodes(n));
        if (JobFields.hasStarted(r.getState(), nodes)) {
            r.setStartMs(JsonValues.time(n.path("start_time")));
            r.setEndMs(JobStates.ended(r.getState()) ? JsonValues.time(n.path("end_time")) : null);
            r.setNodes(nodes.isEmpty() ? null : nodes);
            JobFields.tres(r, Tres.parse(JsonValues.text(n.path("tres_alloc_str"))));
            devices(n.path("gres_detail"), nodes, r, pass);
        }
        Long suspended = JsonValues.time(n.path("suspend_time"));
        r.setSuspendAtMs(suspended);
        r.setRunningBeforeSuspendMs(
                suspended == null ? null : JsonValues.duration(n.path("pre_sus_time")));
        r.setResizedAtMs(JsonValues.time(n.path("resize_time")));
        r.setTimeLimitMs(TimeLimits.json(n.path("time_limit"), pass));
        pass.seen(JsonValues.time(n.path("last_sched_evaluation")));
        pass.use(r);
    }

    private static String shownId(JsonNode n, long raw) throws BadRecordException {
        Long array = JsonValues.number(n.path("array_job_id"));
        Long task = JsonValues.number(n.path("array_task_id"));
        String waiting = JsonValues.text(n.path("array_task_string"));
        if (array != null && array > 0 && task == null && waiting != null) {
            return JobIds.waitingTasks(Long.toString(array), waiting);
        }
        return JobIds.shown(
                raw,
                array,
                task,
                JsonValues.number(n.path("het_job_id")),
                JsonValues.number(n.path("het_job_offset")));
    }

    /** Since 24.05 the resources name their nodes in an object, before as text. */
    private static String nodes(JsonNode n) {
        String nodes = n.path("nodes").asText("");
        if (!nodes.isEmpty()) {
            return nodes;
        }
        JsonNode resources = n.path("job_resources").path("nodes");
        @Nullable String list = JsonValues.text(resources.path("list"));
        return list == null ? resources.asText("") : list;
    }

    private static void devices(JsonNode detail, List<String> nodes, JobSnapshotRecord r, Pass pass)
            throws BadRecordException {
        if (detail.isEmpty()) {
            return;
        }
        if (detail.size() != nodes.size()) {
            // No telling which card is on which node.
            pass.droppedField();
            return;
        }
        HeldDevices devices = new HeldDevices(r);
        for (int i = 0; i < detail.size(); i++) {
            devices.add(detail.get(i).asText(""), nodes.get(i));
        }
        devices.close();
    }
}

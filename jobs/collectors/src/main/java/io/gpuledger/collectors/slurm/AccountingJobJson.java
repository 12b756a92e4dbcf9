package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One row of {@code sacct --json} or slurmrestd's slurmdb. */
final class AccountingJobJson {
    private AccountingJobJson() {}

    static void read(JsonNode n, int position, Pass pass)
            throws BadRecordException, NotUsedException {
        long raw = JobFields.rawId(JsonValues.number(n.path("job_id")), n.path("job_id"));
        JsonNode time = n.path("time");
        String state = JobStates.accounting(JsonValues.texts(n.path("state").path("current")));
        Long start = JsonValues.time(time.path("start"));
        Long end = JsonValues.time(time.path("end"));
        Long elapsed = JsonValues.duration(time.path("elapsed"));
        List<String> nodes = HostList.expand(n.path("nodes").asText(""));
        if (start == null || AccountingRows.waits(state, start, end, elapsed, !nodes.isEmpty())) {
            throw new NotUsedException(AccountingRows.NOT_STARTED);
        }
        JobSnapshotRecord r = pass.job(JobSource.ACCOUNTING, raw, position);
        r.setJobId(
                JobIds.shown(
                        raw,
                        JsonValues.number(n.path("array").path("job_id")),
                        JsonValues.number(n.path("array").path("task_id")),
                        JsonValues.number(n.path("het").path("job_id")),
                        JsonValues.number(n.path("het").path("job_offset"))));
        r.setState(state);
        r.setSubmitMs(JsonValues.time(time.path("submission")));
        Long suspended = JsonValues.duration(time.path("suspended"));
        r.setEndMs(AccountingRows.isClosed(state, end) ? end : null);
        r.setStartMs(trueStart(start, r.getEndMs(), elapsed, suspended, time));
        r.setSuspendedTotalMs(suspended);
        r.setTimeLimitMs(TimeLimits.json(time.path("limit"), pass));
        r.setRestartCount(JsonValues.integer(n.path("restart_cnt")));
        r.setAccount(either(n.path("account"), n.path("association").path("account")));
        r.setUser(either(n.path("user"), n.path("association").path("user")));
        r.setPartition(JsonValues.text(n.path("partition")));
        r.setQos(JsonValues.text(n.path("qos")));
        r.setName(JsonValues.text(n.path("name")));
        r.setNodes(nodes.isEmpty() ? null : nodes);
        tres(r, n.path("tres").path("allocated"));
        pass.use(r);
    }

    private static @Nullable String either(JsonNode first, JsonNode second) {
        String text = JsonValues.text(first);
        return text == null ? JsonValues.text(second) : text;
    }

    private static void tres(JobSnapshotRecord r, JsonNode allocated) throws BadRecordException {
        if (allocated.isTextual()) {
            JobFields.tres(r, Tres.parse(allocated.asText()));
        } else if (!allocated.isEmpty()) {
            Tres.Sum sum = new Tres.Sum();
            for (JsonNode t : allocated) {
                // Others may be negative: energy is -2 where nobody measures it.
                if (t.path("type").asText("").equals("gres")) {
                    Long count = JsonValues.number(t.path("count"));
                    if (count != null) {
                        sum.add(t.path("name").asText(""), Long.toString(count));
                    }
                }
            }
            JobFields.tres(r, sum.tres());
        }
    }

    /**
     * data_parser v0.0.37 gives the eligible time as the start. It shows: the run would be longer
     * than its own length, and then the start follows from end and length.
     */
    private static Long trueStart(
            Long start,
            @Nullable Long end,
            @Nullable Long elapsedMs,
            @Nullable Long suspendedMs,
            JsonNode time)
            throws BadRecordException {
        if (end == null
                || elapsedMs == null
                || !start.equals(JsonValues.time(time.path("eligible")))) {
            return start;
        }
        long length = elapsedMs + (suspendedMs == null ? 0 : suspendedMs);
        return end - start != length ? Long.valueOf(end - length) : start;
    }
}

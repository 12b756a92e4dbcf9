package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import java.time.ZoneOffset;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Job completion records of jobcomp/elasticsearch and jobcomp/kafka: the document alone, the
 * request as a proxy recorded it ({@code ts} and {@code body}), or as Elasticsearch gives it back
 * ({@code _source}).
 */
final class JobcompReader implements JsonLinesReader.LineReader {
    @Override
    public void read(JsonNode n, long number, Pass pass)
            throws BadRecordException, NotUsedException {
        if (n.has("body")) {
            document(n.path("body"), SlurmTime.stamp(n.path("ts").asText("")), number, pass);
        } else if (n.path("_source").isObject()) {
            document(n.path("_source"), null, number, pass);
        } else if (n.path("index").isObject() && !n.has("jobid")) {
            throw new NotUsedException("bulk action");
        } else {
            document(n, null, number, pass);
        }
    }

    static void document(JsonNode n, @Nullable Long receivedMs, long number, Pass pass)
            throws BadRecordException, NotUsedException {
        long raw = JobFields.rawId(JsonValues.number(n.path("jobid")), n.path("jobid"));
        JobSnapshotRecord r = pass.job(JobSource.JOBCOMP, raw, number);
        r.setJobId(
                JobIds.shown(
                        raw,
                        JsonValues.number(n.path("array_job_id")),
                        JsonValues.number(n.path("array_task_id")),
                        JsonValues.number(n.path("het_job_id")),
                        JsonValues.number(n.path("het_job_offset"))));
        r.setState(JobStates.accounting(JsonValues.texts(n.path("state"))));
        JobFields.times(r, times(n));
        List<String> nodes = HostList.expand(n.path("nodes").asText(""));
        if (r.getStartMs() == null || nodes.isEmpty()) {
            throw new NotUsedException(AccountingRows.NOT_STARTED);
        }
        r.setNodes(nodes);
        Long end = r.getEndMs();
        if (receivedMs != null) {
            r.setObservedAtMs(receivedMs);
        } else if (end != null) {
            r.setObservedAtMs(end);
        }
        r.setAccount(JsonValues.text(n.path("account")));
        r.setUser(JsonValues.text(n.path("username")));
        r.setPartition(JsonValues.text(n.path("partition")));
        r.setQos(JsonValues.text(n.path("qos")));
        r.setName(JsonValues.text(n.path("job_name")));
        // tres_req is what was asked for, tres_alloc_str names TRES by number.
        String formatted = JsonValues.text(n.path("tres_fmt_alloc_str"));
        JobFields.tres(
                r,
                Tres.parse(formatted == null ? JsonValues.text(n.path("tres_alloc")) : formatted));
        pass.use(r);
    }

    /** These plugins write UTC without saying so, whatever the cluster's zone is. */
    private static SlurmTime.Resolved times(JsonNode n) throws BadRecordException {
        return SlurmTime.resolve(
                JsonValues.text(n.path("@submit")),
                JsonValues.text(n.path("@start")),
                JsonValues.text(n.path("@end")),
                null,
                ZoneOffset.UTC);
    }
}

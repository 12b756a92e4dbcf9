package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.core.InputLimits;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.NodeDeviceRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** The environment of a prolog or epilog: {@code {"ts": .., "hook": .., "env": {..}}}. */
final class HookReader implements JsonLinesReader.LineReader {
    /** Of these the name is counted; any other text is not let into the counters. */
    private static final Set<String> OTHERS =
            Set.of("taskprolog", "taskepilog", "srunprolog", "srunepilog", "resvprolog");

    @Override
    public void read(JsonNode n, long number, Pass pass)
            throws BadRecordException, NotUsedException {
        JobSource source = source(n.path("hook").asText(""));
        JsonNode env = n.path("env");
        long raw =
                JobFields.rawId(
                        JsonValues.number(env.path("SLURM_JOB_ID")), env.path("SLURM_JOB_ID"));
        JobSnapshotRecord r = pass.job(source, raw, number);
        r.setObservedAtMs(SlurmTime.stamp(n.path("ts").asText("")));
        r.setJobId(
                JobIds.shown(
                        raw,
                        JsonValues.number(env.path("SLURM_ARRAY_JOB_ID")),
                        JsonValues.number(env.path("SLURM_ARRAY_TASK_ID")),
                        JsonValues.number(env.path("SLURM_HET_JOB_ID")),
                        JsonValues.number(env.path("SLURM_HET_JOB_OFFSET"))));
        r.setRestartCount(JsonValues.integer(env.path("SLURM_JOB_RESTART_COUNT")));
        r.setAccount(JsonValues.text(env.path("SLURM_JOB_ACCOUNT")));
        r.setUser(JsonValues.text(env.path("SLURM_JOB_USER")));
        r.setPartition(JsonValues.text(env.path("SLURM_JOB_PARTITION")));
        r.setName(JsonValues.text(env.path("SLURM_JOB_NAME")));
        if (source == JobSource.PROLOG || source == JobSource.EPILOG) {
            onNode(r, env, pass);
        } else {
            List<String> nodes = HostList.expand(env.path("SLURM_JOB_NODELIST").asText(""));
            r.setNodes(nodes.isEmpty() ? null : nodes);
        }
        pass.use(r);
    }

    private static JobSource source(String hook) throws NotUsedException {
        return switch (hook) {
            case "prolog" -> JobSource.PROLOG;
            case "epilog" -> JobSource.EPILOG;
            case "prologslurmctld" -> JobSource.PROLOG_SLURMCTLD;
            case "epilogslurmctld" -> JobSource.EPILOG_SLURMCTLD;
            default ->
                    throw new NotUsedException(
                            OTHERS.contains(hook) ? "hook " + hook : "other hook");
        };
    }

    private static void onNode(JobSnapshotRecord r, JsonNode env, Pass pass)
            throws BadRecordException {
        String host = JsonValues.text(env.path("SLURMD_NODENAME"));
        if (host == null || host.length() > InputLimits.NAME_LENGTH) {
            throw new BadRecordException("UNREADABLE", "hook without SLURMD_NODENAME");
        }
        r.setNodes(List.of(host));
        String gpus = JsonValues.text(env.path("SLURM_JOB_GPUS"));
        if (gpus == null) {
            return;
        }
        List<Integer> indices;
        try {
            indices = Gres.indexList(gpus);
        } catch (BadRecordException e) {
            // UUIDs, of MIG instances for one: that the job is here still counts.
            pass.droppedField();
            return;
        }
        NodeDeviceRecord d = new NodeDeviceRecord();
        d.setHost(host);
        d.setKind("gpu");
        d.setGresType("");
        d.setCount(indices.size());
        d.setIndices(indices);
        d.setIndexCounts(new ArrayList<>());
        r.getDevices().add(d);
    }
}

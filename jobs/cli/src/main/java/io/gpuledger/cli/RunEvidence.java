package io.gpuledger.cli;

import io.gpuledger.core.run.JobSnapshot;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunAssembly;
import io.gpuledger.core.run.SchedulerView;
import io.gpuledger.flink.WireType;
import io.gpuledger.flink.records.RecordDecoder;
import io.gpuledger.flink.records.RefusedRecordException;
import io.gpuledger.flink.records.SnapshotConversion;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What the sources said of a job, and the runs that follow from it. */
final class RunEvidence {
    private final Warehouse warehouse;

    /**
     * What a source said, from the first to the last time that it is known to have said so.
     *
     * @param readFrom a topic, or the spool of a backfill; empty where only its repetition is kept
     * @param partition Kafka's, where it was read there
     * @param position of the first time: Kafka's offset, or the number of the record in the spool
     * @param inputDigest 0 of the live job, else of the backfill that read it
     */
    record Said(
            JobSnapshotRecord record,
            String contentKey,
            long firstObservedMs,
            long lastObservedMs,
            String readFrom,
            int partition,
            long position,
            String inputDigest) {

        Said until(long observedMs) {
            return new Said(
                    record,
                    contentKey,
                    firstObservedMs,
                    Math.max(lastObservedMs, observedMs),
                    readFrom,
                    partition,
                    position,
                    inputDigest);
        }

        private JobSnapshot toCore() {
            try {
                return SnapshotConversion.jobSnapshot(
                        SnapshotConversion.content(record),
                        firstObservedMs,
                        lastObservedMs,
                        contentKey);
            } catch (IOException e) {
                throw new UncheckedIOException("a record does not encode", e);
            }
        }
    }

    RunEvidence(Warehouse warehouse) {
        this.warehouse = warehouse;
    }

    /** Of a job, as it was first said. */
    List<Said> of(String cluster, long rawJobId) {
        RecordDecoder<JobSnapshotRecord> decoder =
                new RecordDecoder<>(
                        WireType.JOB_SNAPSHOT,
                        JobSnapshotRecord.class,
                        JobSnapshotRecord.getClassSchema());
        Map<String, Said> said = new LinkedHashMap<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT base64Encode(record), content_key, observed_at_ms, read_from, partition, position, input_digest
                        FROM job_snapshots FINAL
                        WHERE cluster = {cluster:String} AND raw_job_id = {job:Int64}
                        ORDER BY observed_at_ms, position DESC
                        """,
                        Map.of("cluster", cluster, "job", Long.toString(rawJobId)))) {
            JobSnapshotRecord record = decoded(decoder, row);
            Said first =
                    new Said(
                            record,
                            row.get(1),
                            Long.parseLong(row.get(2)),
                            Long.parseLong(row.get(2)),
                            row.get(3),
                            Integer.parseInt(row.get(4)),
                            Long.parseLong(row.get(5)),
                            row.get(6));
            said.merge(row.get(1), first, (a, b) -> a.until(b.lastObservedMs()));
        }
        return List.copyOf(said.values());
    }

    private static JobSnapshotRecord decoded(
            RecordDecoder<JobSnapshotRecord> decoder, List<String> row) {
        try {
            return decoder.decode(Base64.getMimeDecoder().decode(row.get(0)));
        } catch (RefusedRecordException e) {
            throw new UsageException(
                    "job_snapshots has a record of %s ms from %s at %s that does not decode (%s); was it written by a newer release?"
                            .formatted(row.get(2), row.get(3), row.get(5), e.detail()));
        }
    }

    /**
     * The run that the snapshots alone make. When the scheduler was heard is no part of them, so of
     * a run without a stated end they know less than the ledger.
     */
    static Optional<Run> run(String cluster, long rawJobId, String runId, List<Said> said) {
        List<JobSnapshot> snapshots = new ArrayList<>();
        said.forEach(s -> snapshots.add(s.toCore()));
        return RunAssembly.assemble(cluster, rawJobId, snapshots, SchedulerView.NONE).stream()
                .filter(run -> run.runId().equals(runId))
                .findFirst();
    }
}

package io.gpuledger.collectors.slurm.live;

import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.schemas.DeadLetterRecord;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.util.ArrayList;
import java.util.List;

/**
 * Keeps back what an answer says as a whole until its records are in Kafka: "every live job is
 * here" with one of them lost would end a run that goes on.
 */
final class PollSink implements InputSink {
    private final InputSink out;
    private final List<SchedulerHeartbeatRecord> heartbeats = new ArrayList<>();
    private int jobs;

    PollSink(InputSink out) {
        this.out = out;
    }

    @Override
    public void job(JobSnapshotRecord r) {
        jobs++;
        out.job(r);
    }

    @Override
    public void host(HostSnapshotRecord r) {
        out.host(r);
    }

    @Override
    public void heartbeat(SchedulerHeartbeatRecord r) {
        heartbeats.add(r);
    }

    @Override
    public void scrape(HostScrapeRecord r) {
        out.scrape(r);
    }

    @Override
    public void deadLetter(DeadLetterRecord r) {
        out.deadLetter(r);
    }

    @Override
    public void count(InputCount c) {
        out.count(c);
    }

    int jobs() {
        return jobs;
    }

    /** Of a poll: complete or not, as the reader found it. */
    void releasePoll() {
        for (SchedulerHeartbeatRecord heartbeat : heartbeats) {
            if (heartbeat.getKind() != HeartbeatKind.BOUNDED_ACCOUNTING) {
                out.heartbeat(heartbeat);
            }
        }
    }
}

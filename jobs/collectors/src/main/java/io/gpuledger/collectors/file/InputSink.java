package io.gpuledger.collectors.file;

import io.gpuledger.schemas.DeadLetterRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;

/** Where the readers put what they find. */
public interface InputSink {
    void job(JobSnapshotRecord r);

    void host(HostSnapshotRecord r);

    void heartbeat(SchedulerHeartbeatRecord r);

    void scrape(HostScrapeRecord r);

    void deadLetter(DeadLetterRecord r);

    /** Once per file, at its end. */
    void count(InputCount c);
}

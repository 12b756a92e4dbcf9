package io.gpuledger.collectors.slurm.live;

import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.schemas.DeadLetterRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Lets rows of accounting pass that are new or say something else than before: the same span is
 * asked for again and again, since rows are rewritten, and most of it is known.
 */
final class SettledRows implements InputSink {
    private static final int REMEMBERED = 500_000;

    private record Row(long rawJobId, long submitMs, long startMs) {}

    private final InputSink out;
    private final Map<Row, JobSnapshotRecord> said =
            new LinkedHashMap<>(16, 0.75f, true) {
                private static final long serialVersionUID = 1L;

                @Override
                protected boolean removeEldestEntry(Map.Entry<Row, JobSnapshotRecord> eldest) {
                    return size() > REMEMBERED;
                }
            };
    private final Map<Row, JobSnapshotRecord> sent = new LinkedHashMap<>();

    SettledRows(InputSink out) {
        this.out = out;
    }

    @Override
    public void job(JobSnapshotRecord r) {
        Row row = new Row(r.getRawJobId(), plain(r.getSubmitMs()), plain(r.getStartMs()));
        JobSnapshotRecord content = JobSnapshotRecord.newBuilder(r).build();
        content.setObservedAtMs(0);
        content.setOrigin("");
        // A run that goes on is evidence each time it is seen.
        if (r.getEndMs() != null && content.equals(said.get(row))) {
            return;
        }
        sent.put(row, content);
        out.job(r);
    }

    private static long plain(@org.jspecify.annotations.Nullable Long ms) {
        return ms == null ? -1 : ms;
    }

    /** What was sent is in Kafka. */
    void keep() {
        said.putAll(sent);
        sent.clear();
    }

    /** It is not, and will be sent again. */
    void forget() {
        sent.clear();
    }

    /** Of the span that was asked, which the reader does not know; see {@link SlurmCollector}. */
    @Override
    public void heartbeat(SchedulerHeartbeatRecord r) {}

    @Override
    public void host(HostSnapshotRecord r) {
        out.host(r);
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
}

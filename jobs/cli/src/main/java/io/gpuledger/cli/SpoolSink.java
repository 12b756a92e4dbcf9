package io.gpuledger.cli;

import io.gpuledger.attribution.SpoolWriter;
import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.schemas.DeadLetterRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Takes what the readers found, onto disk, and remembers the span it covers. */
final class SpoolSink implements InputSink {
    private final SpoolWriter spool;
    private final List<DeadLetterRecord> deadLetters = new ArrayList<>();
    private final List<InputCount> counts = new ArrayList<>();

    /** Job to the first record that gave it GPUs. */
    private static final Set<JobSource> HOOKS =
            EnumSet.of(
                    JobSource.PROLOG,
                    JobSource.PROLOG_SLURMCTLD,
                    JobSource.EPILOG,
                    JobSource.EPILOG_SLURMCTLD);

    private final Map<Long, String> holders = new TreeMap<>();

    /** Job to the first record that gave it shards. */
    private final Map<Long, String> sharers = new TreeMap<>();

    private final Set<Long> withDevices = new HashSet<>();
    private final Set<Long> withAccount = new HashSet<>();
    private final Set<Long> withUser = new HashSet<>();
    private long firstMs = Long.MAX_VALUE;
    private long lastMs = Long.MIN_VALUE;

    SpoolSink(SpoolWriter spool) {
        this.spool = spool;
    }

    List<DeadLetterRecord> deadLetters() {
        return deadLetters;
    }

    List<InputCount> counts() {
        return counts;
    }

    /** Of the file that was read last. */
    InputCount lastCount() {
        return counts.get(counts.size() - 1);
    }

    long firstMs() {
        return firstMs;
    }

    long lastMs() {
        return lastMs;
    }

    /**
     * A file may leave out who pays as long as another one says it; nobody at all is no basis for a
     * bill.
     */
    void refuseUnnamed() {
        refuse(withAccount, "account", "Account");
        refuse(withUser, "user", "User");
    }

    private void refuse(Set<Long> named, String what, String column) {
        holders.forEach(
                (job, origin) -> {
                    if (!named.contains(job)) {
                        throw new UsageException(
                                "%s: job %d has GPUs and no input names its %s; add the column %s to sacct's -o list"
                                        .formatted(origin, job, what, column));
                    }
                });
    }

    /** Jobs whose time cannot be counted, for a part of an unknown card is no amount. */
    Optional<String> uncounted() {
        Map<Long, String> nowhere = new TreeMap<>(sharers);
        nowhere.keySet().removeAll(withDevices);
        return nowhere.entrySet().stream()
                .findFirst()
                .map(
                        first ->
                                "%d jobs hold shards of cards that no input names, their time is not counted (first: job %d, %s); add scontrol show job -d or prolog lines"
                                        .formatted(
                                                nowhere.size(), first.getKey(), first.getValue()));
    }

    private static boolean positive(@Nullable Integer count) {
        return count != null && count > 0;
    }

    private void cover(long atMs) {
        firstMs = Math.min(firstMs, atMs);
        lastMs = Math.max(lastMs, atMs);
    }

    @Override
    public void job(JobSnapshotRecord r) {
        if (positive(r.getGpuCount()) || positive(r.getShardCount())) {
            holders.putIfAbsent(r.getRawJobId(), r.getOrigin());
        }
        if (positive(r.getShardCount()) && !positive(r.getGpuCount())) {
            sharers.putIfAbsent(r.getRawJobId(), r.getOrigin());
        }
        if (!r.getDevices().isEmpty()) {
            withDevices.add(r.getRawJobId());
        }
        if (r.getAccount() != null) {
            withAccount.add(r.getRawJobId());
        }
        if (r.getUser() != null) {
            withUser.add(r.getRawJobId());
        }
        if (r.getStartMs() != null) {
            cover(r.getStartMs());
            cover(r.getEndMs() == null ? r.getObservedAtMs() : r.getEndMs());
        } else if (HOOKS.contains(r.getSource())) {
            cover(r.getObservedAtMs()); // a hook runs at what it tells
        }
        try {
            spool.scheduler(JobSnapshotRecord.getEncoder().encode(r));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void host(HostSnapshotRecord r) {
        cover(r.getObservedAtMs());
        try {
            spool.scheduler(HostSnapshotRecord.getEncoder().encode(r));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void heartbeat(SchedulerHeartbeatRecord r) {
        try {
            spool.scheduler(SchedulerHeartbeatRecord.getEncoder().encode(r));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void scrape(HostScrapeRecord r) {
        cover(r.getObservedAtMs());
        try {
            spool.telemetry(HostScrapeRecord.getEncoder().encode(r));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void deadLetter(DeadLetterRecord r) {
        deadLetters.add(r);
    }

    @Override
    public void count(InputCount c) {
        counts.add(c);
    }

    /** A repeated backfill does not repeat its dead letters. */
    void writeDeadLetters(Warehouse warehouse, String cluster, long digest) {
        for (DeadLetterRecord letter : deadLetters) {
            warehouse.execute(
                    """
                    INSERT INTO dead_letters
                    SELECT {cluster:String}, now64(3, 'UTC'), {reason:String}, {detail:String},
                           {source:String}, -1, {position:Int64}, {payload:String}, {digest:UInt64}
                    WHERE NOT EXISTS (
                        SELECT 1 FROM dead_letters
                        WHERE input_digest = {digest:UInt64} AND source = {source:String}
                          AND position = {position:Int64})
                    """,
                    Map.of(
                            "cluster", cluster,
                            "reason", letter.getReason(),
                            "detail", letter.getDetail(),
                            "source", letter.getSource(),
                            "position", Long.toString(letter.getPosition()),
                            "payload", letter.getPayload(),
                            "digest", Long.toUnsignedString(digest)));
        }
    }
}

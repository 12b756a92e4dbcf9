package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.collectors.file.KnownRecords;
import io.gpuledger.core.InputLimits;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One reading of a file from begin to end: makes its records, counts what became of them and learns
 * what the file as a whole says. A file is read twice, for only its end tells when it was observed
 * and whether it can be used; no record is kept in between.
 */
final class Pass {
    static final long UNKNOWN = Long.MIN_VALUE;

    private final SlurmFileReader.Options options;
    private final Path path;
    private final InputSink sink;
    private final InputTally tally;
    private final @Nullable KnownRecords known;
    private final long observedMs;
    private long latestMs = UNKNOWN;
    private long firstStartMs = Long.MAX_VALUE;
    private boolean undated;
    private boolean completePoll;
    private boolean accounting;

    /** Reads one record or says why not. */
    interface Body {
        void read() throws BadRecordException, NotUsedException;
    }

    /**
     * The time of observation is given to the records that do not know their own. What is known is
     * not given to the sink again; null in a survey, which must leave all of it to the reading.
     */
    Pass(
            SlurmFileReader.Options options,
            InputFile file,
            InputSink sink,
            @Nullable KnownRecords known,
            long observedMs) {
        this.options = options;
        this.path = file.path();
        this.sink = sink;
        this.tally = new InputTally(options.cluster(), file.path().toString(), sink);
        this.known = known;
        this.observedMs = observedMs;
    }

    Path path() {
        return path;
    }

    ZoneId zone() {
        return options.zone();
    }

    /** When the file was observed, {@link #UNKNOWN} while that is being found out. */
    long observedMs() {
        return observedMs;
    }

    /** The latest time in the file that is not a forecast. */
    long latestMs() {
        return latestMs;
    }

    /** Some record needs a time of observation. */
    boolean undated() {
        return undated;
    }

    /** Runs the body for one record and accounts for it, whatever happens. */
    void record(long position, Supplier<String> payload, Body body) {
        try {
            body.read();
        } catch (NotUsedException e) {
            tally.ignored(e.reason());
        } catch (BadRecordException e) {
            tally.deadLetter(e.reason(), e.detail(), position, payload.get());
        }
    }

    void droppedField() {
        tally.droppedField();
    }

    void seen(@Nullable Long ms) {
        if (ms != null) {
            latestMs = Math.max(latestMs, ms);
        }
    }

    /** The file lists every live job. */
    void isCompletePoll(boolean complete) {
        completePoll = complete;
    }

    /** The file is accounting's, where jobs that are not listed may live on. */
    void isAccounting(boolean yes) {
        accounting = yes;
    }

    JobSnapshotRecord job(JobSource source, long rawJobId, long position) {
        JobSnapshotRecord r = new JobSnapshotRecord();
        r.setCluster(options.cluster());
        r.setRawJobId(rawJobId);
        r.setObservedAtMs(UNKNOWN);
        r.setSource(source);
        r.setOrigin(path + ":" + position);
        r.setJobId(Long.toString(rawJobId));
        r.setState("");
        r.setGpuTypes(new ArrayList<>());
        r.setDevices(new ArrayList<>());
        r.setFlags(new ArrayList<>());
        return r;
    }

    HostSnapshotRecord host(String name, String source, long position) throws BadRecordException {
        if (name.isEmpty() || name.length() > InputLimits.NAME_LENGTH) {
            throw new BadRecordException("UNREADABLE", "node without a usable name");
        }
        HostSnapshotRecord h = new HostSnapshotRecord();
        h.setCluster(options.cluster());
        h.setHost(name);
        h.setObservedAtMs(UNKNOWN);
        h.setSource(source);
        h.setOrigin(path + ":" + position);
        h.setPresent(true);
        h.setStates(new ArrayList<>());
        h.setGres(new ArrayList<>());
        h.setGpus(new ArrayList<>());
        h.setInstances(new ArrayList<>());
        h.setReservations(new ArrayList<>());
        return h;
    }

    void use(JobSnapshotRecord r) throws BadRecordException {
        Long start = r.getStartMs();
        Long end = r.getEndMs();
        if (start != null && end != null && end < start) {
            throw new BadRecordException(
                    "BAD_TIME", "job " + r.getRawJobId() + " ends before it starts");
        }
        if (start != null && end != null && end - start > InputLimits.LONGEST_RUN_MS) {
            throw new BadRecordException(
                    "BAD_TIME",
                    "job "
                            + r.getRawJobId()
                            + " lasts from "
                            + Instant.ofEpochMilli(start)
                            + " to "
                            + Instant.ofEpochMilli(end)
                            + ", more than ten years; correct the time and read it again");
        }
        seen(r.getSubmitMs());
        seen(start);
        seen(end);
        seen(r.getSuspendAtMs());
        seen(r.getResizedAtMs());
        if (start != null) {
            firstStartMs = Math.min(firstStartMs, start);
        }
        if (r.getObservedAtMs() == UNKNOWN) {
            undated = true;
            r.setObservedAtMs(observedMs);
        }
        if (known == null || known.add(r, JobSnapshotRecord.getEncoder())) {
            tally.used();
            sink.job(r);
        } else {
            tally.duplicate();
        }
    }

    void use(HostSnapshotRecord h) {
        useAll(List.of(h));
    }

    /** One input record that describes some hosts: a duplicate if it says nothing new of any. */
    void useAll(Iterable<HostSnapshotRecord> hosts) {
        boolean fresh = false;
        for (HostSnapshotRecord h : hosts) {
            if (h.getObservedAtMs() == UNKNOWN) {
                undated = true;
                h.setObservedAtMs(observedMs);
            }
            if (known == null || known.add(h, HostSnapshotRecord.getEncoder())) {
                fresh = true;
                sink.host(h);
            }
        }
        if (fresh) {
            tally.used();
        } else {
            tally.duplicate();
        }
    }

    /** Says what the file proves as a whole; explicit: its time is more than a guess. */
    void close(boolean explicit) {
        if (completePoll && !accounting && explicit) {
            // A job that could not be read is not absent: such a poll must end no run.
            heartbeat(
                    tally.deadLettersSoFar() == 0
                            ? HeartbeatKind.COMPLETE_POLL
                            : HeartbeatKind.HEARTBEAT,
                    null);
        }
        if (accounting && firstStartMs <= observedMs) {
            heartbeat(HeartbeatKind.BOUNDED_ACCOUNTING, firstStartMs);
        }
        tally.close();
    }

    private void heartbeat(HeartbeatKind kind, @Nullable Long from) {
        SchedulerHeartbeatRecord h = new SchedulerHeartbeatRecord();
        h.setCluster(options.cluster());
        h.setObservedAtMs(observedMs);
        h.setKind(kind);
        h.setCoveredFromMs(from);
        h.setOrigin(path.toString());
        sink.heartbeat(h);
    }
}

package io.gpuledger.collectors;

import io.gpuledger.collectors.dcgm.DcgmFileReader;
import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFiles;
import io.gpuledger.collectors.file.InputFormat;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.slurm.SlurmFileReader;
import io.gpuledger.schemas.DeadLetterRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Everything the readers found. */
final class Collected implements InputSink {
    final List<JobSnapshotRecord> jobs = new ArrayList<>();
    final List<HostSnapshotRecord> hosts = new ArrayList<>();
    final List<SchedulerHeartbeatRecord> heartbeats = new ArrayList<>();
    final List<HostScrapeRecord> scrapes = new ArrayList<>();
    final List<DeadLetterRecord> deadLetters = new ArrayList<>();
    final List<InputCount> counts = new ArrayList<>();

    @Override
    public void job(JobSnapshotRecord r) {
        jobs.add(r);
    }

    @Override
    public void host(HostSnapshotRecord r) {
        hosts.add(r);
    }

    @Override
    public void heartbeat(SchedulerHeartbeatRecord r) {
        heartbeats.add(r);
    }

    @Override
    public void scrape(HostScrapeRecord r) {
        scrapes.add(r);
    }

    @Override
    public void deadLetter(DeadLetterRecord r) {
        deadLetters.add(r);
    }

    @Override
    public void count(InputCount c) {
        counts.add(c);
    }

    static Collected of(Path path) throws InputException {
        return of(path, ZoneId.of("UTC"), null);
    }

    static Collected of(Path path, ZoneId zone, @Nullable Long observedAt) throws InputException {
        Collected c = new Collected();
        for (InputFile f : InputFiles.expand(List.of(path)).files()) {
            c.read(f, zone, observedAt);
        }
        return c;
    }

    void read(InputFile f, ZoneId zone, @Nullable Long observedAt) throws InputException {
        if (f.format().family() == InputFormat.Family.DCGM) {
            new DcgmFileReader(new DcgmFileReader.Options("c1", 30_000, null)).read(f, this);
        } else {
            new SlurmFileReader(new SlurmFileReader.Options("c1", zone, observedAt)).read(f, this);
        }
    }

    static Collected text(Path directory, String name, String text, String zone)
            throws InputException, IOException {
        Path p = directory.resolve(name);
        Files.writeString(p, text);
        return of(p, ZoneId.of(zone), null);
    }
}

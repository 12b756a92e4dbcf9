package io.gpuledger.cli;

import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFiles;
import io.gpuledger.collectors.file.InputFormat;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.slurm.SlurmFileReader;
import io.gpuledger.core.reconcile.AccountingRow;
import io.gpuledger.schemas.DeadLetterRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Accounting rows from the files of any format that has them. */
final class AccountingFiles {
    private static final String WANTED =
            "give sacct -P -D with a header, sacct --json or slurmdb jobs";

    private final SlurmFileReader reader;
    private final List<AccountingRow> rows = new ArrayList<>();
    private int files;

    AccountingFiles(SlurmFileReader.Options options) {
        this.reader = new SlurmFileReader(options);
    }

    List<AccountingRow> rows() {
        return rows;
    }

    /** A directory may hold other files too; a file that is named must be accounting's. */
    void read(List<Path> paths) throws InputException {
        Set<Path> named = new HashSet<>(paths);
        for (InputFile file : InputFiles.expand(paths).files()) {
            boolean mayBe =
                    file.format() == InputFormat.SACCT
                            || file.format() == InputFormat.SLURM_JOBS_JSON;
            if (mayBe) {
                read(file, named.contains(file.path()));
            } else if (named.contains(file.path())) {
                throw new InputException(file.path(), "holds no accounting rows; " + WANTED);
            }
        }
        if (files == 0) {
            throw new UsageException("--sacct names no accounting file; " + WANTED);
        }
    }

    void read(InputFile file, boolean named) throws InputException {
        Sink sink = new Sink();
        reader.read(file, sink);
        if (sink.others > 0 && sink.found.isEmpty()) {
            if (named) {
                throw new InputException(
                        file.path(), "holds what the controller says of jobs; " + WANTED);
            }
            return;
        }
        DeadLetterRecord bad = sink.bad;
        if (bad != null) {
            // With a row missing the scheduler's figure would be wrong and nobody would know.
            throw new UsageException(
                    "%s:%d: %s %s%s"
                            .formatted(
                                    bad.getSource(),
                                    bad.getPosition(),
                                    bad.getReason(),
                                    bad.getDetail(),
                                    sink.badRows > 1
                                            ? " (and %d more rows)".formatted(sink.badRows - 1)
                                            : ""));
        }
        files++;
        rows.addAll(sink.found);
    }

    private static final class Sink implements InputSink {
        private final List<AccountingRow> found = new ArrayList<>();
        private int others;
        private int badRows;
        private @Nullable DeadLetterRecord bad;

        @Override
        public void job(JobSnapshotRecord r) {
            Long start = r.getStartMs();
            if (r.getSource() != JobSource.ACCOUNTING) {
                others++;
            } else if (start != null) {
                found.add(row(r, start));
            }
        }

        private static AccountingRow row(JobSnapshotRecord r, long start) {
            return new AccountingRow(
                    r.getRawJobId(),
                    r.getJobId(),
                    r.getSubmitMs(),
                    start,
                    r.getEndMs(),
                    r.getState(),
                    count(r.getGpuCount()),
                    count(r.getShardCount()),
                    text(r.getAccount()),
                    text(r.getUser()),
                    r.getObservedAtMs());
        }

        private static int count(@Nullable Integer stated) {
            return stated == null ? 0 : stated;
        }

        private static String text(@Nullable String stated) {
            return stated == null ? "" : stated;
        }

        @Override
        public void deadLetter(DeadLetterRecord r) {
            badRows++;
            if (bad == null) {
                bad = r;
            }
        }

        @Override
        public void host(HostSnapshotRecord r) {}

        @Override
        public void heartbeat(SchedulerHeartbeatRecord r) {}

        @Override
        public void scrape(HostScrapeRecord r) {}

        @Override
        public void count(InputCount c) {}
    }
}

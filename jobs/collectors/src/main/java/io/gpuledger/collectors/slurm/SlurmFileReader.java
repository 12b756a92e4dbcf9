package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFormat;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.file.KnownRecords;
import io.gpuledger.schemas.DeadLetterRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.io.InputStream;
import java.time.ZoneId;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Reads one file of any Slurm format. Nothing reaches the sink of a file that cannot be read whole.
 */
public final class SlurmFileReader {
    /** The zone is that of times without one; the override is in epoch milliseconds. */
    public record Options(String cluster, ZoneId zone, @Nullable Long observedAtOverride) {}

    private final Options options;

    public SlurmFileReader(Options options) {
        this.options = options;
    }

    /** Reads a file on its own: its duplicates are the records that it repeats itself. */
    public void read(InputFile file, InputSink sink) throws InputException {
        read(file, sink, new KnownRecords());
    }

    /**
     * Reads one file of several: what is known already is a duplicate, what it says is known then.
     */
    public void read(InputFile file, InputSink sink, KnownRecords known) throws InputException {
        Pass survey = pass(file, new Nowhere(), null, Pass.UNKNOWN);
        Long override = options.observedAtOverride();
        OptionalLong named = file.nameTimeMs();
        long observed = override != null ? override : named.orElse(survey.latestMs());
        if (observed == Pass.UNKNOWN && survey.undated()) {
            throw new InputException(
                    file.path(), "holds no time of observation; give --observed-at");
        }
        pass(file, sink, known, observed).close(override != null || named.isPresent());
    }

    private Pass pass(InputFile file, InputSink sink, @Nullable KnownRecords known, long observedMs)
            throws InputException {
        Pass pass = new Pass(options, file, sink, known, observedMs);
        try (InputStream in = file.open()) {
            reader(file).read(in, pass);
        } catch (JsonProcessingException e) {
            throw new InputException(
                    file.path(),
                    "JSON is broken at %s (%s); write it again"
                            .formatted(BrokenJson.where(e), BrokenJson.what(e)),
                    e);
        } catch (IOException e) {
            throw InputFile.unreadable(file.path(), e);
        }
        return pass;
    }

    private static FormatReader reader(InputFile file) throws InputException {
        InputFormat format = file.format();
        return switch (format) {
            case SLURM_JOBS_JSON -> new JobsJsonReader();
            case SLURM_NODES_JSON -> new NodesJsonReader();
            case SCONTROL_JOBS -> new ScontrolJobsReader();
            case SCONTROL_NODES -> new ScontrolNodesReader();
            case SCONTROL_RESERVATIONS -> new ScontrolReservationsReader();
            case SLURM_RESERVATIONS_JSON -> new ReservationsJsonReader();
            case SACCT -> new SacctReader();
            case HOOKS -> new JsonLinesReader(new HookReader());
            case JOBCOMP -> new JsonLinesReader(new JobcompReader());
            case JOBCOMP_SEARCH -> new JobcompSearchReader();
            case HOST_CONFIGURATION -> new HostConfigurationReader();
            case DCGM ->
                    throw new InputException(file.path(), "holds GPU telemetry; give it as --dcgm");
        };
    }

    /** Where the records of the first reading go. */
    private static final class Nowhere implements InputSink {
        @Override
        public void job(JobSnapshotRecord r) {}

        @Override
        public void host(HostSnapshotRecord r) {}

        @Override
        public void heartbeat(SchedulerHeartbeatRecord r) {}

        @Override
        public void scrape(HostScrapeRecord r) {}

        @Override
        public void deadLetter(DeadLetterRecord r) {}

        @Override
        public void count(InputCount c) {}
    }
}

package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.schemas.JobSnapshotRecord;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the formats of jobs have in common. */
final class JobFields {
    private JobFields() {}

    static long rawId(@Nullable Long id, JsonNode shown) throws BadRecordException {
        if (id == null || id <= 0) {
            throw new BadRecordException("BAD_JOB_ID", "no usable job id: '" + shown + "'");
        }
        return id;
    }

    /**
     * The start of a waiting job is a forecast, and what it shows of an allocation is that of its
     * last run. A job cancelled before it started has times but no nodes.
     */
    static boolean hasStarted(String controllerState, List<String> nodes) {
        return !controllerState.equals("PENDING")
                && !(JobStates.ended(controllerState) && nodes.isEmpty());
    }

    static void tres(JobSnapshotRecord r, Tres t) {
        r.setGpuCount(t.gpuCount());
        r.setGpuTypes(new ArrayList<>(t.gpuTypes()));
        r.setShardCount(t.shardCount());
    }

    static void times(JobSnapshotRecord r, SlurmTime.Resolved times) {
        r.setSubmitMs(times.submit());
        r.setStartMs(times.start());
        r.setEndMs(times.end());
        SlurmTime.Resolved later = times.later();
        if (later != null) {
            r.getFlags().add("TIME_AMBIGUOUS");
            // Another source may tell that the later reading is right: then these are later too.
            moves(r, "SUBMIT_MOVES", times.submit(), later.submit());
            moves(r, "START_MOVES", times.start(), later.start());
            moves(r, "END_MOVES", times.end(), later.end());
        }
    }

    private static void moves(
            JobSnapshotRecord r, String flag, @Nullable Long first, @Nullable Long later) {
        if (first != null && !first.equals(later)) {
            r.getFlags().add(flag);
        }
    }
}

package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.Lines;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** {@code sacct -P} or {@code --parsable} with a header, any columns, any delimiter. */
final class SacctReader implements FormatReader {
    /** An array task or part of a heterogeneous job as people see it; its steps have a dot. */
    private static final Pattern SHOWN_ONLY = Pattern.compile("\\d+[_+]\\d+");

    /** The row before, where a resize ended it. */
    private @Nullable Resizing resizing;

    @Override
    public void read(InputStream in, Pass pass) throws IOException, InputException {
        Lines lines = new Lines(in);
        String header = lines.next();
        while (header != null && header.isBlank()) {
            header = lines.next();
        }
        if (header == null) {
            throw new InputException(pass.path(), "is empty; give sacct's output");
        }
        SacctHeader columns = SacctHeader.parse(header, pass.path());
        pass.isAccounting(true);
        List<String> unnamed = new ArrayList<>();
        SacctRows rows =
                new SacctRows(
                        columns,
                        (row, number) ->
                                pass.record(
                                        number,
                                        () -> row,
                                        () -> {
                                            Map<String, String> values = columns.row(row);
                                            try {
                                                row(values, number, pass);
                                            } catch (BadRecordException e) {
                                                if (unnamed.isEmpty() && isShownOnly(values)) {
                                                    unnamed.add(
                                                            values.get("jobid")
                                                                    + " in line "
                                                                    + number);
                                                }
                                                throw e;
                                            }
                                        }));
        for (String line = lines.next(); line != null; line = lines.next()) {
            if (line.equals(header)) {
                // Files put one after the other.
                pass.record(lines.number(), () -> "", SacctReader::skipHeader);
            } else {
                rows.line(line, lines.number());
            }
        }
        rows.close();
        if (!unnamed.isEmpty()) {
            throw new InputException(
                    pass.path(),
                    "sacct header lacks the column JobIDRaw, without which "
                            + unnamed.get(0)
                            + " cannot be told from other jobs; add it to sacct's -o list");
        }
    }

    private static void skipHeader() throws NotUsedException {
        throw new NotUsedException("repeated header");
    }

    /** The raw id of an array task cannot be guessed from 15_8. */
    private static boolean isShownOnly(Map<String, String> row) {
        return !row.containsKey("jobidraw")
                && SHOWN_ONLY.matcher(row.getOrDefault("jobid", "")).matches();
    }

    private void row(Map<String, String> v, long number, Pass pass)
            throws BadRecordException, NotUsedException {
        String shown = v.getOrDefault("jobid", "");
        String id = v.getOrDefault("jobidraw", shown);
        if (id.indexOf('.') >= 0) {
            throw new NotUsedException("step");
        }
        String state = JobStates.accounting(List.of(v.getOrDefault("state", "")));
        Long suspended = SlurmTime.duration(v.get("suspended"));
        SlurmTime.Resolved times = times(id, v, state, suspended, pass);
        List<String> nodes = HostList.expand(v.getOrDefault("nodelist", ""));
        boolean onNodes = !nodes.isEmpty() || !v.containsKey("nodelist");
        if (AccountingRows.waits(state, times.start(), times.end(), elapsed(v), onNodes)) {
            throw new NotUsedException(AccountingRows.NOT_STARTED);
        }
        JobSnapshotRecord r = pass.job(JobSource.ACCOUNTING, rawId(id), number);
        r.setJobId(shown.isEmpty() ? id : shown);
        r.setState(state);
        JobFields.times(r, times);
        r.setSuspendedTotalMs(suspended);
        r.setTimeLimitMs(TimeLimits.sacct(v, pass));
        r.setAccount(text(v, "account"));
        r.setUser(text(v, "user"));
        r.setPartition(text(v, "partition"));
        r.setQos(text(v, "qos"));
        r.setName(text(v, "jobname"));
        r.setNodes(nodes.isEmpty() ? null : nodes);
        JobFields.tres(r, Tres.parse(v.get("alloctres")));
        pass.use(r);
    }

    private static long rawId(String id) throws BadRecordException {
        try {
            return Integers.parseLong(id, "JobIDRaw");
        } catch (BadRecordException e) {
            throw new BadRecordException("BAD_JOB_ID", "'" + id + "' is no raw job id", e);
        }
    }

    private SlurmTime.Resolved times(
            String id, Map<String, String> v, String state, @Nullable Long suspended, Pass pass)
            throws BadRecordException {
        Long elapsed = elapsed(v);
        Long length =
                elapsed == null ? null : (Long) (elapsed + (suspended == null ? 0 : suspended));
        // sacct -T cuts the times of open rows to the asked span: such an end is none.
        boolean open = state.equals("RUNNING") || state.equals("SUSPENDED");
        String end = open ? null : v.get("end");
        Resizing former = resizing;
        SlurmTime.Resolved times =
                former != null && former.isFollowedBy(id, v)
                        ? SlurmTime.resized(former.times(), end, length, pass.zone())
                        : SlurmTime.resolve(
                                v.get("submit"), v.get("start"), end, length, pass.zone());
        resizing = state.equals("RESIZING") ? new Resizing(id, v, times) : null;
        return times;
    }

    /** A row that ended in a resize; the next one of the job has what came of it. */
    private record Resizing(String id, Map<String, String> row, SlurmTime.Resolved times) {
        boolean isFollowedBy(String nextId, Map<String, String> next) {
            return id.equals(nextId)
                    && Objects.equals(row.get("start"), next.get("start"))
                    && Objects.equals(row.get("end"), next.get("submit"));
        }
    }

    private static @Nullable Long elapsed(Map<String, String> v) throws BadRecordException {
        String raw = v.get("elapsedraw");
        return raw != null && !raw.isBlank()
                ? (Long) (Integers.parse(raw, "ElapsedRaw") * 1000L)
                : SlurmTime.duration(v.get("elapsed"));
    }

    private static @Nullable String text(Map<String, String> v, String column) {
        String value = v.get(column);
        return value == null || value.isEmpty() ? null : value;
    }
}

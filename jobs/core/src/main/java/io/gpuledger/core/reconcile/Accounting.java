package io.gpuledger.core.reconcile;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;

/**
 * Accounting as it stands now: of each row the latest reading, for Slurm rewrites rows in place.
 * Rows are identified by raw job id and Submit; rows without Submit by Start, and only where no row
 * of the job has one.
 */
final class Accounting {
    private final Map<Long, NavigableMap<Long, Incarnation>> byJob = new HashMap<>();
    private final long latestMs;

    Accounting(List<AccountingRow> rows) {
        this.latestMs =
                rows.stream().mapToLong(AccountingRow::observedAtMs).max().orElse(Long.MAX_VALUE);
        Map<Long, Map<Long, AccountingRow>> bySubmit = new HashMap<>();
        Map<Long, Map<Long, AccountingRow>> byStart = new HashMap<>();
        for (AccountingRow row : rows) {
            Long submit = row.submitMs();
            Map<Long, Map<Long, AccountingRow>> kind = submit == null ? byStart : bySubmit;
            kind.computeIfAbsent(row.rawJobId(), j -> new HashMap<>())
                    .merge(submit == null ? row.startMs() : submit, row, AccountingRow::later);
        }
        bySubmit.forEach((job, latest) -> add(job, latest.values()));
        byStart.forEach(
                (job, latest) -> {
                    if (!byJob.containsKey(job)) {
                        add(job, latest.values());
                    }
                });
    }

    private void add(long job, Iterable<AccountingRow> latest) {
        NavigableMap<Long, List<AccountingRow>> byStart = new TreeMap<>();
        for (AccountingRow row : latest) {
            byStart.computeIfAbsent(row.startMs(), s -> new ArrayList<>()).add(row);
        }
        NavigableMap<Long, Incarnation> incarnations = new TreeMap<>();
        byStart.forEach(
                (start, rows) -> {
                    rows.sort(
                            Comparator.comparingLong(
                                    r -> Objects.requireNonNullElse(r.submitMs(), r.startMs())));
                    incarnations.put(start, new Incarnation(job, start, List.copyOf(rows)));
                });
        byJob.put(job, incarnations);
    }

    List<Incarnation> incarnations() {
        List<Incarnation> all = new ArrayList<>();
        byJob.values().forEach(incarnations -> all.addAll(incarnations.values()));
        return all;
    }

    /**
     * A row of this job says that it waited while the run was seen: from a Submit no later than the
     * run's start to a Start no earlier than its end. slurmdbd keeps the Submit of a launch that
     * failed before its prolog was done and overwrites the rest with the next start; every other
     * start of a job has a Submit of its own.
     */
    boolean overwrote(LedgerRun run) {
        NavigableMap<Long, Incarnation> incarnations = byJob.get(run.rawJobId());
        if (incarnations == null) {
            return false;
        }
        for (Incarnation later : incarnations.tailMap(run.latestHeldMs(), true).values()) {
            Long submit = later.rows().get(0).submitMs();
            if (submit != null && submit <= run.startMs()) {
                return true;
            }
        }
        return false;
    }

    /** When accounting was last read; never where it has no rows. */
    long latestMs() {
        return latestMs;
    }

    boolean knows(long rawJobId) {
        return byJob.containsKey(rawJobId);
    }
}

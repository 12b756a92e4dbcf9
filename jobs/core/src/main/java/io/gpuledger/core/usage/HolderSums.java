package io.gpuledger.core.usage;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Adds up the parts of one row by holder, in a canonical order. */
final class HolderSums {
    private static final long UNMAPPED_WEIGHT = 1_000;
    private static final String UNMAPPED_GRANT = "unmapped";

    private record Id(Bucket bucket, String runId, int instance) {}

    private static final class Cell {
        final HostRun run;
        int flags;
        long gpuMs;
        final Readings.Sums read = new Readings.Sums();

        Cell(HostRun run) {
            this.run = run;
        }
    }

    private final Map<Id, Cell> cells =
            new TreeMap<>(
                    Comparator.comparing(Id::bucket)
                            .thenComparing(Id::runId)
                            .thenComparingInt(Id::instance));

    void whole(HolderKey key, long fromMs, long toMs, Readings.Sums read) {
        part(key, new SlotReadings.Part(toMs - fromMs, read));
    }

    void part(HolderKey key, SlotReadings.Part part) {
        Cell cell = cell(key);
        cell.gpuMs += part.gpuMs();
        cell.read.add(part.read());
    }

    void unread(HolderKey key, long gpuMs) {
        if (gpuMs != 0) {
            cell(key).gpuMs += gpuMs;
        }
    }

    private Cell cell(HolderKey key) {
        Cell cell =
                cells.computeIfAbsent(
                        new Id(key.bucket(), key.run().runId(), key.instance()),
                        id -> new Cell(key.run()));
        cell.flags |= key.flags();
        return cell;
    }

    List<UsageRow.Holder> holders() {
        List<UsageRow.Holder> holders = new ArrayList<>();
        cells.forEach((id, cell) -> holders.add(holder(id, cell)));
        return holders;
    }

    private static UsageRow.Holder holder(Id id, Cell cell) {
        HostRun run = cell.run;
        boolean held = id.bucket().isHeld();
        return new UsageRow.Holder(
                id.bucket(),
                run.runId(),
                run.jobId(),
                run.account(),
                run.user(),
                run.partition(),
                run.qos(),
                run.runId().isEmpty() ? "" : UNMAPPED_GRANT,
                id.instance(),
                cell.gpuMs,
                held ? cell.gpuMs * UNMAPPED_WEIGHT : 0,
                cell.read.coveredMs,
                cell.read.activeUs,
                cell.read.smUs,
                cell.read.tensorUs,
                cell.read.dramUs,
                cell.read.memoryMibMs,
                cell.read.energyMj,
                held ? cell.read.idleMs : 0,
                cell.flags | cell.read.flags);
    }
}

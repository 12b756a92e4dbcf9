package io.gpuledger.core.usage;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.ObjLongConsumer;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** Adds up the parts of one row by holder, in a canonical order. */
final class HolderSums {
    private static final long MS_TO_US = 1_000;

    private static final Comparator<Cell> ORDER =
            Comparator.comparing((Cell c) -> c.bucket)
                    .thenComparing(c -> c.run.runId())
                    .thenComparingInt(c -> c.instance);

    private static final class Cell {
        final Bucket bucket;
        final HostRun run;
        final int instance;
        Charge charge;
        String gpuModel;
        int flags;
        long gpuMs;
        long chargedGpuUs;
        final Readings.Sums read = new Readings.Sums();

        Cell(HolderKey key, Charge charge, String gpuModel) {
            bucket = key.bucket();
            run = key.run();
            instance = key.instance();
            this.charge = charge;
            this.gpuModel = gpuModel;
        }

        boolean isOf(HolderKey key) {
            return bucket == key.bucket()
                    && instance == key.instance()
                    && run.runId().equals(key.run().runId());
        }

        void add(long moreGpuMs) {
            gpuMs += moreGpuMs;
            chargedGpuUs += charge.chargedGpuUs(moreGpuMs);
        }
    }

    private final ChargeRule rule;
    private final String cluster;
    private final long atMs;

    /** Of a minute that begins at {@code atMs}: no charge changes within it. */
    HolderSums(ChargeRule rule, String cluster, long atMs) {
        this.rule = rule;
        this.cluster = cluster;
        this.atMs = atMs;
    }

    /** Nearly always one, a handful where a card is shared: no map finds them faster. */
    private final List<Cell> cells = new ArrayList<>();

    /** Of a card that the scheduler calls {@code gpuModel}; empty when it has no name for it. */
    void whole(HolderKey key, String gpuModel, long fromMs, long toMs, Readings.Sums read) {
        part(key, gpuModel, new SlotReadings.Part(toMs - fromMs, read));
    }

    void part(HolderKey key, String gpuModel, SlotReadings.Part part) {
        Cell cell = cell(key, gpuModel);
        cell.add(part.gpuMs());
        cell.read.add(part.read());
    }

    void unread(HolderKey key, String gpuModel, long gpuMs) {
        if (gpuMs != 0) {
            cell(key, gpuModel).add(gpuMs);
        }
    }

    private Cell cell(HolderKey key, String gpuModel) {
        Cell cell = known(key);
        if (cell == null) {
            cell = new Cell(key, charge(key, gpuModel), gpuModel);
            cells.add(cell);
        }
        if (!cell.gpuModel.equals(gpuModel)) {
            cell.gpuModel = gpuModel; // devices of several kinds without a position
            cell.charge = charge(key, gpuModel);
        }
        cell.flags |= key.flags();
        return cell;
    }

    private @Nullable Cell known(HolderKey key) {
        for (Cell cell : cells) {
            if (cell.isOf(key)) {
                return cell;
            }
        }
        return null;
    }

    private Charge charge(HolderKey key, String gpuModel) {
        HostRun run = key.run();
        return rule.at(
                new ChargeSubject(
                        cluster,
                        run.account(),
                        run.user(),
                        run.partition(),
                        run.qos(),
                        gpuModel,
                        key.bucket(),
                        run.endState()),
                atMs);
    }

    List<UsageRow.Holder> holders() {
        if (cells.size() > 1) {
            cells.sort(ORDER);
            settle();
        }
        List<UsageRow.Holder> holders = new ArrayList<>(cells.size());
        cells.forEach(cell -> holders.add(holder(cell)));
        return holders;
    }

    /**
     * A share of a few milliseconds may be rounded to less than nothing, or to more activity than
     * time. What is beyond a bound goes to the row's next holder that has room, so the row keeps
     * its sum.
     */
    private void settle() {
        settle(cells, r -> r.coveredMs, (r, v) -> r.coveredMs = v, c -> c.gpuMs);
        settle(cells, r -> r.idleMs, (r, v) -> r.idleMs = v, c -> c.read.coveredMs);
        settle(cells, r -> r.activeUs, (r, v) -> r.activeUs = v, c -> c.read.coveredMs * MS_TO_US);
        settle(cells, r -> r.smUs, (r, v) -> r.smUs = v, c -> c.gpuMs * MS_TO_US);
        settle(cells, r -> r.tensorUs, (r, v) -> r.tensorUs = v, c -> c.gpuMs * MS_TO_US);
        settle(cells, r -> r.dramUs, (r, v) -> r.dramUs = v, c -> c.gpuMs * MS_TO_US);
        settle(cells, r -> r.memoryMibMs, (r, v) -> r.memoryMibMs = v, c -> Long.MAX_VALUE);
        settle(cells, r -> r.energyMj, (r, v) -> r.energyMj = v, c -> Long.MAX_VALUE);
    }

    private static void settle(
            List<Cell> cells,
            ToLongFunction<Readings.Sums> get,
            ObjLongConsumer<Readings.Sums> set,
            ToLongFunction<Cell> most) {
        long left = 0;
        // What the last ones have no room for, the first ones may have.
        for (int pass = 0; pass < 2 && (pass == 0 || left != 0); pass++) {
            for (Cell cell : cells) {
                long value = get.applyAsLong(cell.read) + left;
                long kept = Math.max(0, Math.min(value, most.applyAsLong(cell)));
                set.accept(cell.read, kept);
                left = value - kept;
            }
        }
        if (left != 0) {
            Readings.Sums first = cells.get(0).read;
            set.accept(first, get.applyAsLong(first) + left);
        }
    }

    private static UsageRow.Holder holder(Cell cell) {
        HostRun run = cell.run;
        boolean held = cell.bucket.isHeld();
        return new UsageRow.Holder(
                cell.bucket,
                run.runId(),
                run.jobId(),
                run.account(),
                run.user(),
                run.partition(),
                run.qos(),
                cell.charge.grantId(),
                cell.instance,
                cell.gpuMs,
                cell.chargedGpuUs,
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

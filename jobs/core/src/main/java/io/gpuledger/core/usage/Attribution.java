package io.gpuledger.core.usage;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The heart: from what is known of a host to what happened on each of its slots in a window. A pure
 * function; the rows it makes close to the millisecond or it throws.
 */
public final class Attribution {
    /** Index of the row that carries devices of unknown position. */
    public static final int UNPLACED = -1;

    private static final long UNMAPPED_WEIGHT = 1_000;
    private static final String UNMAPPED_GRANT = "unmapped";

    private Attribution() {}

    /** Rows of all slots of the host that existed in {@code window}; runs must have been placed. */
    public static List<UsageRow> attribute(HostFacts facts, Span window) {
        List<UsageRow> rows = new ArrayList<>();
        long idleMs = 0;
        for (Map.Entry<Integer, HostFacts.Slot> slot : facts.slots().entrySet()) {
            Span existed = slot.getValue().exists().intersect(window);
            if (existed.isEmpty()) {
                continue;
            }
            UsageRow row = slotRow(facts, slot.getKey(), slot.getValue(), existed, window);
            for (UsageRow.Holder holder : row.holders()) {
                idleMs += holder.bucket() == Bucket.IDLE ? holder.gpuMs() : 0;
            }
            rows.add(row);
        }
        rows.addAll(unplacedRows(facts, window, idleMs));
        return rows;
    }

    /** A holder of a slot between two breakpoints. */
    private record Claim(HostRun run, Holding holding) {}

    private static UsageRow slotRow(
            HostFacts facts, int index, HostFacts.Slot slot, Span existed, Span window) {
        List<Claim> claims = new ArrayList<>();
        List<HostRun> leaving = new ArrayList<>();
        TreeSet<Long> cuts = new TreeSet<>(List.of(existed.startMs(), existed.endMs()));
        for (Span known : facts.schedulerKnown()) {
            addCut(cuts, existed, known.startMs());
            addCut(cuts, existed, known.endMs());
        }
        String model = slot.model();
        for (HostRun run : facts.runs()) {
            boolean onSlot = false;
            for (Holding holding : run.holdings()) {
                if (holding.gpuIndex() != index) {
                    continue;
                }
                onSlot |= holding.endMs() == run.endMs();
                if (holding.startMs() < existed.endMs() && existed.startMs() < holding.endMs()) {
                    claims.add(new Claim(run, holding));
                    addCut(cuts, existed, holding.startMs());
                    addCut(cuts, existed, holding.endMs());
                    for (Span suspension : run.suspensions()) {
                        addCut(cuts, existed, suspension.startMs());
                        addCut(cuts, existed, suspension.endMs());
                    }
                }
            }
            if (onSlot
                    && run.overheadUntilMs() > run.endMs()
                    && run.endMs() < existed.endMs()
                    && existed.startMs() < run.overheadUntilMs()) {
                leaving.add(run);
                addCut(cuts, existed, run.endMs());
                addCut(cuts, existed, run.overheadUntilMs());
            }
        }
        claims.sort(
                Comparator.comparing((Claim c) -> c.run().runId())
                        .thenComparingLong(c -> c.holding().startMs()));
        leaving.sort(Comparator.comparingLong(HostRun::endMs).thenComparing(HostRun::runId));

        Readings readings = new Readings(facts.samples().getOrDefault(index, List.of()));
        HolderSums sums = new HolderSums();
        long from = existed.startMs();
        for (long to : cuts.tailSet(from, false)) {
            piece(facts, claims, leaving, readings, sums, from, to);
            from = to;
        }
        return new UsageRow(
                facts.cluster(),
                facts.host(),
                index,
                "",
                window.startMs(),
                existed.lengthMs(),
                slot.uuid(),
                model,
                sums.holders());
    }

    private static void addCut(Set<Long> cuts, Span within, long at) {
        if (within.startMs() < at && at < within.endMs()) {
            cuts.add(at);
        }
    }

    /** One stretch without a change: who holds which share of the slot, and what the rest does. */
    private static void piece(
            HostFacts facts,
            List<Claim> claims,
            List<HostRun> leaving,
            Readings readings,
            HolderSums sums,
            long from,
            long to) {
        List<Claim> whole = new ArrayList<>();
        List<Claim> shared = new ArrayList<>();
        for (Claim claim : claims) {
            if (claim.holding().startMs() <= from && to <= claim.holding().endMs()) {
                (claim.holding().shards() == 0 ? whole : shared).add(claim);
            }
        }
        Readings.Sums read = readings.over(from, to);
        if (!whole.isEmpty()) {
            // A card has one whole holder: when two claim it the later start has it.
            Claim holder =
                    whole.stream()
                            .max(
                                    Comparator.comparingLong((Claim c) -> c.holding().startMs())
                                            .thenComparing(c -> c.run().runId()))
                            .orElseThrow();
            int flags = whole.size() > 1 || !shared.isEmpty() ? RunFlag.DOUBLE_HOLD.bit() : 0;
            sums.add(key(holder, from, flags), from, to, 0, 1, 1, read);
            return;
        }
        long denominator = 0;
        for (Claim claim : shared) {
            denominator += claim.holding().shards();
        }
        boolean overbooked = facts.shardsPerGpu() > 0 && denominator > facts.shardsPerGpu();
        int flags = 0;
        if (!shared.isEmpty() && (facts.shardsPerGpu() == 0 || overbooked)) {
            flags = RunFlag.SHARED_SLOT.bit();
        } else {
            denominator = Math.max(facts.shardsPerGpu(), 1);
        }
        long cumulated = 0;
        for (Claim claim : shared) {
            long next = cumulated + claim.holding().shards();
            sums.add(key(claim, from, flags), from, to, cumulated, next, denominator, read);
            cumulated = next;
        }
        if (cumulated < denominator) {
            sums.add(
                    free(facts, leaving, from),
                    from,
                    to,
                    cumulated,
                    denominator,
                    denominator,
                    read);
        }
    }

    private static HolderKey key(Claim claim, long at, int flags) {
        HostRun run = claim.run();
        boolean suspended = run.suspensions().stream().anyMatch(s -> s.contains(at));
        int all = run.flags() | flags;
        if (isMigType(claim.holding().gresType())) {
            all |= RunFlag.INSTANCE_AS_SLOT.bit();
        }
        return new HolderKey(suspended ? Bucket.SUSPENDED : Bucket.ALLOCATED, run, all);
    }

    /** Slurm names MIG profiles 1g.10gb, a100_3g.20gb and the like. */
    static boolean isMigType(String gresType) {
        int g = gresType.indexOf("g.");
        return g > 0 && Character.isDigit(gresType.charAt(g - 1)) && gresType.endsWith("gb");
    }

    private static HolderKey free(HostFacts facts, List<HostRun> leaving, long at) {
        for (HostRun run : leaving) {
            if (run.endMs() <= at && at < run.overheadUntilMs()) {
                return new HolderKey(Bucket.OVERHEAD, run, run.flags());
            }
        }
        boolean known = facts.schedulerKnown().stream().anyMatch(s -> s.contains(at));
        return new HolderKey(known ? Bucket.IDLE : Bucket.UNKNOWN, HolderKey.NOBODY, 0);
    }

    /**
     * Devices of unknown position: their time stands at index -1, and the same time is taken back
     * from the IDLE of the known slots as far as there is any, so that the host's total stays true.
     */
    private static List<UsageRow> unplacedRows(HostFacts facts, Span window, long idleMs) {
        Map<String, HolderSums> byKey = new TreeMap<>();
        Map<String, Long> heldByKey = new TreeMap<>();
        for (HostRun run : facts.runs()) {
            for (Holding holding : run.holdings()) {
                if (holding.gpuIndex() != UNPLACED) {
                    continue;
                }
                Span held = new Span(holding.startMs(), holding.endMs()).intersect(window);
                if (held.isEmpty()) {
                    continue;
                }
                String key = facts.host().isEmpty() ? run.runId() : "";
                HolderSums sums = byKey.computeIfAbsent(key, k -> new HolderSums());
                long suspended = Span.lengthWithin(run.suspensions(), held.startMs(), held.endMs());
                long count = holding.count();
                sums.addUnread(
                        new HolderKey(Bucket.ALLOCATED, run, run.flags()),
                        count * (held.lengthMs() - suspended));
                sums.addUnread(
                        new HolderKey(Bucket.SUSPENDED, run, run.flags()), count * suspended);
                heldByKey.merge(key, count * held.lengthMs(), Long::sum);
            }
        }
        List<UsageRow> rows = new ArrayList<>();
        for (Map.Entry<String, HolderSums> entry : byKey.entrySet()) {
            long held = Objects.requireNonNull(heldByKey.get(entry.getKey()), "merged above");
            long contra = facts.host().isEmpty() ? 0 : Math.min(held, idleMs);
            entry.getValue().addUnread(new HolderKey(Bucket.IDLE, HolderKey.NOBODY, 0), -contra);
            rows.add(
                    new UsageRow(
                            facts.cluster(),
                            facts.host(),
                            UNPLACED,
                            entry.getKey(),
                            window.startMs(),
                            held - contra,
                            "",
                            "",
                            entry.getValue().holders()));
        }
        return rows;
    }

    /** Identity of a part of a row. */
    private record HolderKey(Bucket bucket, HostRun run, int flags) {
        static final HostRun NOBODY =
                new HostRun("", "", "", "", "", "", 0, 0, 0, List.of(), List.of(), 0);
    }

    /** Sums by holder, in a canonical order. */
    private static final class HolderSums {
        private record Id(Bucket bucket, String runId) {}

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
                new TreeMap<>(Comparator.comparing(Id::bucket).thenComparing(Id::runId));

        void add(
                HolderKey key,
                long from,
                long to,
                long before,
                long after,
                long denominator,
                Readings.Sums read) {
            Cell cell = cell(key);
            cell.gpuMs += Shares.part(from, to, before, after, denominator);
            cell.read.coveredMs += Shares.cut(read.coveredMs, before, after, denominator);
            cell.read.activeUs += Shares.cut(read.activeUs, before, after, denominator);
            cell.read.smUs += Shares.cut(read.smUs, before, after, denominator);
            cell.read.tensorUs += Shares.cut(read.tensorUs, before, after, denominator);
            cell.read.dramUs += Shares.cut(read.dramUs, before, after, denominator);
            cell.read.memoryMibMs += Shares.cut(read.memoryMibMs, before, after, denominator);
            cell.read.energyMj += Shares.cut(read.energyMj, before, after, denominator);
            cell.read.idleMs += Shares.cut(read.idleMs, before, after, denominator);
            cell.flags |= read.flags;
        }

        void addUnread(HolderKey key, long gpuMs) {
            if (gpuMs != 0) {
                cell(key).gpuMs += gpuMs;
            }
        }

        private Cell cell(HolderKey key) {
            Cell cell =
                    cells.computeIfAbsent(
                            new Id(key.bucket(), key.run().runId()), id -> new Cell(key.run()));
            cell.flags |= key.flags();
            return cell;
        }

        List<UsageRow.Holder> holders() {
            List<UsageRow.Holder> holders = new ArrayList<>();
            cells.forEach(
                    (id, cell) -> {
                        HostRun run = cell.run;
                        boolean charged = id.bucket().isHeld();
                        holders.add(
                                new UsageRow.Holder(
                                        id.bucket(),
                                        run.runId(),
                                        run.jobId(),
                                        run.account(),
                                        run.user(),
                                        run.partition(),
                                        run.qos(),
                                        run.runId().isEmpty() ? "" : UNMAPPED_GRANT,
                                        -1,
                                        cell.gpuMs,
                                        charged ? cell.gpuMs * UNMAPPED_WEIGHT : 0,
                                        cell.read.coveredMs,
                                        cell.read.activeUs,
                                        cell.read.smUs,
                                        cell.read.tensorUs,
                                        cell.read.dramUs,
                                        cell.read.memoryMibMs,
                                        cell.read.energyMj,
                                        charged ? cell.read.idleMs : 0,
                                        cell.flags));
                    });
            return holders;
        }
    }
}

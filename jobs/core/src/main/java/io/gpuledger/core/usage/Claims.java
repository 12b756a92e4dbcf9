package io.gpuledger.core.usage;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.RunFlag;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** From what runs have by the scheduler's numbers to claims on slots. */
final class Claims {
    private static final Pattern MIG_PROFILE = Pattern.compile("(?<![0-9])[1-9]g\\.[0-9]+gb");

    private static final int NO_STATED_END = RunFlag.OPEN.bit() | RunFlag.END_ESTIMATED.bit();

    private static final Comparator<Claim> ORDER =
            Comparator.comparing((Claim c) -> c.run().runId())
                    .thenComparingInt(Claim::instance)
                    .thenComparingLong(Claim::startMs)
                    .thenComparing(Claim::isOverhead);

    private Claims() {}

    /** Claims per slot, sorted by run, instance and start; placed devices only. */
    static SortedMap<Integer, SlotClaims> of(List<HostRun> runs, HostTimeline timeline) {
        Map<String, Long> lost = endsByNextHolder(runs);
        SortedMap<Integer, List<Claim>> bySlot = new TreeMap<>();
        for (HostRun run : runs) {
            Long lostAt = lost.get(run.runId());
            for (Holding holding : run.holdings()) {
                if (!HostFacts.isUnplaced(holding)) {
                    claim(run, holding, timeline, lostAt, bySlot);
                }
            }
        }
        SortedMap<Integer, SlotClaims> sorted = new TreeMap<>();
        bySlot.forEach(
                (slot, claims) -> {
                    claims.sort(ORDER);
                    sorted.put(slot, new SlotClaims(claims));
                });
        return sorted;
    }

    private static void claim(
            HostRun run,
            Holding holding,
            HostTimeline timeline,
            @Nullable Long lostAt,
            SortedMap<Integer, List<Claim>> bySlot) {
        long end = holding.endMs();
        int flags = run.flags();
        HostRun holder = run;
        boolean last = holding.endMs() == run.endMs();
        if (lostAt != null && lostAt < end) {
            end = Math.max(holding.startMs(), lostAt);
            flags = (flags & ~RunFlag.OPEN.bit()) | RunFlag.END_ESTIMATED.bit();
            last = false;
            holder = run.uncertainFrom(Math.min(run.uncertainFromMs(), lostAt));
        }
        add(holder, holding, holding.startMs(), end, false, flags, timeline, bySlot);
        if (last && run.overheadUntilMs() > end) {
            add(run, holding, end, run.overheadUntilMs(), true, flags, timeline, bySlot);
        }
    }

    /** Cut where the host's layout changes: an index may mean another card from then on. */
    private static void add(
            HostRun run,
            Holding holding,
            long fromMs,
            long toMs,
            boolean overhead,
            int runFlags,
            HostTimeline timeline,
            SortedMap<Integer, List<Claim>> bySlot) {
        SortedSet<Long> cuts = new TreeSet<>(timeline.changes().subSet(fromMs, toMs));
        cuts.add(toMs);
        long from = fromMs;
        Claim open = null;
        int openSlot = -1;
        for (long to : cuts) {
            if (to <= from) {
                continue;
            }
            MigLayout layout = timeline.layout(from);
            MigLayout.Instance mig =
                    holding.shards() > 0 ? null : layout.byOrdinal().get(holding.gpuIndex());
            int slot = mig == null ? holding.gpuIndex() : mig.gpuIndex();
            int flags = runFlags;
            // The inventory knows the type of an index; a job's own types may be several.
            String type = timeline.gresType(holding.gpuIndex(), from);
            boolean instance = isMigType(type.isEmpty() ? holding.gresType() : type);
            if (mig == null && instance) {
                flags |= RunFlag.INSTANCE_AS_SLOT.bit();
            }
            Claim next =
                    new Claim(
                            run,
                            mig == null ? -1 : mig.instance(),
                            mig == null ? 0 : mig.slices(),
                            layout.slicesPerGpu(),
                            holding.shards(),
                            overhead,
                            from,
                            to,
                            flags);
            if (open != null && openSlot == slot && continues(open, next)) {
                open = open.until(to, 0);
            } else {
                keep(open, openSlot, bySlot);
                open = next;
                openSlot = slot;
            }
            from = to;
        }
        keep(open, openSlot, bySlot);
    }

    private static boolean continues(Claim before, Claim next) {
        return before.instance() == next.instance()
                && before.slices() == next.slices()
                && before.slicesPerGpu() == next.slicesPerGpu()
                && before.flags() == next.flags();
    }

    private static void keep(
            @Nullable Claim claim, int slot, SortedMap<Integer, List<Claim>> bySlot) {
        if (claim != null) {
            bySlot.computeIfAbsent(slot, s -> new ArrayList<>()).add(claim);
        }
    }

    /**
     * A run whose end nobody states has ended at the latest when another run gets one of its cards
     * as a whole: it then holds none of its cards on this host any more.
     */
    private static Map<String, Long> endsByNextHolder(List<HostRun> runs) {
        Map<Integer, List<Start>> starts = new HashMap<>();
        boolean anyOpen = false;
        for (HostRun run : runs) {
            anyOpen |= (run.flags() & NO_STATED_END) != 0;
            for (Holding holding : run.holdings()) {
                if (!HostFacts.isUnplaced(holding)
                        && holding.shards() == 0
                        && holding.endMs() > holding.startMs()) {
                    starts.computeIfAbsent(holding.gpuIndex(), g -> new ArrayList<>())
                            .add(new Start(holding.startMs(), run.startMs(), run.runId()));
                }
            }
        }
        Map<String, Long> lost = new HashMap<>();
        if (!anyOpen) {
            return lost;
        }
        for (HostRun run : runs) {
            if ((run.flags() & NO_STATED_END) == 0) {
                continue;
            }
            for (Holding holding : run.holdings()) {
                if (holding.endMs() != run.endMs()) {
                    continue; // freed by a resize, not by the end
                }
                for (Start other : starts.getOrDefault(holding.gpuIndex(), List.of())) {
                    boolean later =
                            other.runStartMs() > run.startMs()
                                    && other.atMs() > holding.startMs()
                                    && other.atMs() < holding.endMs();
                    if (later && !other.runId().equals(run.runId())) {
                        lost.merge(run.runId(), other.atMs(), Math::min);
                    }
                }
            }
        }
        return lost;
    }

    private record Start(long atMs, long runStartMs, String runId) {}

    /** Slurm names MIG profiles 1g.10gb, a100_3g.20gb, 1g.10gb.me and the like. */
    static boolean isMigType(String gresType) {
        return MIG_PROFILE.matcher(gresType).find();
    }
}

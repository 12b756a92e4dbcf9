package io.gpuledger.core.usage;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
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

    private static final int END_FLAGS = RunFlag.OPEN.bit() | RunFlag.END_ESTIMATED.bit();

    private Attribution() {}

    /** A part of a window in which nothing changes. */
    private record Stretch(long fromMs, long toMs, long windowEndMs, String gpuModel) {}

    /**
     * Rows of all slots of the host that existed in {@code window}.
     *
     * @param readings per GPU index, for every GPU that has samples which speak for the window
     * @param window one minute
     * @param rule who pays
     */
    public static List<UsageRow> attribute(
            HostFacts facts, Map<Integer, SlotReadings> readings, Span window, ChargeRule rule) {
        List<UsageRow> rows = new ArrayList<>();
        long idleMs = 0;
        for (Map.Entry<Integer, HostFacts.Slot> slot : facts.slots().entrySet()) {
            List<Span> existed = within(slot.getValue().exists(), window);
            if (existed.isEmpty()) {
                continue;
            }
            SlotReadings read = readings.getOrDefault(slot.getKey(), SlotReadings.NONE);
            UsageRow row =
                    slotRow(facts, slot.getKey(), slot.getValue(), read, existed, window, rule);
            for (UsageRow.Holder holder : row.holders()) {
                idleMs += holder.bucket() == Bucket.IDLE ? holder.gpuMs() : 0;
            }
            rows.add(row);
        }
        rows.addAll(unplacedRows(facts, window, idleMs, rule));
        return rows;
    }

    private static List<Span> within(List<Span> spans, Span window) {
        List<Span> within = new ArrayList<>();
        for (Span span : spans) {
            Span part = span.intersect(window);
            if (!part.isEmpty()) {
                within.add(part);
            }
        }
        return within;
    }

    private static UsageRow slotRow(
            HostFacts facts,
            int index,
            HostFacts.Slot slot,
            SlotReadings readings,
            List<Span> existed,
            Span window,
            ChargeRule rule) {
        List<Claim> claims = facts.claims().getOrDefault(index, SlotClaims.NONE).within(window);
        String model = schedulerModel(facts, index, claims, window);
        HolderSums sums = new HolderSums(rule, facts.cluster(), window.startMs());
        long existsMs = 0;
        for (Span span : existed) {
            existsMs += span.lengthMs();
            long from = span.startMs();
            for (long to : cuts(facts, claims, span).stretchEnds()) {
                piece(facts, claims, readings, sums, new Stretch(from, to, window.endMs(), model));
                from = to;
            }
        }
        HostFacts.CardName card = cardAt(slot, window);
        String configured = facts.timeline().uuid(index, window.startMs());
        return new UsageRow(
                facts.cluster(),
                facts.host(),
                index,
                "",
                window.startMs(),
                existsMs,
                configured.isEmpty() ? card.uuid() : configured,
                model.isEmpty() ? card.model() : model,
                sums.holders());
    }

    /**
     * What the scheduler calls the GPU counts: its inventory, else what a holder was given (a MIG
     * profile names no card). Empty where it has no name: what DCGM calls the card decides no
     * charge.
     */
    private static String schedulerModel(
            HostFacts facts, int index, List<Claim> claims, Span window) {
        String configured = facts.timeline().model(index, window.startMs());
        if (!configured.isEmpty()) {
            return configured;
        }
        boolean mapped = !facts.timeline().layout(window.startMs()).isEmpty();
        for (Claim claim : mapped ? List.<Claim>of() : claims) {
            for (Holding holding : claim.run().holdings()) {
                if (holding.gpuIndex() == index && !holding.gresType().isEmpty()) {
                    return holding.gresType();
                }
            }
        }
        return "";
    }

    /** What the scheduler called the cards that it gave to a run, by index. */
    static Map<Integer, String> types(HostRun run) {
        Map<Integer, String> types = new TreeMap<>();
        for (Holding holding : run.holdings()) {
            if (!holding.gresType().isEmpty()) {
                types.putIfAbsent(holding.gpuIndex(), holding.gresType());
            }
        }
        return types;
    }

    /** The last name heard by the end of the window, before the first one the first. */
    private static HostFacts.CardName cardAt(HostFacts.Slot slot, Span window) {
        if (slot.cards().isEmpty()) {
            return new HostFacts.CardName("", "");
        }
        var heard = slot.cards().headMap(window.endMs());
        long at = heard.isEmpty() ? slot.cards().firstKey() : heard.lastKey();
        return Objects.requireNonNull(slot.cards().get(at), "a key of the map");
    }

    /** Where something may change within a span. */
    private static Cuts cuts(HostFacts facts, List<Claim> claims, Span within) {
        Cuts cuts = new Cuts(within);
        for (Claim claim : claims) {
            cuts.at(claim.startMs());
            cuts.at(claim.endMs());
            claim.run().suspensions().forEach(cuts::at);
        }
        facts.schedulerKnown().forEach(cuts::at);
        facts.timeline().unavailable().forEach(u -> cuts.at(u.span()));
        facts.timeline().changes().forEach(cuts::at);
        return cuts;
    }

    /** Instants that divide a span; most spans have none. */
    private static final class Cuts {
        private final Span within;
        private final TreeSet<Long> instants = new TreeSet<>();

        Cuts(Span within) {
            this.within = within;
        }

        void at(Span span) {
            at(span.startMs());
            at(span.endMs());
        }

        void at(long instantMs) {
            if (within.startMs() < instantMs && instantMs < within.endMs()) {
                instants.add(instantMs);
            }
        }

        /** Ends of the stretches in which nothing changes, the span's own last. */
        Set<Long> stretchEnds() {
            if (instants.isEmpty()) {
                return Set.of(within.endMs());
            }
            instants.add(within.endMs());
            return instants;
        }
    }

    /** One stretch without a change: who has which share of the slot, and what the rest does. */
    private static void piece(
            HostFacts facts,
            List<Claim> claims,
            SlotReadings readings,
            HolderSums sums,
            Stretch stretch) {
        long from = stretch.fromMs();
        long to = stretch.toMs();
        List<Claim> whole = new ArrayList<>();
        List<Claim> parts = new ArrayList<>();
        List<Claim> leaving = new ArrayList<>();
        List<Claim> leavingParts = new ArrayList<>();
        for (Claim claim : claims) {
            if (!claim.covers(from, to)) {
                continue;
            }
            if (claim.isOverhead()) {
                (claim.isWhole() ? leaving : leavingParts).add(claim);
            } else if (claim.isWhole()) {
                whole.add(claim);
            } else {
                parts.add(claim);
            }
        }
        if (!whole.isEmpty()) {
            // A card has one whole holder: when two claim it the later start has it.
            Claim holder = latest(whole);
            boolean disputed = whole.size() > 1 || !parts.isEmpty();
            sums.whole(
                    heldKey(holder, stretch, disputed ? RunFlag.DOUBLE_HOLD.bit() : 0),
                    stretch.gpuModel(),
                    from,
                    to,
                    readings.card(from, to));
            return;
        }
        if (parts.isEmpty() && leavingParts.isEmpty()) {
            HolderKey key = freeKey(facts, from);
            if (!leaving.isEmpty()) {
                Claim last = latest(leaving);
                key = new HolderKey(Bucket.OVERHEAD, last.run(), -1, last.flags());
            }
            sums.whole(key, stretch.gpuModel(), from, to, readings.card(from, to));
            return;
        }
        shared(facts, parts, leavingParts, readings, sums, stretch);
    }

    /** The one with the latest start; of those the greatest run. There is nearly always one. */
    private static Claim latest(List<Claim> claims) {
        Claim latest = claims.get(0);
        for (Claim claim : claims) {
            boolean later =
                    claim.startMs() == latest.startMs()
                            ? claim.run().runId().compareTo(latest.run().runId()) >= 0
                            : claim.startMs() > latest.startMs();
            latest = later ? claim : latest;
        }
        return latest;
    }

    /** Holders of parts of one card: their shares, and the free rest. */
    private static void shared(
            HostFacts facts,
            List<Claim> parts,
            List<Claim> leaving,
            SlotReadings readings,
            HolderSums sums,
            Stretch stretch) {
        long from = stretch.fromMs();
        long to = stretch.toMs();
        Claim any = parts.isEmpty() ? leaving.get(0) : parts.get(0);
        boolean mig = any.slices() > 0;
        long configured = mig ? any.slicesPerGpu() : facts.timeline().shardsPerGpu(from);
        long claimed = 0;
        for (Claim part : parts) {
            claimed += part.share(mig);
        }
        // Without a stated whole, or when more was given out than there is, what they have is all.
        boolean assumed = configured == 0 || claimed > configured;
        long denominator = Math.max(1, assumed ? claimed : configured);
        int flags = assumed ? RunFlag.SHARED_SLOT.bit() : 0;
        SlotReadings.Split split = readings.split(from, to, denominator, mig);
        for (Claim part : parts) {
            sums.part(
                    heldKey(part, stretch, flags),
                    stretch.gpuModel(),
                    split.next(part.share(mig), part.instance()));
        }
        // Who has left still blocks its part, as far as nobody else has it already.
        for (Claim part : leaving) {
            long share = part.share(mig);
            if (split.fits(share)) {
                sums.part(
                        new HolderKey(Bucket.OVERHEAD, part.run(), part.instance(), part.flags()),
                        stretch.gpuModel(),
                        split.next(share, part.instance()));
            }
        }
        if (split.hasRest()) {
            sums.part(freeKey(facts, from), stretch.gpuModel(), split.rest());
        }
    }

    private static HolderKey heldKey(Claim claim, Stretch stretch, int flags) {
        boolean suspended =
                claim.run().suspensions().stream().anyMatch(s -> s.contains(stretch.fromMs()));
        return new HolderKey(
                suspended ? Bucket.SUSPENDED : Bucket.ALLOCATED,
                claim.run(),
                claim.instance(),
                flagsWithin(claim.run(), claim.flags(), stretch.windowEndMs()) | flags);
    }

    /** A doubt about a run's end is no doubt about the windows before its last evidence. */
    private static int flagsWithin(HostRun run, int flags, long windowEndMs) {
        return windowEndMs < run.uncertainFromMs() ? lastingFlags(flags) : flags;
    }

    /** Flags that concern the whole run, not only its end. */
    static int lastingFlags(int flags) {
        return flags & ~END_FLAGS;
    }

    private static HolderKey freeKey(HostFacts facts, long at) {
        for (HostTimeline.Unavailable unavailable : facts.timeline().unavailable()) {
            if (unavailable.span().contains(at)) {
                return new HolderKey(unavailable.bucket(), HolderKey.NOBODY, -1, 0);
            }
        }
        boolean known = facts.schedulerKnown().stream().anyMatch(s -> s.contains(at));
        return new HolderKey(known ? Bucket.IDLE : Bucket.UNKNOWN, HolderKey.NOBODY, -1, 0);
    }

    /**
     * Devices of unknown position: their time stands at index -1, and the same time is taken back
     * from the IDLE of the known slots as far as there is any, so that the host's total stays true.
     */
    private static List<UsageRow> unplacedRows(
            HostFacts facts, Span window, long idleMs, ChargeRule rule) {
        Map<String, HolderSums> byKey = new TreeMap<>();
        Map<String, Long> heldByKey = new TreeMap<>();
        for (HostRun run : facts.unplaced()) {
            for (Holding holding : run.holdings()) {
                if (!HostFacts.isUnplaced(holding)) {
                    continue;
                }
                Span held = new Span(holding.startMs(), holding.endMs()).intersect(window);
                if (held.isEmpty()) {
                    continue;
                }
                String key = facts.host().isEmpty() ? run.runId() : "";
                HolderSums sums =
                        byKey.computeIfAbsent(
                                key, k -> new HolderSums(rule, facts.cluster(), window.startMs()));
                long suspended = Span.lengthWithin(run.suspensions(), held.startMs(), held.endMs());
                long count = holding.count();
                int flags = flagsWithin(run, run.flags(), window.endMs());
                sums.unread(
                        new HolderKey(Bucket.ALLOCATED, run, -1, flags),
                        holding.gresType(),
                        count * (held.lengthMs() - suspended));
                sums.unread(
                        new HolderKey(Bucket.SUSPENDED, run, -1, flags),
                        holding.gresType(),
                        count * suspended);
                heldByKey.merge(key, count * held.lengthMs(), Long::sum);
            }
        }
        List<UsageRow> rows = new ArrayList<>();
        for (Map.Entry<String, HolderSums> entry : byKey.entrySet()) {
            long held = Objects.requireNonNull(heldByKey.get(entry.getKey()), "merged above");
            long contra = facts.host().isEmpty() ? 0 : Math.min(held, idleMs);
            entry.getValue()
                    .unread(new HolderKey(Bucket.IDLE, HolderKey.NOBODY, -1, 0), "", -contra);
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
}

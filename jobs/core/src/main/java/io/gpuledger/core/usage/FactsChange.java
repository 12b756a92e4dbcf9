package io.gpuledger.core.usage;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Where the usage of a host may differ after something was learned. A new run may also place
 * another one, or end it: comparing what follows from all that is known finds every window to write
 * again, and leaves the rest alone.
 */
public final class FactsChange {
    private FactsChange() {}

    private static final long WINDOW_MS = 60_000;

    /** Disjoint, sorted spans; of samples only what they call the cards is compared. */
    public static List<Span> between(HostFacts before, HostFacts after) {
        List<Span> spans = new ArrayList<>();
        claims(before, after, spans);
        unplaced(before, after, spans);
        existence(before, after, spans);
        names(before, after, spans);
        unavailable(before, after, spans);
        inventory(before, after, spans);
        return Span.union(spans);
    }

    /** A claim is the same one when run, part and start are. */
    private record ClaimId(int slot, String runId, int instance, long startMs, boolean overhead) {}

    private static void claims(HostFacts before, HostFacts after, List<Span> spans) {
        Map<ClaimId, Claim> was = byId(before);
        Map<ClaimId, Claim> is = byId(after);
        Set<ClaimId> ids = new HashSet<>(was.keySet());
        ids.addAll(is.keySet());
        for (ClaimId id : ids) {
            Claim a = was.get(id);
            Claim b = is.get(id);
            if (a == null || b == null) {
                Claim only = a == null ? Objects.requireNonNull(b, "one of both") : a;
                add(spans, only.startMs(), only.endMs());
            } else if (!a.equals(b)) {
                long from = sameUntil(a, b);
                add(spans, Math.max(a.startMs(), from), Math.max(a.endMs(), b.endMs()));
            }
        }
    }

    private static Map<ClaimId, Claim> byId(HostFacts facts) {
        Map<ClaimId, Claim> byId = new HashMap<>();
        facts.claims()
                .forEach(
                        (slot, claims) ->
                                claims.all()
                                        .forEach(
                                                c ->
                                                        byId.put(
                                                                new ClaimId(
                                                                        slot,
                                                                        c.run().runId(),
                                                                        c.instance(),
                                                                        c.startMs(),
                                                                        c.isOverhead()),
                                                                c)));
        return byId;
    }

    /** The instant up to which two versions of a claim make the same rows. */
    private static long sameUntil(Claim a, Claim b) {
        boolean sameShare =
                a.slices() == b.slices()
                        && a.slicesPerGpu() == b.slicesPerGpu()
                        && a.shards() == b.shards();
        int flags = Attribution.lastingFlags(a.flags()) ^ Attribution.lastingFlags(b.flags());
        if (!sameShare || flags != 0) {
            return Long.MIN_VALUE;
        }
        long until = runSameUntil(a.run(), b.run());
        return a.endMs() == b.endMs() ? until : Math.min(until, Math.min(a.endMs(), b.endMs()));
    }

    private static long runSameUntil(HostRun a, HostRun b) {
        boolean sameNames =
                a.jobId().equals(b.jobId())
                        && a.account().equals(b.account())
                        && a.user().equals(b.user())
                        && a.partition().equals(b.partition())
                        && a.qos().equals(b.qos())
                        && a.endState().equals(b.endState())
                        && Attribution.lastingFlags(a.flags())
                                == Attribution.lastingFlags(b.flags());
        if (!sameNames || !Attribution.types(a).equals(Attribution.types(b))) {
            return Long.MIN_VALUE;
        }
        long until = Long.MAX_VALUE;
        if (a.uncertainFromMs() != b.uncertainFromMs() || a.flags() != b.flags()) {
            // Rows have the doubt by whole windows.
            long doubtful = Math.min(a.uncertainFromMs(), b.uncertainFromMs());
            until = Math.floorDiv(doubtful - 1, WINDOW_MS) * WINDOW_MS;
        }
        for (Span span : difference(a.suspensions(), b.suspensions())) {
            until = Math.min(until, span.startMs());
        }
        return until;
    }

    private static void unplaced(HostFacts before, HostFacts after, List<Span> spans) {
        Map<String, HostRun> was = counted(before);
        Map<String, HostRun> is = counted(after);
        Set<String> ids = new HashSet<>(was.keySet());
        ids.addAll(is.keySet());
        for (String id : ids) {
            HostRun a = was.get(id);
            HostRun b = is.get(id);
            if (a == null || b == null) {
                HostRun only = a == null ? Objects.requireNonNull(b, "one of both") : a;
                add(spans, only.startMs(), only.endMs());
            } else if (!a.equals(b)) {
                long until = Math.min(runSameUntil(a, b), Math.min(a.endMs(), b.endMs()));
                if (!cut(a, until).equals(cut(b, until))) {
                    until = Long.MIN_VALUE;
                }
                add(spans, Math.max(a.startMs(), until), Math.max(a.endMs(), b.endMs()));
            }
        }
    }

    private static Map<String, HostRun> counted(HostFacts facts) {
        Map<String, HostRun> counted = new HashMap<>();
        for (HostRun run : facts.runs()) {
            List<Holding> unplaced = run.holdings().stream().filter(HostFacts::isUnplaced).toList();
            if (!unplaced.isEmpty()) {
                counted.put(run.runId(), run.with(unplaced));
            }
        }
        return counted;
    }

    private static List<Holding> cut(HostRun run, long untilMs) {
        List<Holding> holdings = new ArrayList<>();
        for (Holding h : run.holdings()) {
            if (h.startMs() < untilMs) {
                holdings.add(
                        new Holding(
                                h.host(),
                                h.gpuIndex(),
                                h.gresType(),
                                h.shards(),
                                h.count(),
                                h.startMs(),
                                Math.min(h.endMs(), untilMs)));
            }
        }
        return holdings;
    }

    private static void existence(HostFacts before, HostFacts after, List<Span> spans) {
        TreeSet<Integer> slots = new TreeSet<>(before.slots().keySet());
        slots.addAll(after.slots().keySet());
        for (int slot : slots) {
            HostFacts.Slot was = before.slots().get(slot);
            HostFacts.Slot is = after.slots().get(slot);
            spans.addAll(
                    difference(
                            was == null ? List.of() : was.exists(),
                            is == null ? List.of() : is.exists()));
        }
    }

    /**
     * A card is called what it was last called; before the first time, what it was first called.
     */
    private static void names(HostFacts before, HostFacts after, List<Span> spans) {
        TreeSet<Integer> slots = new TreeSet<>(before.slots().keySet());
        slots.retainAll(after.slots().keySet());
        for (int index : slots) {
            HostFacts.Slot was = Objects.requireNonNull(before.slots().get(index), "a key");
            HostFacts.Slot is = Objects.requireNonNull(after.slots().get(index), "a key");
            if (was.cards().equals(is.cards())) {
                continue;
            }
            TreeSet<Long> cuts = new TreeSet<>(was.cards().keySet());
            cuts.addAll(is.cards().keySet());
            Span whole = new Span(is.exists().get(0).startMs(), last(is.exists()).endMs());
            cuts.add(whole.startMs());
            for (long from : cuts) {
                Long next = cuts.higher(from);
                long to = next == null ? whole.endMs() : next;
                if (!Objects.equals(nameAt(was, from), nameAt(is, from))) {
                    // The name at the end of a window is the window's.
                    add(spans, from, to);
                }
            }
        }
    }

    private static HostFacts.@Nullable CardName nameAt(HostFacts.Slot slot, long atMs) {
        if (slot.cards().isEmpty()) {
            return null;
        }
        SortedMap<Long, HostFacts.CardName> heard = slot.cards().headMap(atMs + 1);
        long at = heard.isEmpty() ? slot.cards().firstKey() : heard.lastKey();
        return slot.cards().get(at);
    }

    private static Span last(List<Span> spans) {
        return spans.get(spans.size() - 1);
    }

    private static void unavailable(HostFacts before, HostFacts after, List<Span> spans) {
        for (Bucket bucket : List.of(Bucket.DOWN, Bucket.RESERVED)) {
            spans.addAll(difference(spansOf(before, bucket), spansOf(after, bucket)));
        }
    }

    private static List<Span> spansOf(HostFacts facts, Bucket bucket) {
        return facts.timeline().unavailable().stream()
                .filter(u -> u.bucket() == bucket)
                .map(HostTimeline.Unavailable::span)
                .toList();
    }

    /** Models, shards and layouts concern everything: this is rare enough to look at all of it. */
    private static void inventory(HostFacts before, HostFacts after, List<Span> spans) {
        if (before.timeline().meansLike(after.timeline())) {
            return;
        }
        before.slots().values().forEach(s -> spans.addAll(s.exists()));
        after.slots().values().forEach(s -> spans.addAll(s.exists()));
    }

    private static void add(List<Span> spans, long from, long to) {
        if (from < to) {
            spans.add(new Span(from, to));
        }
    }

    /** Instants that are in one of two lists of disjoint spans only. */
    public static List<Span> difference(List<Span> a, List<Span> b) {
        TreeSet<Long> cuts = new TreeSet<>();
        for (List<Span> spans : List.of(a, b)) {
            for (Span span : spans) {
                cuts.add(span.startMs());
                cuts.add(span.endMs());
            }
        }
        List<Span> differing = new ArrayList<>();
        Long from = null;
        for (long to : cuts) {
            if (from != null && contains(a, from) != contains(b, from)) {
                differing.add(new Span(from, to));
            }
            from = to;
        }
        return Span.union(differing);
    }

    private static boolean contains(List<Span> spans, long instantMs) {
        for (Span span : spans) {
            if (span.contains(instantMs)) {
                return true;
            }
        }
        return false;
    }
}

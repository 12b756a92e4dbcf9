package io.gpuledger.testkit;

import io.gpuledger.testkit.Scenario.Ending;
import io.gpuledger.testkit.Scenario.Host;
import io.gpuledger.testkit.Scenario.Look;
import io.gpuledger.testkit.Scenario.Part;
import io.gpuledger.testkit.Scenario.Row;
import io.gpuledger.testkit.Scenario.Run;
import io.gpuledger.testkit.Scenario.Stretch;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The ledger by brute force: for every slot and millisecond who had it, then sums. Knows the truth
 * and DESIGN section 6, nothing of the engine.
 */
public final class Oracle {
    /** Looks at the scheduler, or at a node, at most this far apart tell the time between them. */
    public static final long SCHEDULER_GAP_MS = 300_000;

    private static final Set<String> DOWN_STATES =
            Set.of(
                    "DOWN",
                    "ERROR",
                    "FAIL",
                    "FAILING",
                    "DRAIN",
                    "DRAINED",
                    "DRAINING",
                    "MAINT",
                    "NO_RESPOND",
                    "NOT_RESPONDING");

    private final Scenario truth;
    private final List<Stretch> schedulerKnown = new ArrayList<>();

    private Oracle(Scenario truth) {
        this.truth = truth;
    }

    /** Every row that the ledger must have of the scenario, in no particular order. */
    public static List<ExpectedRow> rows(Scenario truth) {
        return new Oracle(truth).rows();
    }

    /** A run on one device as the ledger can know it. */
    record Held(Run run, String runId, Part part, Set<String> flags) {}

    /** A run that has devices somewhere on a host. */
    private record Counted(Run run, String host, int count, long fromMs, long toMs) {}

    /** Identity of an unplaced row. */
    private record RowId(String host, String unplacedRun, long windowStartMs) {}

    /** Identity of a part of an unplaced row. */
    private record HolderId(String bucket, String runId, Set<String> flags) {}

    private List<ExpectedRow> rows() {
        schedulerKnown.addAll(schedulerKnown());
        List<Held> held = new ArrayList<>();
        List<Counted> counted = new ArrayList<>();
        for (Run run : truth.runs()) {
            if (truth.watch().indices()) {
                held.addAll(held(run));
            } else {
                counted.addAll(counted(run));
            }
        }
        place(counted, held);
        List<ExpectedRow> rows = new ArrayList<>();
        Map<String, Map<Long, Long>> idle = new HashMap<>();
        for (Host host : truth.hosts()) {
            Map<Long, Long> idleOfHost = idle.computeIfAbsent(host.name(), h -> new HashMap<>());
            for (int card = 0; card < host.cards(); card++) {
                for (ExpectedRow row : slot(host, card, held)) {
                    rows.add(row);
                    for (ExpectedRow.Holder holder : row.holders()) {
                        if (holder.bucket().equals("IDLE")) {
                            idleOfHost.merge(row.windowStartMs(), holder.gpuMs(), Long::sum);
                        }
                    }
                }
            }
        }
        rows.addAll(unplaced(counted, idle));
        return rows;
    }

    /** When the scheduler's view is complete. */
    private List<Stretch> schedulerKnown() {
        TreeSet<Long> instants = new TreeSet<>(truth.watch().polls());
        instants.addAll(truth.watch().heartbeats());
        List<Stretch> known = new ArrayList<>();
        for (long at : instants) {
            Long next = instants.higher(at);
            if (next != null && next - at <= SCHEDULER_GAP_MS) {
                known.add(new Stretch(at, next));
            }
        }
        if (truth.watch().boundedAccounting()) {
            for (long at : truth.watch().accounting()) {
                long from = Long.MAX_VALUE;
                for (Run run : truth.runs()) {
                    for (Row row : run.seen().rows()) {
                        if (row.visibleFromMs() <= at && at < row.visibleToMs()) {
                            from = Math.min(from, row.startMs());
                        }
                    }
                }
                if (from < at) {
                    known.add(new Stretch(from, at));
                }
            }
        }
        return known;
    }

    /** The end that the sources together tell. */
    private long end(Run run) {
        return switch (run.ending()) {
            case STATED -> run.endMs();
            case ABSENT ->
                    requeueIsSeen(run)
                            ? run.endMs()
                            : nextWholeStart(
                                    run,
                                    truth.watch().polls().stream()
                                            .filter(p -> p >= run.endMs())
                                            .min(Long::compare)
                                            .orElseThrow());
            case OPEN -> latestEvidence(run);
            case RUNAWAY -> nextWholeStart(run, latestEvidence(run));
        };
    }

    /** A poll shows the next incarnation, waiting or running, submitted when this one ended. */
    private boolean requeueIsSeen(Run run) {
        for (Run next : truth.runs()) {
            if (next.jobId() == run.jobId() && next.submitMs() == run.endMs()) {
                long until = Math.max(next.endMs(), next.seen().listedUntilMs());
                return truth.watch().polls().stream()
                        .anyMatch(p -> next.submitMs() <= p && p < until);
            }
        }
        return false;
    }

    private long latestEvidence(Run run) {
        long latest = run.startMs();
        for (long poll : truth.watch().polls()) {
            if (run.startMs() <= poll && poll < run.endMs()) {
                latest = Math.max(latest, poll);
            }
        }
        for (long at : truth.watch().accounting()) {
            for (Row row : run.seen().rows()) {
                if (row.visibleFromMs() <= at && at < row.visibleToMs() && row.endMs() == null) {
                    latest = Math.max(latest, at);
                }
            }
        }
        return latest;
    }

    /**
     * A run that nobody ended has ended when another gets one of its cards. One that began and
     * ended in the same second had nothing, so it took nothing from anybody.
     */
    private long nextWholeStart(Run run, long latest) {
        long bound = latest;
        for (Run other : truth.runs()) {
            for (Part theirs : other.parts()) {
                for (Part ours : run.parts()) {
                    boolean whole = theirs.shards() == 0 && theirs.instance() < 0;
                    if (whole
                            && other.startMs() < other.endMs()
                            && other.startMs() > run.startMs()
                            && theirs.host().equals(ours.host())
                            && theirs.card() == ours.card()) {
                        bound = Math.min(bound, other.startMs());
                    }
                }
            }
        }
        return bound;
    }

    private List<Held> held(Run run) {
        List<Held> held = new ArrayList<>();
        long end = end(run);
        for (Part part : run.parts()) {
            long to = part.toMs() == run.endMs() ? end : Math.min(part.toMs(), end);
            if (part.fromMs() < to) {
                held.add(held(run, part.host(), part.card(), part, part.fromMs(), to));
            }
        }
        return held;
    }

    private Held held(Run run, String host, int card, Part as, long from, long to) {
        return new Held(
                run,
                run.id(truth.cluster()),
                new Part(host, card, as.instance(), as.shards(), from, to),
                flags(run));
    }

    /** What a reader should know of a run wherever it appears. */
    private Set<String> flags(Run run) {
        Set<String> flags = new TreeSet<>();
        switch (run.ending()) {
            case STATED -> {}
            case OPEN -> flags.add("OPEN");
            case ABSENT -> {
                if (!requeueIsSeen(run)) {
                    flags.add("END_ESTIMATED");
                }
            }
            case RUNAWAY -> flags.add("END_ESTIMATED");
        }
        long nodes = run.parts().stream().map(Part::host).distinct().count();
        if (!truth.watch().indices() && nodes > 1 && run.parts().size() % nodes == 0) {
            flags.add("SPLIT_ASSUMED");
        }
        return flags;
    }

    /** Only how many: by host when there is one, in equal parts when that is possible, else ''. */
    private List<Counted> counted(Run run) {
        List<String> nodes = run.parts().stream().map(Part::host).distinct().sorted().toList();
        long end = end(run);
        if (nodes.isEmpty() || end == run.startMs()) {
            return List.of();
        }
        int total = run.parts().size();
        if (total % nodes.size() != 0) {
            return List.of(new Counted(run, "", total, run.startMs(), end));
        }
        List<Counted> counted = new ArrayList<>();
        for (String node : nodes) {
            counted.add(new Counted(run, node, total / nodes.size(), run.startMs(), end));
        }
        return counted;
    }

    /** Who must have all cards that nobody else has in its whole span has those. */
    private void place(List<Counted> counted, List<Held> held) {
        boolean changed = true;
        while (changed) {
            changed = false;
            for (Counted c : List.copyOf(counted)) {
                Set<Integer> free = cardsKnown(c.host());
                for (Held h : held) {
                    Part part = h.part();
                    if (part.host().equals(c.host())
                            && part.fromMs() < c.toMs()
                            && c.fromMs() < part.toMs()) {
                        free.remove(part.card());
                    }
                }
                if (free.size() == c.count()) {
                    Part whole = new Part(c.host(), 0, -1, 0, c.fromMs(), c.toMs());
                    for (int card : free) {
                        held.add(held(c.run(), c.host(), card, whole, c.fromMs(), c.toMs()));
                    }
                    counted.remove(c);
                    changed = true;
                }
            }
        }
    }

    /**
     * The cards of a host: by a look at it, else by its exporters, when those show no fewer than
     * anybody has there.
     */
    private Set<Integer> cardsKnown(String name) {
        Set<Integer> cards = new TreeSet<>();
        for (Host host : truth.hosts()) {
            if (!host.name().equals(name)) {
                continue;
            }
            if (host.looks().isEmpty()) {
                host.readings().forEach(r -> cards.add(r.card()));
                boolean gap = !cards.isEmpty() && !cards.contains(cards.size() - 1);
                if (gap || most(name) > cards.size()) {
                    cards.clear();
                }
            } else {
                for (int card = 0; card < host.cards(); card++) {
                    cards.add(card);
                }
            }
        }
        return cards;
    }

    /** The most cards that a run is known to have on a host. */
    private int most(String name) {
        int most = 0;
        for (Run run : truth.runs()) {
            for (Counted c : counted(run)) {
                most = c.host().equals(name) ? Math.max(most, c.count()) : most;
            }
        }
        return most;
    }

    private List<ExpectedRow> slot(Host host, int card, List<Held> held) {
        long first = Long.MAX_VALUE;
        long last = Long.MIN_VALUE;
        for (Look look : host.looks()) {
            first = Math.min(first, look.atMs());
            last = Math.max(last, look.atMs());
        }
        for (Scenario.Reading reading : host.readings()) {
            if (reading.card() == card) {
                first = Math.min(first, reading.atMs());
                last = Math.max(last, reading.atMs());
            }
        }
        for (Held h : held) {
            if (h.part().host().equals(host.name()) && h.part().card() == card) {
                first = Math.min(first, h.part().fromMs());
                last = Math.max(last, freedMs(h) - 1);
            }
        }
        if (first > last) {
            return List.of();
        }
        List<Held> here = new ArrayList<>(held);
        here.removeIf(h -> !h.part().host().equals(host.name()) || h.part().card() != card);
        long fromMs = SlotTimeline.window(first);
        long toMs = SlotTimeline.window(last) + SlotTimeline.WINDOW_MS;
        SlotTimeline slot = new SlotTimeline(truth, host, card, fromMs, toMs);
        for (Stretch known : schedulerKnown) {
            slot.free(known, "IDLE");
        }
        for (boolean down : List.of(false, true)) {
            byState(host, slot, down);
            byReservation(host, slot, down);
        }
        for (Held h : here) {
            if (freedMs(h) > h.part().toMs()) {
                slot.leaving(new Stretch(h.part().toMs(), freedMs(h)), h.runId(), h.flags());
            }
        }
        here.forEach(slot::held);
        slot.readings();
        return slot.rows();
    }

    /** When the node was free of what the run had to its end, else the end of the part. */
    private long freedMs(Held h) {
        long to = h.part().toMs();
        boolean over = h.run().ending() != Ending.OPEN && to == end(h.run());
        return over ? Math.max(to, h.run().freedAtMs().getOrDefault(h.part().host(), to)) : to;
    }

    /** When free cards were nobody's to take, by what looks at the node showed. */
    private static void byState(Host host, SlotTimeline slot, boolean down) {
        for (int i = 0; i + 1 < host.looks().size(); i++) {
            Look look = host.looks().get(i);
            long next = host.looks().get(i + 1).atMs();
            boolean isDown = look.states().stream().anyMatch(DOWN_STATES::contains);
            boolean applies = down ? isDown : look.states().contains("RESERVED");
            if (applies && next - look.atMs() <= SCHEDULER_GAP_MS) {
                slot.free(new Stretch(look.atMs(), next), down ? "DOWN" : "RESERVED");
            }
        }
    }

    /** From its start while the list of reservations has it, which is not beyond its end. */
    private static void byReservation(Host host, SlotTimeline slot, boolean down) {
        for (Scenario.Reservation r : host.reservations()) {
            long last = r.toldAtMs().stream().mapToLong(at -> at).max().orElse(r.fromMs());
            if (r.maintenance() == down && last > r.fromMs()) {
                slot.free(
                        new Stretch(r.fromMs(), Math.min(last, r.toMs())),
                        down ? "DOWN" : "RESERVED");
            }
        }
    }

    /** Devices of unknown position, and the same time taken back from known slots nobody holds. */
    private List<ExpectedRow> unplaced(List<Counted> counted, Map<String, Map<Long, Long>> idle) {
        Map<RowId, Map<HolderId, Long>> sums = new LinkedHashMap<>();
        for (Counted c : counted) {
            String runId = c.run().id(truth.cluster());
            for (Stretch stretch : inWindows(c)) {
                String bucket = c.run().isSuspendedAt(stretch.fromMs()) ? "SUSPENDED" : "ALLOCATED";
                RowId row =
                        new RowId(
                                c.host(),
                                c.host().isEmpty() ? runId : "",
                                SlotTimeline.window(stretch.fromMs()));
                sums.computeIfAbsent(row, r -> new LinkedHashMap<>())
                        .merge(
                                new HolderId(bucket, runId, flags(c.run())),
                                c.count() * (stretch.toMs() - stretch.fromMs()),
                                Long::sum);
            }
        }
        List<ExpectedRow> rows = new ArrayList<>();
        sums.forEach((row, holders) -> rows.add(unplaced(row, holders, idle)));
        return rows;
    }

    /** The span, cut at every window, suspension and resume. */
    private static List<Stretch> inWindows(Counted c) {
        TreeSet<Long> cuts = new TreeSet<>();
        cuts.add(c.fromMs());
        cuts.add(c.toMs());
        for (long w = SlotTimeline.window(c.fromMs()); w < c.toMs(); w += SlotTimeline.WINDOW_MS) {
            cuts.add(Math.max(w, c.fromMs()));
        }
        for (Stretch s : c.run().suspensions()) {
            cuts.add(Math.max(c.fromMs(), Math.min(s.fromMs(), c.toMs())));
            cuts.add(Math.max(c.fromMs(), Math.min(s.toMs(), c.toMs())));
        }
        List<Stretch> stretches = new ArrayList<>();
        Long from = cuts.first();
        for (long to : cuts.tailSet(from, false)) {
            stretches.add(new Stretch(from, to));
            from = to;
        }
        return stretches;
    }

    private ExpectedRow unplaced(
            RowId row, Map<HolderId, Long> byHolder, Map<String, Map<Long, Long>> idle) {
        List<ExpectedRow.Holder> holders = new ArrayList<>();
        long total = 0;
        for (Map.Entry<HolderId, Long> entry : byHolder.entrySet()) {
            HolderId id = entry.getKey();
            long ms = entry.getValue();
            holders.add(
                    new ExpectedRow.Holder(
                            id.bucket(), id.runId(), -1, ms, 0, 0, 0, 0, id.flags()));
            total += ms;
        }
        long free = idle.getOrDefault(row.host(), Map.of()).getOrDefault(row.windowStartMs(), 0L);
        long back = Math.min(total, free);
        if (back > 0) {
            holders.add(new ExpectedRow.Holder("IDLE", "", -1, -back, 0, 0, 0, 0, Set.of()));
        }
        return new ExpectedRow(
                truth.cluster(),
                row.host(),
                -1,
                row.unplacedRun(),
                row.windowStartMs(),
                total - back,
                true,
                holders);
    }
}

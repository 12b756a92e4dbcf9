package io.gpuledger.core.usage;

import io.gpuledger.core.run.Holding;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Gives a position to devices known by count only: where it is forced, because the run must have
 * all GPUs of its host that nobody else has in its whole span; else where exporters name the job on
 * exactly as many free GPUs (DESIGN 6.2). A guess is never made.
 */
final class CountPlacement {
    private CountPlacement() {}

    /**
     * The same runs, counts replaced by indices where these are certain.
     *
     * @param exported the host's GPUs as exporters show them, empty where the inventory tells them
     */
    static List<HostRun> place(
            HostTimeline timeline,
            List<HostRun> runs,
            List<HostFacts.JobHint> hints,
            Set<Integer> exported) {
        List<HostRun> placed = new ArrayList<>(runs);
        if (placed.stream().noneMatch(CountPlacement::isCounted)) {
            return placed;
        }
        placed.sort(Comparator.comparingLong(HostRun::startMs).thenComparing(HostRun::runId));
        Set<Integer> all = holdsMore(runs, exported.size()) ? Set.of() : exported;
        boolean forced = timeline.isCounted() || !all.isEmpty();
        boolean progress = true;
        while (progress) {
            progress = forced && pass(timeline, all, placed, List.of());
            progress = progress || pass(timeline, all, placed, hints);
        }
        placed.sort(Comparator.comparing(HostRun::runId));
        return placed;
    }

    /** Somebody has more than exporters show, or parts of cards: they do not show all. */
    private static boolean holdsMore(List<HostRun> runs, int exported) {
        for (HostRun run : runs) {
            for (Holding holding : run.holdings()) {
                if (holding.count() > exported
                        || holding.gpuIndex() >= exported
                        || Claims.isMigType(holding.gresType())) {
                    return true;
                }
            }
        }
        return false;
    }

    private static boolean isCounted(HostRun run) {
        return run.holdings().stream().anyMatch(HostFacts::isUnplaced);
    }

    /** One look at every counted holding: by force when there are no hints, else by hint. */
    private static boolean pass(
            HostTimeline timeline,
            Set<Integer> exported,
            List<HostRun> runs,
            List<HostFacts.JobHint> hints) {
        boolean progress = false;
        for (int i = 0; i < runs.size(); i++) {
            HostRun run = runs.get(i);
            if (!isCounted(run)) {
                continue;
            }
            List<Holding> holdings = new ArrayList<>();
            boolean changed = false;
            for (Holding holding : run.holdings()) {
                Set<Integer> indices =
                        HostFacts.isUnplaced(holding)
                                ? candidates(timeline, exported, runs, run, holding, hints)
                                : Set.of();
                if (indices.size() != holding.count() || indices.isEmpty()) {
                    holdings.add(holding);
                    continue;
                }
                for (int index : indices) {
                    holdings.add(holding.at(index));
                }
                changed = true;
            }
            if (changed) {
                progress = true;
                runs.set(i, run.with(holdings));
            }
        }
        return progress;
    }

    private static Set<Integer> candidates(
            HostTimeline timeline,
            Set<Integer> exported,
            List<HostRun> runs,
            HostRun run,
            Holding wanted,
            List<HostFacts.JobHint> hints) {
        Set<Integer> free;
        if (hints.isEmpty()) {
            free =
                    new TreeSet<>(
                            timeline.isCounted() ? timeline.ordinals(wanted.startMs()) : exported);
        } else {
            free = new TreeSet<>();
            for (HostFacts.JobHint hint : hints) {
                if (run.isCalled(hint.jobId())
                        && hint.firstMs() < wanted.endMs()
                        && wanted.startMs() < hint.lastMs()) {
                    free.add(hint.gpuIndex());
                }
            }
        }
        for (HostRun other : runs) {
            if (free.isEmpty()) {
                break;
            }
            for (Holding taken : other.holdings()) {
                if (taken.startMs() < wanted.endMs() && wanted.startMs() < taken.endMs()) {
                    free.remove(taken.gpuIndex());
                }
            }
        }
        return free;
    }
}

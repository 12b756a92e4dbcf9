package io.gpuledger.core.usage;

import io.gpuledger.core.run.Holding;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Gives a position to devices known by count only, where it is forced: when a run must have all
 * slots of its host that nobody else has in its whole span.
 */
public final class CountPlacement {
    private CountPlacement() {}

    /** The same runs, forced counts replaced by indices; needs the scheduler's own inventory. */
    public static List<HostRun> place(HostFacts facts) {
        List<HostRun> runs = new ArrayList<>(facts.runs());
        boolean counted =
                runs.stream().anyMatch(r -> r.holdings().stream().anyMatch(h -> h.gpuIndex() < 0));
        if (!facts.inventoried() || !counted) {
            return runs;
        }
        runs.sort(Comparator.comparingLong(HostRun::startMs).thenComparing(HostRun::runId));
        boolean progress = true;
        while (progress) {
            progress = false;
            for (int i = 0; i < runs.size(); i++) {
                HostRun run = runs.get(i);
                List<Holding> placed = new ArrayList<>();
                boolean changed = false;
                for (Holding holding : run.holdings()) {
                    Set<Integer> free =
                            holding.gpuIndex() >= 0 ? Set.of() : free(facts, runs, holding);
                    if (holding.gpuIndex() < 0 && free.size() == holding.count()) {
                        for (int index : free) {
                            placed.add(
                                    new Holding(
                                            holding.host(),
                                            index,
                                            holding.gresType(),
                                            holding.shards(),
                                            1,
                                            holding.startMs(),
                                            holding.endMs()));
                        }
                        changed = true;
                    } else {
                        placed.add(holding);
                    }
                }
                if (changed) {
                    progress = true;
                    runs.set(
                            i,
                            new HostRun(
                                    run.runId(),
                                    run.jobId(),
                                    run.account(),
                                    run.user(),
                                    run.partition(),
                                    run.qos(),
                                    run.startMs(),
                                    run.endMs(),
                                    run.overheadUntilMs(),
                                    placed,
                                    run.suspensions(),
                                    run.flags()));
                }
            }
        }
        return runs;
    }

    private static Set<Integer> free(HostFacts facts, List<HostRun> runs, Holding wanted) {
        Set<Integer> free = new TreeSet<>(facts.slots().keySet());
        for (HostRun run : runs) {
            for (Holding other : run.holdings()) {
                if (other.startMs() < wanted.endMs() && wanted.startMs() < other.endMs()) {
                    free.remove(other.gpuIndex());
                }
            }
        }
        return free;
    }
}

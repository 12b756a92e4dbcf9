package io.gpuledger.quota;

import io.gpuledger.core.quota.Consumption;
import io.gpuledger.core.quota.Stretch;
import io.gpuledger.core.quota.Usage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * All use of one grant. What ended runs took is summed up already for the instants that are asked
 * all the time: the cuts of the budget, and now and later. Only other instants need each run.
 */
final class GrantUsage implements Usage {
    /** Reads what ended, when it is needed. */
    interface Ended {
        /** Ended runs that are not folded. */
        List<Consumption> runs();

        /** By the instant at which it is taken to be used. */
        Map<Long, Long> folded();
    }

    private final GrantState state;
    private final long nowMs;
    private final List<Consumption> open;
    private final Ended ended;
    private @Nullable List<Consumption> endedRuns;
    private @Nullable TreeMap<Long, Long> folded;

    GrantUsage(GrantState state, long nowMs, List<Consumption> open, Ended ended) {
        this.state = state;
        this.nowMs = nowMs;
        this.open = open;
        this.ended = ended;
    }

    @Override
    public long until(long instantMs) {
        return Stretch.sum(settled(instantMs), running(instantMs));
    }

    /** Of runs that go on. */
    long running(long instantMs) {
        long sum = 0;
        for (Consumption run : open) {
            sum = Stretch.sum(sum, run.until(instantMs));
        }
        return sum;
    }

    /** What runs that go on may still use by their time limits. */
    long committed() {
        long sum = 0;
        for (Consumption run : open) {
            sum = Stretch.sum(sum, run.committed(nowMs));
        }
        return sum;
    }

    /**
     * The same use, but from now on what runs may still take counts as taken. It stays the same
     * while a run goes on, for as much as it uses is not committed any more.
     */
    Usage withCommitted() {
        List<Long> claims = new ArrayList<>();
        for (Consumption run : open) {
            claims.add(Stretch.sum(run.until(nowMs), run.committed(nowMs)));
        }
        return at -> {
            if (at < nowMs) {
                return until(at);
            }
            long sum = settled(at);
            for (int i = 0; i < open.size(); i++) {
                sum = Stretch.sum(sum, Math.max(open.get(i).until(at), claims.get(i)));
            }
            return sum;
        };
    }

    private long settled(long instantMs) {
        int cut = Arrays.binarySearch(state.cuts, instantMs);
        if (cut >= 0) {
            return state.settledBefore[cut];
        }
        return instantMs >= nowMs ? state.settledGpuUs : settledExactly(instantMs);
    }

    /** Of ended runs, from each of them. */
    long settledExactly(long instantMs) {
        List<Consumption> runs = endedRuns;
        TreeMap<Long, Long> sums = folded;
        if (runs == null || sums == null) {
            runs = new ArrayList<>(ended.runs());
            sums = new TreeMap<>(ended.folded());
            endedRuns = runs;
            folded = sums;
        }
        long sum = 0;
        for (long part : sums.headMap(instantMs).values()) {
            sum += part;
        }
        for (Consumption run : runs) {
            sum += run.until(instantMs);
        }
        return sum;
    }
}

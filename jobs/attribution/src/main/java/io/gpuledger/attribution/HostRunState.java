package io.gpuledger.attribution;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.ChargeSubject;
import io.gpuledger.core.usage.HostRun;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** {@link HostRun} as flat state. */
public final class HostRunState {
    public String runId = "";
    public String jobId = "";
    public String account = "";
    public String user = "";
    public String partition = "";
    public String qos = "";

    /** {@link ChargeSubject#endState}; empty in state of before the registry. */
    public String endState = "";

    public long startMs;
    public long endMs;
    public long uncertainFromMs = Long.MAX_VALUE;
    public long overheadUntilMs;
    public int flags;
    public int[] gpuIndex = new int[0];
    public String[] gresType = new String[0];
    public int[] shards = new int[0];
    public int[] count = new int[0];
    public long[] holdingStartMs = new long[0];
    public long[] holdingEndMs = new long[0];
    public long[] suspendedFromMs = new long[0];
    public long[] suspendedToMs = new long[0];

    /**
     * What a run has on each of its hosts. Looks at each holding once: a run may have thousands.
     */
    public static Map<String, HostRunState> byHost(Run run) {
        Map<String, List<Holding>> holdings = new LinkedHashMap<>();
        for (Holding holding : run.holdings()) {
            holdings.computeIfAbsent(holding.host(), h -> new ArrayList<>()).add(holding);
        }
        Map<String, HostRunState> states = new LinkedHashMap<>();
        holdings.forEach((host, here) -> states.put(host, of(run, host, here)));
        return states;
    }

    private static HostRunState of(Run run, String host, List<Holding> here) {
        HostRunState state = new HostRunState();
        state.runId = run.runId();
        state.jobId = run.jobId();
        state.account = run.account();
        state.user = run.user();
        state.partition = run.partition();
        state.qos = run.qos();
        state.endState = ChargeSubject.endState(run.state());
        state.startMs = run.startMs();
        state.endMs = run.heldEndMs();
        state.uncertainFromMs = run.uncertainFromMs();
        state.overheadUntilMs = run.overheadUntil().getOrDefault(host, 0L);
        state.flags = run.flags();
        int n = here.size();
        state.gpuIndex = here.stream().mapToInt(Holding::gpuIndex).toArray();
        state.gresType = here.stream().map(Holding::gresType).toArray(String[]::new);
        state.shards = here.stream().mapToInt(Holding::shards).toArray();
        state.count = here.stream().mapToInt(Holding::count).toArray();
        state.holdingStartMs = new long[n];
        state.holdingEndMs = new long[n];
        for (int i = 0; i < n; i++) {
            state.holdingStartMs[i] = here.get(i).startMs();
            state.holdingEndMs[i] = here.get(i).endMs();
        }
        state.suspendedFromMs = run.suspensions().stream().mapToLong(Span::startMs).toArray();
        state.suspendedToMs = run.suspensions().stream().mapToLong(Span::endMs).toArray();
        return state;
    }

    /** The run has nothing here (any more). */
    public static HostRunState withdrawn(String runId) {
        HostRunState state = new HostRunState();
        state.runId = runId;
        return state;
    }

    /** Some of its devices have no position. */
    boolean isCounted() {
        for (int index : gpuIndex) {
            if (index < 0) {
                return true;
            }
        }
        return false;
    }

    /** The instant up to which a holding is evidence of its slot: until the node was free. */
    long evidenceEndMs(int holding) {
        long end = holdingEndMs[holding];
        return end == endMs ? Math.max(end, overheadUntilMs) : end;
    }

    HostRun toCore(String host) {
        List<Holding> holdings = new ArrayList<>();
        for (int i = 0; i < gpuIndex.length; i++) {
            holdings.add(
                    new Holding(
                            host,
                            gpuIndex[i],
                            gresType[i],
                            shards[i],
                            count[i],
                            holdingStartMs[i],
                            holdingEndMs[i]));
        }
        List<Span> suspensions = new ArrayList<>();
        for (int i = 0; i < suspendedFromMs.length; i++) {
            suspensions.add(new Span(suspendedFromMs[i], suspendedToMs[i]));
        }
        return new HostRun(
                runId,
                jobId,
                account,
                user,
                partition,
                qos,
                endState,
                startMs,
                endMs,
                uncertainFromMs,
                overheadUntilMs,
                holdings,
                suspensions,
                flags);
    }
}

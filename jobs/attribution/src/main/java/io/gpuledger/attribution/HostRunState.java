package io.gpuledger.attribution;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.HostRun;
import java.util.ArrayList;
import java.util.List;

/** {@link HostRun} as flat state. */
public final class HostRunState {
    public String runId = "";
    public String jobId = "";
    public String account = "";
    public String user = "";
    public String partition = "";
    public String qos = "";
    public long startMs;
    public long endMs;
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

    /** What {@code run} has on {@code host}. */
    public static HostRunState of(Run run, String host) {
        List<Holding> here = new ArrayList<>();
        for (Holding holding : run.holdings()) {
            if (holding.host().equals(host)) {
                here.add(holding);
            }
        }
        HostRunState state = new HostRunState();
        state.runId = run.runId();
        state.jobId = run.jobId();
        state.account = run.account();
        state.user = run.user();
        state.partition = run.partition();
        state.qos = run.qos();
        state.startMs = run.startMs();
        state.endMs = run.heldEndMs();
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

    /** The other is this run, held on: nothing before this one's end is different. */
    boolean isPrefixOf(HostRunState other) {
        if (endMs <= startMs
                || other.endMs < endMs
                || overheadUntilMs != other.overheadUntilMs
                || flags != other.flags
                || gpuIndex.length == 0
                || suspendedFromMs.length > 0
                || other.suspendedFromMs.length > 0) {
            return false;
        }
        for (long end : holdingEndMs) {
            if (end != endMs) {
                return false;
            }
        }
        for (long end : other.holdingEndMs) {
            if (end != other.endMs) {
                return false;
            }
        }
        HostRun cut = other.toCore("");
        List<Holding> shortened = new ArrayList<>();
        for (Holding h : cut.holdings()) {
            shortened.add(
                    new Holding(
                            h.host(),
                            h.gpuIndex(),
                            h.gresType(),
                            h.shards(),
                            h.count(),
                            h.startMs(),
                            endMs));
        }
        HostRun mine = toCore("");
        return mine.holdings().equals(shortened)
                && mine.startMs() == cut.startMs()
                && List.of(mine.jobId(), mine.account(), mine.user(), mine.partition(), mine.qos())
                        .equals(
                                List.of(
                                        cut.jobId(),
                                        cut.account(),
                                        cut.user(),
                                        cut.partition(),
                                        cut.qos()));
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
                startMs,
                endMs,
                overheadUntilMs,
                holdings,
                suspensions,
                flags);
    }
}

package io.gpuledger.core.usage;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.time.Span;
import java.util.List;

/**
 * What one run has on one host.
 *
 * @param endState {@link ChargeSubject#endState} of the run
 * @param uncertainFromMs nothing states that the run held on from here: what its flags say of its
 *     end concerns the time from this instant on; {@link Long#MAX_VALUE} where the end is stated
 * @param overheadUntilMs when the host's epilog freed the cards, 0 when no source tells
 */
public record HostRun(
        String runId,
        String jobId,
        String account,
        String user,
        String partition,
        String qos,
        String endState,
        long startMs,
        long endMs,
        long uncertainFromMs,
        long overheadUntilMs,
        List<Holding> holdings,
        List<Span> suspensions,
        int flags) {

    HostRun with(List<Holding> other) {
        return copy(other, uncertainFromMs);
    }

    HostRun uncertainFrom(long atMs) {
        return copy(holdings, atMs);
    }

    private HostRun copy(List<Holding> held, long uncertainMs) {
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
                uncertainMs,
                overheadUntilMs,
                held,
                suspensions,
                flags);
    }

    /** The name is the job's, raw ({@code 42}) or as Slurm prints it ({@code 15_1}). */
    boolean isCalled(String name) {
        return name.equals(jobId) || runId.contains("/" + name + "/");
    }
}

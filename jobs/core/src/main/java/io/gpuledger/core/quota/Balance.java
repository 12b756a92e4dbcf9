package io.gpuledger.core.quota;

import io.gpuledger.core.time.Span;

/**
 * What is to be seen of a grant at an instant, in charged GPU microseconds.
 *
 * @param limited whether there is a budget at all
 * @param settledGpuUs used by runs that ended
 * @param runningGpuUs used so far by runs that go on
 * @param committedGpuUs what these may still use if they last as long as they may
 * @param runningGpuMilli thousandths of GPUs that are held now
 * @param burntGpuUs used in the last {@code burnWindowMs}
 * @param exhaustsRunningMs when the budget is used up if the running set goes on, -1 for never
 * @param exhaustsTrailingMs when it is if use goes on as in the burn window, -1 for never
 * @param registryVersion that says what the grant is, 0 when none does
 */
public record Balance(
        String grantId,
        Position position,
        Standing standing,
        Span term,
        boolean limited,
        long settledGpuUs,
        long runningGpuUs,
        long committedGpuUs,
        long runningGpuMilli,
        int openRuns,
        long burntGpuUs,
        long burnWindowMs,
        long exhaustsRunningMs,
        long exhaustsTrailingMs,
        long registryVersion) {}

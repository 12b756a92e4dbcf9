package io.gpuledger.core.reconcile;

import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.time.Span;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the ledger has of one run.
 *
 * @param heldEndMs exclusive; null while the run is open
 * @param flags bits of {@link RunFlag}
 * @param scheduled the accounting rows that the ledger itself has read, empty when it has read none
 * @param heldMs allocated and suspended GPU time inside the window
 * @param held the same by time; only asked for where the totals differ
 * @param disputed time on its cards that the ledger gave to a later start
 */
public record LedgerRun(
        String runId,
        long rawJobId,
        String jobId,
        String account,
        String user,
        long startMs,
        @Nullable Long heldEndMs,
        int flags,
        List<Run.ScheduledSpan> scheduled,
        long heldMs,
        List<HeldStretch> held,
        List<DisputedStretch> disputed) {

    public LedgerRun {
        scheduled = List.copyOf(scheduled);
        held = List.copyOf(held);
        disputed = List.copyOf(disputed);
    }

    /** The same run, now with when it held what. */
    public LedgerRun with(List<HeldStretch> stretches, List<DisputedStretch> lost) {
        return new LedgerRun(
                runId, rawJobId, jobId, account, user, startMs, heldEndMs, flags, scheduled, heldMs,
                stretches, lost);
    }

    /** An end that some source stated, null where it is open or an estimate. */
    @Nullable Long statedEndMs() {
        return isEndUncertain() ? null : heldEndMs;
    }

    boolean isEndUncertain() {
        return has(RunFlag.OPEN) || has(RunFlag.END_ESTIMATED);
    }

    /** The estimate may be on the rows alone: another run got one of its cards. */
    boolean has(RunFlag flag) {
        int all = flags;
        for (HeldStretch stretch : held) {
            all |= stretch.flags();
        }
        return (all & flag.bit()) != 0;
    }

    /** The minute from which on the ledger doubts that the run still held. */
    long uncertainFromMs() {
        int doubt = RunFlag.OPEN.bit() | RunFlag.END_ESTIMATED.bit();
        for (HeldStretch stretch : held) {
            if ((stretch.flags() & doubt) != 0) {
                return stretch.fromMs();
            }
        }
        return held.isEmpty() ? Long.MIN_VALUE : held.get(held.size() - 1).toMs();
    }

    /** Exclusive end of holding as far as it is known. */
    long latestHeldMs() {
        Long end = heldEndMs;
        if (end != null) {
            return end;
        }
        return held.isEmpty() ? Span.OPEN_END : held.get(held.size() - 1).toMs();
    }
}

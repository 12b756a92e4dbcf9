package io.gpuledger.core.run;

import io.gpuledger.core.time.Span;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One incarnation of a job and what it held.
 *
 * @param heldEndMs exclusive end of holding; for a run without a known end the latest evidence,
 *     flagged OPEN
 * @param uncertainFromMs the latest evidence of holding where no source states the end, else {@link
 *     Long#MAX_VALUE}
 * @param holdings what it held, host {@code ''} when only a total over several hosts is known
 * @param suspensions disjoint spans inside the held time
 * @param overheadUntil per host the instant its node epilog freed the cards, when later than the
 *     end
 * @param scheduled the accounting rows as the scheduler charges them
 * @param flags bits of {@link RunFlag}
 * @param timeLimitMs how long it may last, time suspended apart; {@link #NO_LIMIT} when it has no
 *     limit, or none is known
 */
public record Run(
        String runId,
        long rawJobId,
        String jobId,
        String account,
        String user,
        String partition,
        String qos,
        String name,
        String state,
        @Nullable Long submitMs,
        long startMs,
        long heldEndMs,
        long uncertainFromMs,
        int gpuCount,
        List<Holding> holdings,
        List<Span> suspensions,
        Map<String, Long> overheadUntil,
        List<ScheduledSpan> scheduled,
        int flags,
        long timeLimitMs) {

    /** Of a run that may last for ever, as far as is known. */
    public static final long NO_LIMIT = -1;

    /** One accounting row: GPUs from start to end, as sreport counts it. */
    public record ScheduledSpan(long startMs, long endMs, int gpus) {}

    public boolean isOpen() {
        return (flags & RunFlag.OPEN.bit()) != 0;
    }
}

package io.gpuledger.core.reconcile;

/**
 * Minutes in a row in each of which the ledger has the same of a run. The numbers are of one
 * minute.
 *
 * @param fromMs whole minutes; so {@code toMs}, exclusive
 * @param instanceMs the part of the held time that is on MIG instances, as shares of their cards
 * @param instances different MIG instances that part is on
 * @param flags bits of {@link io.gpuledger.core.run.RunFlag}
 */
public record HeldStretch(
        long fromMs,
        long toMs,
        long allocatedMs,
        long suspendedMs,
        long instanceMs,
        int instances,
        int flags) {

    public static final long MINUTE_MS = 60_000;

    long heldMs() {
        return allocatedMs + suspendedMs;
    }

    long minutes() {
        return (toMs - fromMs) / MINUTE_MS;
    }
}

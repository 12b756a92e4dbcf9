package io.gpuledger.statements.report;

/**
 * Usage added up.
 *
 * @param heldMs allocated and suspended
 * @param coveredMs of it, with telemetry
 * @param activeGpuUs activity-weighted
 * @param endEstimatedMs held time of rows whose end was estimated
 */
record Sums(
        long heldMs,
        long chargedGpuUs,
        long coveredMs,
        long activeGpuUs,
        long energyMj,
        long heldIdleMs,
        long endEstimatedMs) {
    static final Sums NONE = new Sums(0, 0, 0, 0, 0, 0, 0);

    Sums plus(Sums o) {
        return new Sums(
                heldMs + o.heldMs,
                chargedGpuUs + o.chargedGpuUs,
                coveredMs + o.coveredMs,
                activeGpuUs + o.activeGpuUs,
                energyMj + o.energyMj,
                heldIdleMs + o.heldIdleMs,
                endEstimatedMs + o.endEstimatedMs);
    }

    /** Share of the covered time that was active, in thousandths; -1 where nothing is covered. */
    long activeMilli() {
        return coveredMs <= 0 ? -1 : activeGpuUs / coveredMs;
    }

    /** Share of the held time that is covered, in thousandths; -1 where nothing is held. */
    long coveredMilli() {
        return heldMs <= 0 ? -1 : coveredMs * 1_000 / heldMs;
    }
}

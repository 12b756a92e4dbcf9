package io.gpuledger.core.statement;

/**
 * Usage of a grant in the hours from one cut to the next.
 *
 * @param fromMs the cut: neither month nor price nor budget changes before the next one
 * @param gpuMs allocated and suspended
 */
public record KnownUsage(
        String grantId,
        String cluster,
        String gpuModel,
        long fromMs,
        long gpuMs,
        long chargedGpuUs) {}

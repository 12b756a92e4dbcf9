package io.gpuledger.core.usage;

/**
 * Who pays for usage, and with which weight.
 *
 * @param grantId {@code unmapped} where no mapping fits, empty where nobody holds the slot
 * @param weightMilli thousandths
 */
public record Charge(String grantId, int weightMilli) {
    /** Of {@code gpuMs} of GPU time. */
    public long chargedGpuUs(long gpuMs) {
        return Math.multiplyExact(gpuMs, (long) weightMilli);
    }
}

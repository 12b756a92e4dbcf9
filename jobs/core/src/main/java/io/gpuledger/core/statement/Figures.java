package io.gpuledger.core.statement;

/**
 * What is stated, as differences of whole numbers.
 *
 * @param gpuMs held: allocated and suspended
 * @param chargedGpuUs taken from the budget
 * @param creditedGpuUs given back by adjustments
 * @param amountMinor to pay, in the smallest unit of the currency
 */
public record Figures(long gpuMs, long chargedGpuUs, long creditedGpuUs, long amountMinor) {
    public static final Figures NONE = new Figures(0, 0, 0, 0);

    public boolean isNone() {
        return equals(NONE);
    }

    public Figures plus(Figures other) {
        return new Figures(
                Math.addExact(gpuMs, other.gpuMs),
                Math.addExact(chargedGpuUs, other.chargedGpuUs),
                Math.addExact(creditedGpuUs, other.creditedGpuUs),
                Math.addExact(amountMinor, other.amountMinor));
    }

    public Figures minus(Figures other) {
        return new Figures(
                Math.subtractExact(gpuMs, other.gpuMs),
                Math.subtractExact(chargedGpuUs, other.chargedGpuUs),
                Math.subtractExact(creditedGpuUs, other.creditedGpuUs),
                Math.subtractExact(amountMinor, other.amountMinor));
    }
}

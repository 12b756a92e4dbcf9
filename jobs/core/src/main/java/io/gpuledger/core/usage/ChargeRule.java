package io.gpuledger.core.usage;

/** Decides who pays for usage. The registry's charging is the only one outside tests. */
@FunctionalInterface
public interface ChargeRule {
    /** The charge in force at an instant, and so in all of its minute. */
    Charge at(ChargeSubject subject, long instantMs);
}

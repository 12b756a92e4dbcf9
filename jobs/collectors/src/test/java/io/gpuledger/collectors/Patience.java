package io.gpuledger.collectors;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Looks again until something is so. */
final class Patience {
    private static final long AGAIN_NS = 5_000_000;

    private Patience() {}

    static void until(String what, Duration atMost, BooleanSupplier isSo) {
        long deadline = System.nanoTime() + atMost.toNanos();
        while (!isSo.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("in vain for " + atMost + ": " + what);
            }
            LockSupport.parkNanos(AGAIN_NS);
        }
    }
}

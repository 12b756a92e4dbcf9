package io.gpuledger.cli;

import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;

/**
 * A clock that began at an instant of the past and runs faster; event time in a replay is its time.
 */
final class ReplayClock extends Clock {
    private final long beginMs;
    private final int speed;
    private final long startedNanos;

    ReplayClock(long beginMs, int speed) {
        this.beginMs = beginMs;
        this.speed = speed;
        this.startedNanos = System.nanoTime();
    }

    @Override
    public long millis() {
        return beginMs + (System.nanoTime() - startedNanos) / 1_000_000 * speed;
    }

    @Override
    public Instant instant() {
        return Instant.ofEpochMilli(millis());
    }

    @Override
    public ZoneId getZone() {
        return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
        return this;
    }
}

package io.gpuledger.core.usage;

/** What a slot was doing. */
public enum Bucket {
    ALLOCATED,
    SUSPENDED,
    OVERHEAD,
    RESERVED,
    DOWN,
    IDLE,
    UNKNOWN;

    public boolean isHeld() {
        return this == ALLOCATED || this == SUSPENDED;
    }
}

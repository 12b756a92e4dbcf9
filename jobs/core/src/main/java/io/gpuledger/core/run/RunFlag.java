package io.gpuledger.core.run;

/** What a reader should know of a run or a row; the bit is part of the stored contract. */
public enum RunFlag {
    OPEN(1),
    END_ESTIMATED(2),
    DOUBLE_HOLD(4),
    SPLIT_ASSUMED(8),
    SHARED_SLOT(16),
    INSTANCE_AS_SLOT(32),
    TIME_AMBIGUOUS(64),
    SUSPENSION_ASSUMED(128),
    ENERGY_FROM_POWER(256),
    ENERGY_GAP(512);

    private final int bit;

    RunFlag(int bit) {
        this.bit = bit;
    }

    public int bit() {
        return bit;
    }
}

package io.gpuledger.core.statement;

/**
 * One line of a statement.
 *
 * @param number from 1
 * @param note reason and author of an adjustment, else empty
 */
public record StatementLine(int number, Kind kind, LineKey key, Figures figures, String note) {
    /** What a line is for. */
    public enum Kind {
        /** Of the period itself. */
        USAGE,
        /** A manual credit of the period itself. */
        ADJUSTMENT,
        /** What is known otherwise of an earlier period than when that was last stated. */
        CORRECTION
    }

    /** Usage of a grant that pays by a list which has no price for it. */
    public boolean isUnpriced() {
        return key.adjustmentId().isEmpty()
                && key.price().isEmpty()
                && !key.currency().isEmpty()
                && figures.chargedGpuUs() != 0;
    }
}

package io.gpuledger.core.statement;

/**
 * What became of a budget in a period, in charged GPU microseconds: {@code opening + given +
 * credited - used - corrected + other = closing}.
 *
 * @param limited false: no budget, and all is 0 but what was used
 * @param opening what was left as the statement before said
 * @param given lines that begin in the period
 * @param credited by adjustments, those of earlier periods that were not stated before included
 * @param used in the period
 * @param corrected used in earlier periods, and not stated before
 * @param other lapsed unused, and lines of earlier periods that were not stated before
 * @param closing left at the end of the period; negative when overrun
 */
public record BudgetStanding(
        boolean limited,
        long opening,
        long given,
        long credited,
        long used,
        long corrected,
        long other,
        long closing) {}

package io.gpuledger.sql;

import java.util.Collection;

/** Who pays for what the scheduler charges. */
public interface ScheduledRule {
    /**
     * Whose use it is.
     *
     * @param endState NODE_FAIL, BOOT_FAIL or empty
     * @param gpuTypes what the scheduler called the cards, parted by {@code |}; {@code ?} when
     *     nobody wrote that down
     */
    record Subject(
            String cluster,
            String account,
            String user,
            String partition,
            String qos,
            String endState,
            String gpuTypes) {}

    /**
     * Who pays.
     *
     * @param weightMilli thousandths
     */
    record Payer(String grantId, int weightMilli) {}

    /** Instants in milliseconds at which a charge may change, sorted. */
    Collection<Long> dates();

    /** Who pays at an instant, and until the next date. */
    Payer payer(Subject subject, long atMs);
}

package io.gpuledger.core.quota;

/**
 * How a grant stands now.
 *
 * @param effectiveAtMs the instant from which it stands so, as far as is known now
 * @param reason for people
 */
public record Decision(
        Standing standing,
        Position position,
        long effectiveAtMs,
        long decidedAtMs,
        String reason) {}

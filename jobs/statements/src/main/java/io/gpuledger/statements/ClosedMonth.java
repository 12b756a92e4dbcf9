package io.gpuledger.statements;

/**
 * A month that is closed for all grants.
 *
 * @param digest of the digests of its statements
 */
public record ClosedMonth(String period, long knownAtMs, int statements, String digest) {}

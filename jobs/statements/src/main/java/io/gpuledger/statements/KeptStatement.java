package io.gpuledger.statements;

/**
 * A statement as it is kept.
 *
 * @param body its canonical text
 */
public record KeptStatement(
        String grantId,
        String period,
        long sequence,
        long knownAtMs,
        long registryVersion,
        String previousDigest,
        String digest,
        String body) {}

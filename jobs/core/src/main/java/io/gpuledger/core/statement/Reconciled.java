package io.gpuledger.core.statement;

import io.gpuledger.core.time.Span;

/**
 * What a comparison with a cluster's accounting found.
 *
 * @param unexplainedMs GPU time without a reason
 * @param quotaDiffers whether the quota balance differs from the ledger without a reason
 */
public record Reconciled(long recordedAtMs, Span span, long unexplainedMs, boolean quotaDiffers) {}

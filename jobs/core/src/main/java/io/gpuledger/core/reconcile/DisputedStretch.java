package io.gpuledger.core.reconcile;

/**
 * Minutes in a row in which a later start has cards of a run that claims them too.
 *
 * @param gpuMs of one minute
 */
public record DisputedStretch(long fromMs, long toMs, long gpuMs) {}

package io.gpuledger.core.reconcile;

import io.gpuledger.core.time.Span;

/**
 * So much of a difference, and why.
 *
 * @param gpuMs positive where accounting counts more
 * @param where from the first to the last instant that it is about
 * @param note what an operator may look at, often empty
 */
public record Part(Reason reason, long gpuMs, Span where, String note) {}

package io.gpuledger.core.registry;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Charge;

/** A part of a span in which one charge holds. */
public record ChargePiece(Span span, Charge charge) {}

package io.gpuledger.core.registry;

/** How a grant pays. */
public enum GrantKind {
    /** GPU-hours given for research. */
    VOUCHER,
    /** Money by a price list; a budget may limit it. */
    COMMERCIAL
}

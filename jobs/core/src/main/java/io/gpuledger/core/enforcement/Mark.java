package io.gpuledger.core.enforcement;

/**
 * What was last done to an association, as the log has it.
 *
 * @param original its limits before anything was done: these come back
 * @param certain false where it was begun and nobody knows whether it was done
 */
public record Mark(Association association, Measure measure, Limits original, boolean certain) {}

package io.gpuledger.core.registry;

/**
 * A registry as it was applied.
 *
 * @param version counts the registries that were applied, from 1; 0 before the first
 * @param recordedAtMs when we learned it
 * @param recordedBy who applied it
 */
public record AppliedRegistry(
        long version, long recordedAtMs, String recordedBy, Registry registry) {
    /** Before anything was applied. */
    public static final AppliedRegistry NONE = new AppliedRegistry(0, 0, "", Registry.EMPTY);
}

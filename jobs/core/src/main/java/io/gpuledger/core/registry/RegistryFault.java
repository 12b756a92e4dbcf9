package io.gpuledger.core.registry;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Something in a registry that contradicts the rest of it.
 *
 * @param entry the very entry of the registry, for its place in a file
 * @param other the entry that it does not go with, when it is one other
 * @param grounds the entries that it was found in
 * @param keys of those, as in a file, that it was found by: where one of them could not be read, it
 *     may be no fault at all
 * @param found what was found
 * @param remedy what to do about it
 */
public record RegistryFault(
        Entry entry,
        @Nullable Entry other,
        List<Entry> grounds,
        Set<String> keys,
        String found,
        String remedy) {}

package io.gpuledger.core.registry;

import org.jspecify.annotations.Nullable;

/**
 * Something in a registry that contradicts the rest of it.
 *
 * @param entry the very entry of the registry, for its place in a file
 * @param other the entry that it does not go with, when it is one other
 * @param found what was found
 * @param remedy what to do about it
 */
public record RegistryFault(Entry entry, @Nullable Entry other, String found, String remedy) {}

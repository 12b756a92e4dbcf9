package io.gpuledger.core.registry;

/**
 * Something in a registry that contradicts the rest of it.
 *
 * @param entry the very entry of the registry, for its place in a file
 * @param found what was found
 * @param remedy what to do about it
 */
public record RegistryFault(Entry entry, String found, String remedy) {}

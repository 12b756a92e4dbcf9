package io.gpuledger.registry;

/** Somebody else applies a registry at the same time; nothing was applied. */
public final class RegistryConflictException extends Exception {
    private static final long serialVersionUID = 1L;

    RegistryConflictException(String message, Throwable cause) {
        super(message, cause);
    }
}

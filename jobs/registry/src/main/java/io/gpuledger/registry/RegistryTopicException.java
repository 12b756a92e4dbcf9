package io.gpuledger.registry;

/** Kafka does not answer, or the topic is not what it must be; one line for the person on call. */
public final class RegistryTopicException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    RegistryTopicException(String message, Throwable cause) {
        super(message, cause);
    }

    RegistryTopicException(String message) {
        super(message);
    }
}

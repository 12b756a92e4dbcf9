package io.gpuledger.cli.config;

/** The rest of a sentence that begins with the value: what it is not, and what to give. */
final class BadValueException extends Exception {
    private static final long serialVersionUID = 1L;

    BadValueException(String whatItIsNot) {
        super(whatItIsNot);
    }
}

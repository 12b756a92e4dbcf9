package io.gpuledger.cli.config;

import java.util.List;

/** A configuration that cannot be used: one line for each thing that is wrong with it. */
public final class ConfigurationException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ConfigurationException(List<String> problems) {
        super(String.join("\n", problems));
    }
}

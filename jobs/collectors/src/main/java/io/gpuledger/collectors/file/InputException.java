package io.gpuledger.collectors.file;

import java.nio.file.Path;

/** A file that cannot be used as a whole: one line saying which, what was found and what to do. */
public final class InputException extends Exception {
    private static final long serialVersionUID = 1L;

    public InputException(Path file, String problem) {
        super(file + ": " + problem);
    }

    public InputException(Path file, String problem, Throwable cause) {
        super(file + ": " + problem, cause);
    }
}

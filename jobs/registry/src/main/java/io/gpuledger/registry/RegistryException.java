package io.gpuledger.registry;

import java.util.List;
import java.util.stream.Collectors;

/** A registry that cannot be used; it carries everything that is wrong. */
public final class RegistryException extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient List<Problem> problems;

    RegistryException(List<Problem> problems) {
        super(problems.stream().map(Problem::toString).collect(Collectors.joining("\n")));
        this.problems = List.copyOf(problems);
    }

    /** At least one, in the order of files and lines. */
    public List<Problem> problems() {
        return problems;
    }
}

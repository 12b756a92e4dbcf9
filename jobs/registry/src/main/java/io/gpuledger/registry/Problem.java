package io.gpuledger.registry;

import java.util.Comparator;

/**
 * One thing that is wrong with a registry, and where.
 *
 * @param file as it was named
 * @param line from 1
 * @param found what was found
 * @param remedy what to do about it
 */
public record Problem(String file, int line, String found, String remedy) {
    static final Comparator<Problem> IN_ORDER =
            Comparator.comparing(Problem::file)
                    .thenComparingInt(Problem::line)
                    .thenComparing(Problem::found);

    @Override
    public String toString() {
        return "%s:%d: %s; %s".formatted(file, line, found, remedy);
    }
}

package io.gpuledger.registry;

import java.util.Comparator;

/**
 * One thing that is wrong with a registry, and where.
 *
 * @param file as it was named
 * @param line from 1; 0 of a directory or a file as a whole, which has none
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
        String place = line == 0 ? file : file + ":" + line;
        return "%s: %s; %s".formatted(place, found, remedy);
    }
}

package io.gpuledger.core.text;

import java.util.Collection;
import java.util.Optional;

/** Finds the word that somebody meant. */
public final class NearWord {
    /** As many mistakes in a word as this make it another word. */
    public static final int ANOTHER = 3;

    private NearWord() {}

    /** The known word with the fewest mistakes, the first of several; none when all are others. */
    public static Optional<String> of(String word, Collection<String> known) {
        String nearest = null;
        int least = Math.min(ANOTHER, Math.max(2, word.length()));
        for (String candidate : known) {
            int mistakes = mistakes(word, candidate);
            if (mistakes < least) {
                least = mistakes;
                nearest = candidate;
            }
        }
        return Optional.ofNullable(nearest);
    }

    /** Characters to add, leave out or change to make one of the other. */
    public static int mistakes(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int changed = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(changed, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }
}

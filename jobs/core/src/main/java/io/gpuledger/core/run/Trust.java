package io.gpuledger.core.run;

import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Which of several sources is believed: most trusted, then most recent, whatever the order. */
final class Trust {
    private static final Comparator<JobSnapshot> ORDER =
            Comparator.comparing(JobSnapshot::source, Comparator.reverseOrder())
                    .thenComparing(JobSnapshot.RECENCY);

    private Trust() {}

    /** The field of the most trusted snapshot that says it, null when none does. */
    static <T> @Nullable T best(
            List<JobSnapshot> evidence, Function<JobSnapshot, @Nullable T> field) {
        JobSnapshot winner = null;
        for (JobSnapshot snapshot : evidence) {
            if (field.apply(snapshot) != null
                    && (winner == null || ORDER.compare(snapshot, winner) > 0)) {
                winner = snapshot;
            }
        }
        return winner == null ? null : field.apply(winner);
    }
}

package io.gpuledger.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * How far back the state in a directory of checkpoints reaches. A job that went on from it with a
 * longer horizon would compute hours again of which the state has forgotten half.
 */
final class CheckpointedHorizon {
    /** Of checkpoints without a note: those of a release that knew no other. */
    private static final Duration STANDARD = Duration.ofDays(2);

    private final Path note;

    private CheckpointedHorizon(Path note) {
        this.note = note;
    }

    static CheckpointedHorizon in(Path checkpoints) {
        return new CheckpointedHorizon(checkpoints.resolve("horizon"));
    }

    /**
     * Notes the horizon that a job begins with.
     *
     * @param goesOn from a checkpoint of this directory
     * @throws UsageException when the state does not reach that far
     */
    void begin(long horizonMs, boolean goesOn) throws IOException {
        long before =
                Files.exists(note)
                        ? Duration.parse(Files.readString(note).strip()).toMillis()
                        : STANDARD.toMillis();
        if (goesOn && horizonMs > before) {
            throw new UsageException(
                    "attribution.horizon is %d h, but the checkpoints in %s keep %d h; give that, or another directory in attribution.checkpoints to read Kafka again from its beginning"
                            .formatted(
                                    Duration.ofMillis(horizonMs).toHours(),
                                    note.getParent(),
                                    Duration.ofMillis(before).toHours()));
        }
        Files.writeString(note, Duration.ofMillis(horizonMs) + "\n");
    }
}

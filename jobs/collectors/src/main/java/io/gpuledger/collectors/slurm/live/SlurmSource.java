package io.gpuledger.collectors.slurm.live;

import io.gpuledger.collectors.file.InputFile;
import java.nio.file.Path;
import java.time.Instant;

/** A way to ask a Slurm; every answer is a file, read by the same readers as any other. */
public interface SlurmSource {
    /** What it is, for people. */
    String name();

    /** All jobs that the controller knows. */
    InputFile jobs(Path directory) throws SlurmSourceException, InterruptedException;

    /** All nodes. */
    InputFile nodes(Path directory) throws SlurmSourceException, InterruptedException;

    /** All reservations. */
    InputFile reservations(Path directory) throws SlurmSourceException, InterruptedException;

    /** Accounting's rows, every incarnation, of runs that were there in a span. */
    InputFile accounting(Instant from, Instant to, Path directory)
            throws SlurmSourceException, InterruptedException;
}

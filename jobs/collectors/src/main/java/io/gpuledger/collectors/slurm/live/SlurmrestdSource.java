package io.gpuledger.collectors.slurm.live;

import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.slurm.Slurmrestd;
import io.gpuledger.collectors.slurm.SlurmrestdException;
import java.nio.file.Path;
import java.time.Instant;

/** Slurm over HTTP. */
public final class SlurmrestdSource implements SlurmSource {
    private final String name;
    private final Slurmrestd server;

    public SlurmrestdSource(Slurmrestd.Options options) {
        this.name = "slurmrestd " + options.base();
        this.server = new Slurmrestd(options);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public InputFile jobs(Path directory) throws SlurmSourceException {
        return fetch(Slurmrestd.Subject.JOBS, directory);
    }

    @Override
    public InputFile nodes(Path directory) throws SlurmSourceException {
        return fetch(Slurmrestd.Subject.NODES, directory);
    }

    @Override
    public InputFile reservations(Path directory) throws SlurmSourceException {
        return fetch(Slurmrestd.Subject.RESERVATIONS, directory);
    }

    @Override
    public InputFile accounting(Instant from, Instant to, Path directory)
            throws SlurmSourceException {
        try {
            return server.fetch(from, to, to.toEpochMilli(), directory);
        } catch (SlurmrestdException e) {
            throw new SlurmSourceException(String.valueOf(e.getMessage()), e);
        }
    }

    private InputFile fetch(Slurmrestd.Subject subject, Path directory)
            throws SlurmSourceException {
        try {
            return server.fetch(subject, directory);
        } catch (SlurmrestdException e) {
            throw new SlurmSourceException(String.valueOf(e.getMessage()), e);
        }
    }
}

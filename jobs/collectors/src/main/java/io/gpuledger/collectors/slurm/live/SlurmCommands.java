package io.gpuledger.collectors.slurm.live;

import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFormat;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Slurm's own commands, for a site without slurmrestd. Times are asked for as epoch seconds ({@code
 * SLURM_TIME_FORMAT=%s}, sacct(1), squeue(1), scontrol(1)): local ones repeat an hour in autumn.
 * The job list is {@code squeue --json} where there is one, since its times are numbers in every
 * version, else {@code scontrol show job -d}.
 */
public final class SlurmCommands implements SlurmSource {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int SAID = 300;

    /** No free text but the name, which comes last: {@code -P} does not escape its delimiter. */
    private static final String COLUMNS =
            "JobIDRaw,JobID,Account,User,Partition,QOS,State,ExitCode,NodeList,Submit,Start,End,"
                    + "ElapsedRaw,Suspended,AllocTRES,TimelimitRaw,JobName";

    private final Map<String, String> environment;
    private final String prefix;
    private boolean jsonJobs = true;

    /**
     * Commands of one cluster.
     *
     * @param directory where they are; empty for the PATH
     * @param environment added to that of this process, {@code SLURM_CONF} for one
     */
    public SlurmCommands(String directory, Map<String, String> environment) {
        this.prefix = directory.isEmpty() || directory.endsWith("/") ? directory : directory + "/";
        this.environment = Map.copyOf(environment);
    }

    @Override
    public String name() {
        return "Slurm's commands";
    }

    @Override
    public InputFile jobs(Path directory) throws SlurmSourceException, InterruptedException {
        if (jsonJobs) {
            try {
                Path file = run(directory.resolve("squeue.json"), "squeue", "--all", "--json");
                return new InputFile(file, InputFormat.SLURM_JOBS_JSON);
            } catch (UnknownOption e) {
                jsonJobs = false;
            }
        }
        return new InputFile(
                run(directory.resolve("scontrol-jobs.txt"), "scontrol", "show", "job", "-a", "-d"),
                InputFormat.SCONTROL_JOBS);
    }

    @Override
    public InputFile nodes(Path directory) throws SlurmSourceException, InterruptedException {
        return new InputFile(
                run(directory.resolve("scontrol-nodes.txt"), "scontrol", "show", "node", "-d"),
                InputFormat.SCONTROL_NODES);
    }

    @Override
    public InputFile reservations(Path directory)
            throws SlurmSourceException, InterruptedException {
        return new InputFile(
                run(
                        directory.resolve("scontrol-reservations.txt"),
                        "scontrol",
                        "show",
                        "reservation"),
                InputFormat.SCONTROL_RESERVATIONS);
    }

    @Override
    public InputFile accounting(Instant from, Instant to, Path directory)
            throws SlurmSourceException, InterruptedException {
        Path file =
                run(
                        directory.resolve("sacct.psv"),
                        "sacct",
                        "--allusers",
                        "--duplicates",
                        "--allocations",
                        "--parsable2",
                        "--delimiter=\u001f",
                        // sacct reads no epoch; this is UTC by the environment below.
                        "--starttime=" + local(from),
                        "--endtime=" + local(to),
                        "--format=" + COLUMNS);
        try {
            // With slurmdbd away it exits with 1 and says nothing, older ones with 0.
            if (Files.size(file) == 0) {
                throw new SlurmSourceException("sacct said nothing; check slurmdbd");
            }
        } catch (IOException e) {
            throw new SlurmSourceException("the answer of sacct cannot be read: " + e, e);
        }
        return new InputFile(file, InputFormat.SACCT);
    }

    private static String local(Instant at) {
        return at.toString().replaceAll("(\\.\\d+)?Z$", "");
    }

    private Path run(Path out, String command, String... arguments)
            throws SlurmSourceException, InterruptedException {
        List<String> line = new ArrayList<>();
        line.add(prefix + command);
        line.addAll(List.of(arguments));
        Path err = out.resolveSibling(out.getFileName() + ".err");
        ProcessBuilder builder =
                new ProcessBuilder(line).redirectOutput(out.toFile()).redirectError(err.toFile());
        builder.environment().putAll(environment);
        builder.environment().put("SLURM_TIME_FORMAT", "%s");
        builder.environment().put("TZ", "UTC");
        builder.environment().put("LC_ALL", "C");
        try {
            Process process = builder.start();
            process.getOutputStream().close();
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new SlurmSourceException(
                        "%s did not end within %d s".formatted(command, PATIENCE.toSeconds()));
            }
            String said = said(err);
            if (process.exitValue() != 0) {
                if (said.contains("unrecognized option") || said.contains("invalid option")) {
                    throw new UnknownOption(command + ": " + said);
                }
                throw new SlurmSourceException(
                        "%s failed with %d (%s); check that Slurm's controller and database run"
                                .formatted(command, process.exitValue(), said));
            }
            return out;
        } catch (IOException e) {
            throw new SlurmSourceException(
                    "%s cannot be run (%s); install Slurm's client commands or give slurmrestd"
                            .formatted(command, e.getMessage()),
                    e);
        }
    }

    private static String said(Path err) throws IOException {
        try (InputStream in = Files.newInputStream(err)) {
            return new String(in.readNBytes(SAID), StandardCharsets.UTF_8)
                    .replaceAll("\\s+", " ")
                    .strip();
        }
    }

    private static final class UnknownOption extends RuntimeException {
        private static final long serialVersionUID = 1L;

        UnknownOption(String message) {
            super(message);
        }
    }
}

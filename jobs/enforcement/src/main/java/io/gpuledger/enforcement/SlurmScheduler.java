package io.gpuledger.enforcement;

import io.gpuledger.core.enforcement.Association;
import io.gpuledger.core.enforcement.Limits;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Slurm through its own commands: {@code sacctmgr modify account}, as seen to work within seconds
 * and without a restart (slurm-facts: "Quota and enforcement").
 */
public final class SlurmScheduler implements Scheduler {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Pattern GPUS = Pattern.compile("(?:^|,)gres/gpu=(\\d+)(?:,|$)");
    private static final Pattern NAME = Pattern.compile("[\\p{Alnum}_.@+:/ -]{1,255}");
    private static final int SAID = 300;

    private final String slurmCluster;
    private final String prefix;
    private final Path scratch;

    /**
     * A cluster of Slurm's.
     *
     * @param slurmCluster its name in Slurm's database, which may be another than the ledger's
     * @param directory where the commands are; empty for the PATH
     * @param scratch for what they print
     */
    public SlurmScheduler(String slurmCluster, String directory, Path scratch) {
        this.slurmCluster = checked(slurmCluster);
        this.prefix = directory.isEmpty() || directory.endsWith("/") ? directory : directory + "/";
        this.scratch = scratch;
    }

    @Override
    public Map<Association, Limits> limits() throws SchedulerException, InterruptedException {
        String text =
                output(
                        List.of(
                                prefix + "sacctmgr",
                                "--noheader",
                                "--parsable2",
                                "show",
                                "association",
                                "where",
                                "cluster=" + slurmCluster,
                                "format=account,user,partition,grptres,grpsubmitjobs"));
        Map<Association, Limits> limits = new TreeMap<>();
        for (String line : text.split("\n", -1)) {
            String[] cells = line.split("\\|", -1);
            if (cells.length == 5 && cells[2].isEmpty()) {
                limits.put(
                        new Association(cells[0], cells[1]),
                        new Limits(gpus(cells[3]), cells[4].isEmpty() ? -1 : number(cells[4])));
            } else if (!line.isBlank() && cells.length != 5) {
                throw new SchedulerException(
                        "sacctmgr showed an association as '%s'; five columns were asked for"
                                .formatted(line));
            }
        }
        if (limits.isEmpty()) {
            throw new SchedulerException(
                    "sacctmgr shows no association of cluster %s; check its name and slurmdbd"
                            .formatted(slurmCluster));
        }
        return limits;
    }

    private static long gpus(String tres) throws SchedulerException {
        Matcher m = GPUS.matcher(tres);
        return m.find() ? number(m.group(1)) : Limits.NONE;
    }

    private static long number(String text) throws SchedulerException {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new SchedulerException("sacctmgr showed the limit '%s'".formatted(text), e);
        }
    }

    @Override
    public List<String> commandFor(Association association, Limits before, Limits after) {
        List<String> command =
                new ArrayList<>(List.of(prefix + "sacctmgr", "--immediate", "modify"));
        if (association.user().isEmpty()) {
            command.addAll(List.of("account", checked(association.account())));
            command.addAll(List.of("where", "cluster=" + slurmCluster));
        } else {
            command.addAll(List.of("user", checked(association.user()), "where"));
            command.add("account=" + checked(association.account()));
            command.add("cluster=" + slurmCluster);
        }
        command.add("set");
        if (before.gpus() != after.gpus()) {
            command.add("GrpTRES=gres/gpu=" + after.gpus());
        }
        if (before.submitted() != after.submitted()) {
            command.add("GrpSubmitJobs=" + after.submitted());
        }
        return command;
    }

    @Override
    public List<String> gpuJobs(Association association)
            throws SchedulerException, InterruptedException {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                prefix + "squeue",
                                "--noheader",
                                "--all",
                                "--states=PENDING,RUNNING,SUSPENDED",
                                "--account=" + checked(association.account()),
                                "--Format=JobID:|,tres-alloc:|"));
        if (!association.user().isEmpty()) {
            command.add("--user=" + checked(association.user()));
        }
        List<String> ids = new ArrayList<>();
        for (String line : output(command).split("\n", -1)) {
            String[] cells = line.split("\\|", -1);
            if (cells.length >= 2
                    && (cells[1].contains("gres/gpu") || cells[1].contains("gres/shard"))) {
                ids.add(cells[0].strip());
            }
        }
        return ids;
    }

    @Override
    public List<String> cancelCommand(List<String> jobIds) {
        List<String> command = new ArrayList<>(List.of(prefix + "scancel"));
        jobIds.forEach(id -> command.add(checked(id)));
        return command;
    }

    @Override
    public void run(List<String> command) throws SchedulerException, InterruptedException {
        output(command);
    }

    /** Names come from the scheduler and the registry; none may be an option or a list. */
    private static String checked(String name) {
        if (name.startsWith("-") || !NAME.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "'%s' is no name that Slurm's commands take".formatted(name));
        }
        return name;
    }

    private String output(List<String> command) throws SchedulerException, InterruptedException {
        String name = command.get(0).substring(prefix.length());
        Path out = scratch.resolve(name + ".out");
        Path err = scratch.resolve(name + ".err");
        ProcessBuilder builder =
                new ProcessBuilder(command)
                        .redirectOutput(out.toFile())
                        .redirectError(err.toFile());
        builder.environment().put("LC_ALL", "C");
        try {
            Process process = builder.start();
            process.getOutputStream().close();
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new SchedulerException(
                        "%s did not end within %d s".formatted(name, PATIENCE.toSeconds()));
            }
            String text = Files.readString(out, StandardCharsets.UTF_8);
            if (process.exitValue() != 0) {
                String said = (Files.readString(err) + text).replaceAll("\\s+", " ").strip();
                throw new SchedulerException(
                        "%s failed with %d (%s)"
                                .formatted(
                                        name,
                                        process.exitValue(),
                                        said.substring(0, Math.min(SAID, said.length()))));
            }
            return text;
        } catch (IOException e) {
            throw new SchedulerException(
                    "%s cannot be run (%s); install Slurm's client commands"
                            .formatted(name, e.getMessage()),
                    e);
        }
    }
}

package io.gpuledger.collectors.file;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The files that a list of paths stands for, each with its format. */
public record InputFiles(List<InputFile> files, List<Ignored> ignored) {
    private static final int PEEK = 1 << 16;
    private static final JsonFactory JSON = new JsonFactory();
    private static final Pattern METRIC =
            Pattern.compile("(?m)^(?:DCGM_FI_[A-Za-z0-9_]+|dcgm_[a-z0-9_]+)\\s*\\{");
    private static final Pattern METRIC_COMMENT =
            Pattern.compile("(?m)^# (?:HELP|TYPE) (?:DCGM_FI_|dcgm_)");
    private static final Pattern ANY_METRIC = Pattern.compile("\\A(?:# (?:HELP|TYPE|UNIT) |# EOF)");
    private static final Pattern DELIMITER = Pattern.compile("^[A-Za-z0-9]+([^A-Za-z0-9]+)");
    private static final Pattern BLANKS = Pattern.compile(" +");
    private static final Pattern SACCT_ROW =
            Pattern.compile("(?:^|\\|)\\d+(?:_\\d+|\\+\\d+)?(?:\\.[a-z0-9]+)?\\|");
    private static final String HEADLESS =
            "looks like sacct rows without the header; run sacct without --noheader";
    private static final Set<String> SACCT_COLUMNS =
            Set.of(
                    "jobid",
                    "jobidraw",
                    "jobname",
                    "start",
                    "end",
                    "state",
                    "alloctres",
                    "account",
                    "user",
                    "nodelist",
                    "cluster",
                    "submit",
                    "elapsed",
                    "partition",
                    "qos");

    /**
     * A file of a directory that is something else.
     *
     * @param holdsRecords it looks like records that could have been used were they written right
     */
    public record Ignored(Path path, String reason, boolean holdsRecords) {}

    /** The format, or why there is none. */
    private record Finding(@Nullable InputFormat format, String what) {}

    public InputFiles {
        files = List.copyOf(files);
        ignored = List.copyOf(ignored);
    }

    /** Directories are searched recursively, in the order of their names. */
    public static InputFiles expand(List<Path> paths) throws InputException {
        List<InputFile> files = new ArrayList<>();
        List<Ignored> ignored = new ArrayList<>();
        Set<Path> seen = new LinkedHashSet<>();
        for (Path path : paths) {
            if (!Files.isDirectory(path)) {
                if (seen.add(path.toAbsolutePath().normalize())) {
                    Finding f = detect(path);
                    if (f.format() == null) {
                        throw new InputException(
                                path,
                                "unknown format ("
                                        + f.what()
                                        + "); give scontrol, squeue --json, sacct -P, sacct --json,"
                                        + " hook, jobcomp, host configuration or Prometheus text");
                    }
                    files.add(new InputFile(path, f.format()));
                }
                continue;
            }
            for (Path p : walk(path)) {
                if (!seen.add(p.toAbsolutePath().normalize())) {
                    continue;
                }
                Finding f = detect(p);
                if (f.format() == null) {
                    ignored.add(new Ignored(p, f.what(), f.what().equals(HEADLESS)));
                } else {
                    files.add(new InputFile(p, f.format()));
                }
            }
        }
        return new InputFiles(files, ignored);
    }

    private static List<Path> walk(Path directory) throws InputException {
        try (Stream<Path> s = Files.walk(directory)) {
            return s.filter(Files::isRegularFile).sorted().toList();
        } catch (IOException e) {
            throw InputFile.unreadable(directory, e);
        }
    }

    private static Finding detect(Path path) throws InputException {
        byte[] head;
        try (InputStream in = InputFile.open(path)) {
            head = in.readNBytes(PEEK);
        } catch (IOException e) {
            throw InputFile.unreadable(path, e);
        }
        for (byte b : head) {
            if (b == 0) {
                throw new InputException(path, "holds binary data (a zero byte); give a text file");
            }
        }
        return classify(new String(head, StandardCharsets.UTF_8));
    }

    private static Finding classify(String head) {
        String text = head.startsWith("\uFEFF") ? head.substring(1) : head;
        String stripped = text.stripLeading();
        if (stripped.isEmpty()) {
            return new Finding(null, "empty");
        }
        if (stripped.startsWith("{")) {
            return classifyJson(stripped);
        }
        if (stripped.startsWith("JobId=") || stripped.startsWith("No jobs in the system")) {
            return new Finding(InputFormat.SCONTROL_JOBS, "");
        }
        if (stripped.startsWith("NodeName=") && stripped.contains("State=")) {
            return new Finding(InputFormat.SCONTROL_NODES, "");
        }
        if (stripped.startsWith("ReservationName=")
                || stripped.startsWith("No reservations in the system")) {
            return new Finding(InputFormat.SCONTROL_RESERVATIONS, "");
        }
        if (METRIC.matcher(text).find() || METRIC_COMMENT.matcher(text).find()) {
            return new Finding(InputFormat.DCGM, "");
        }
        if (ANY_METRIC.matcher(stripped).find()) {
            return new Finding(null, "Prometheus text without DCGM metrics");
        }
        String first = stripped.lines().findFirst().orElse("");
        if (isSacctHeader(first)) {
            return new Finding(InputFormat.SACCT, "");
        }
        if (SACCT_ROW.matcher(first).find()) {
            return new Finding(null, HEADLESS);
        }
        return new Finding(
                null,
                "text beginning with '" + first.substring(0, Math.min(40, first.length())) + "'");
    }

    /** A header of column names is not enough: sacctmgr prints those too, without jobs. */
    private static boolean isSacctHeader(String line) {
        Set<String> names = new LinkedHashSet<>();
        for (String n : line.split("[^A-Za-z0-9]+", -1)) {
            names.add(n.toLowerCase(java.util.Locale.ROOT));
        }
        Matcher delimiter = DELIMITER.matcher(line);
        // Columns padded with blanks are sacct's other output.
        boolean columns = delimiter.find() && !BLANKS.matcher(delimiter.group(1)).matches();
        if (!columns || line.contains("TRES_PER_NODE") || line.contains("=")) {
            return false;
        }
        names.retainAll(SACCT_COLUMNS);
        return (names.contains("jobid") || names.contains("jobidraw"))
                && (names.contains("state")
                        || names.contains("start")
                        || names.contains("alloctres"));
    }

    private static Finding classifyJson(String text) {
        Set<String> keys = new LinkedHashSet<>();
        try (JsonParser p = JSON.createParser(text)) {
            p.nextToken();
            while (p.nextToken() == JsonToken.FIELD_NAME) {
                keys.add(p.currentName());
                p.nextToken();
                p.skipChildren();
            }
        } catch (IOException e) {
            // The peeked part ends in the middle of the object: the keys so far decide.
            keys.remove("");
        }
        if (keys.contains("hook")) {
            return new Finding(InputFormat.HOOKS, "");
        }
        if (keys.contains("jobs")) {
            return new Finding(InputFormat.SLURM_JOBS_JSON, "");
        }
        if (keys.contains("host_configuration")) {
            return new Finding(InputFormat.HOST_CONFIGURATION, "");
        }
        if (keys.contains("jobid")
                || keys.contains("_source")
                || keys.equals(Set.of("index"))
                || (keys.contains("body") && keys.contains("ts"))) {
            return new Finding(InputFormat.JOBCOMP, "");
        }
        // After job completion records: those have nodes too.
        if (keys.contains("nodes")) {
            return new Finding(InputFormat.SLURM_NODES_JSON, "");
        }
        if (keys.contains("hits")) {
            return new Finding(InputFormat.JOBCOMP_SEARCH, "");
        }
        if (keys.contains("reservations")) {
            return new Finding(InputFormat.SLURM_RESERVATIONS_JSON, "");
        }
        return new Finding(null, "JSON with keys " + keys);
    }
}

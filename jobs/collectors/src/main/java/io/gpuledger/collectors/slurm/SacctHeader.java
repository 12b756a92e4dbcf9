package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The columns of {@code sacct -P}, in any order and with any delimiter. */
record SacctHeader(String delimiter, List<String> columns) {
    private static final Pattern DELIMITER = Pattern.compile("^[A-Za-z0-9]+([^A-Za-z0-9]+)");

    private static final Set<String> FREE_TEXT =
            Set.of(
                    "jobname",
                    "comment",
                    "admincomment",
                    "systemcomment",
                    "submitline",
                    "workdir",
                    "reason",
                    "extra");

    /** Columns whose values show whether they stand in the right place. */
    private static final Map<String, Pattern> TYPED =
            Map.of(
                    "jobidraw", Pattern.compile("\\d+(?:\\..+)?"),
                    "jobid", Pattern.compile("\\d+.*"),
                    "state", Pattern.compile("[A-Z_]+\\+?(?: by \\d+)?"),
                    "submit", Pattern.compile("Unknown|None|\\d[0-9T:+ -]*"),
                    "start", Pattern.compile("Unknown|None|\\d[0-9T:+ -]*"),
                    "end", Pattern.compile("Unknown|None|\\d[0-9T:+ -]*"),
                    "elapsedraw", Pattern.compile("\\d*"),
                    "alloctres", Pattern.compile("(?:[a-z/]+[^=, ]*=[^=, ]*(?:,|$))*"));

    static SacctHeader parse(String header, Path file) throws InputException {
        Matcher m = DELIMITER.matcher(header);
        if (!m.find()) {
            throw new InputException(
                    file, "sacct header has one column; ask for the needed ones with -o");
        }
        String delimiter = m.group(1);
        List<String> columns = new ArrayList<>();
        for (String c : header.split(Pattern.quote(delimiter), -1)) {
            columns.add(c.trim().toLowerCase(Locale.ROOT));
        }
        if (!columns.contains("jobidraw") && !columns.contains("jobid")) {
            throw lacks(file, "JobIDRaw");
        }
        for (String need : List.of("Start", "End", "State", "AllocTRES")) {
            if (!columns.contains(need.toLowerCase(Locale.ROOT))) {
                throw lacks(file, need);
            }
        }
        return new SacctHeader(delimiter, columns);
    }

    private static InputException lacks(Path file, String column) {
        return new InputException(
                file, "sacct header lacks the column " + column + "; add it to sacct's -o list");
    }

    int size() {
        return columns.size();
    }

    int fields(String row) {
        int n = 1;
        int at = row.indexOf(delimiter);
        while (at >= 0) {
            n++;
            at = row.indexOf(delimiter, at + delimiter.length());
        }
        return n;
    }

    boolean endsInFreeText() {
        return FREE_TEXT.contains(columns.get(columns.size() - 1));
    }

    Map<String, String> row(String row) throws BadRecordException {
        int fields = fields(row);
        if (fields == columns.size()) {
            return map(Arrays.asList(row.split(Pattern.quote(delimiter), -1)));
        }
        // A surplus of thousands is no job name.
        if (fields > columns.size() && fields < columns.size() + 1000) {
            return repaired(Arrays.asList(row.split(Pattern.quote(delimiter), -1)));
        }
        throw wrong(fields);
    }

    /** sacct does not escape the delimiter: a job name may have any number of them. */
    private Map<String, String> repaired(List<String> values) throws BadRecordException {
        List<Map<String, String>> possible = new ArrayList<>();
        for (int i = 0; i < columns.size(); i++) {
            if (FREE_TEXT.contains(columns.get(i))) {
                Map<String, String> candidate = map(joined(values, i));
                if (isPlausible(candidate)) {
                    possible.add(candidate);
                }
            }
        }
        if (possible.size() != 1) {
            throw wrong(values.size());
        }
        return possible.get(0);
    }

    private List<String> joined(List<String> values, int column) {
        int last = column + values.size() - columns.size();
        List<String> out = new ArrayList<>(values.subList(0, column));
        out.add(String.join(delimiter, values.subList(column, last + 1)));
        out.addAll(values.subList(last + 1, values.size()));
        return out;
    }

    private static boolean isPlausible(Map<String, String> row) {
        return TYPED.entrySet().stream()
                .allMatch(
                        e ->
                                !row.containsKey(e.getKey())
                                        || e.getValue()
                                                .matcher(row.getOrDefault(e.getKey(), ""))
                                                .matches());
    }

    private Map<String, String> map(List<String> values) {
        Map<String, String> out = new HashMap<>();
        for (int i = 0; i < columns.size(); i++) {
            out.put(columns.get(i), values.get(i));
        }
        return out;
    }

    private BadRecordException wrong(int fields) {
        return new BadRecordException(
                "UNREADABLE",
                "row has "
                        + fields
                        + " fields, the header "
                        + columns.size()
                        + "; run sacct with a --delimiter that no job name has");
    }
}

package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The columns of {@code sacct -P}, in any order and with any delimiter. */
record SacctHeader(String delimiter, List<String> columns) {
    private static final Pattern DELIMITER = Pattern.compile("^[A-Za-z0-9_]+([^A-Za-z0-9_]+)");

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

    /** A break in the last field leaves a whole row and a rest without a delimiter. */
    boolean isContinuation(String held, String rest) {
        return !held.isEmpty()
                && !rest.isEmpty()
                && fields(rest) == 1
                && FREE_TEXT.contains(columns.get(columns.size() - 1));
    }

    String continued(String held, String rest) {
        return held + " " + rest;
    }

    Map<String, String> row(String row) throws BadRecordException {
        String[] values = row.split(Pattern.quote(delimiter), -1);
        if (values.length != columns.size()) {
            throw new BadRecordException(
                    "UNREADABLE",
                    "row has "
                            + values.length
                            + " fields, the header "
                            + columns.size()
                            + "; use --delimiter");
        }
        Map<String, String> out = new HashMap<>();
        for (int i = 0; i < values.length; i++) {
            out.put(columns.get(i), values[i]);
        }
        return out;
    }
}

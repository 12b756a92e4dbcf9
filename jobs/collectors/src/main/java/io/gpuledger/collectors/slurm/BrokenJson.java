package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import java.util.regex.Pattern;

/** What a JSON reader stumbled over, without what it says of its own settings. */
final class BrokenJson {
    private static final Pattern SOURCE =
            Pattern.compile("\\s*\\(start marker at \\[Source: .*?\\]\\)");

    private BrokenJson() {}

    /** What was expected. */
    static String what(JsonProcessingException e) {
        return SOURCE.matcher(e.getOriginalMessage()).replaceAll("").replaceAll("\\s+", " ");
    }

    /** {@code line 3, column 17}. */
    static String where(JsonProcessingException e) {
        JsonLocation at = e.getLocation();
        return at == null
                ? "its end"
                : "line %d, column %d".formatted(at.getLineNr(), at.getColumnNr());
    }
}

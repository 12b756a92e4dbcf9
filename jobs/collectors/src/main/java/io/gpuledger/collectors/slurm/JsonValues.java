package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import org.jspecify.annotations.Nullable;

/** Values of Slurm's JSON, whose shape changes between data_parser versions. */
final class JsonValues {
    private JsonValues() {}

    static @Nullable String text(JsonNode n) {
        if (n.isMissingNode() || n.isNull()) {
            return null;
        }
        String s = n.asText();
        return s.isEmpty() || s.equals("(null)") ? null : s;
    }

    /** A plain number or {set, infinite, number}. */
    static @Nullable Long number(JsonNode n) throws BadRecordException {
        if (n.isMissingNode() || n.isNull()) {
            return null;
        }
        if (n.isObject()) {
            if (n.has("seconds")) {
                return number(n.path("seconds"));
            }
            return n.path("set").asBoolean(false) && !n.path("infinite").asBoolean(false)
                    ? number(n.path("number"))
                    : null;
        }
        if (n.isIntegralNumber() && n.canConvertToLong()) {
            return n.longValue();
        }
        if (n.isTextual()) {
            return n.asText().isEmpty() ? null : Integers.parseLong(n.asText(), "JSON");
        }
        throw new BadRecordException("BAD_NUMBER", "'" + n + "' is not a whole number");
    }

    static @Nullable Integer integer(JsonNode n) throws BadRecordException {
        Long v = number(n);
        return v == null ? null : (Integer) Integers.parse(Long.toString(v), "JSON");
    }

    /** Seconds in milliseconds. */
    static @Nullable Long duration(JsonNode n) throws BadRecordException {
        Integer v = integer(n);
        return v == null ? null : (Long) (v * 1000L);
    }

    /** Epoch seconds in milliseconds; 0 means not known. */
    static @Nullable Long time(JsonNode n) throws BadRecordException {
        Long s = number(n);
        if (s == null || s == 0) {
            return null;
        }
        if (s < 0 || s > 99_999_999_999L) {
            throw new BadRecordException("BAD_TIME", "'" + s + "' is not a time in epoch seconds");
        }
        return s * 1000;
    }

    /** A state as text, or the first of an array of flags. */
    static String state(JsonNode n) {
        if (n.isArray()) {
            String first = n.isEmpty() ? "" : n.get(0).asText();
            for (JsonNode e : n) {
                if (e.asText().equals("COMPLETING")) {
                    return "COMPLETING";
                }
            }
            return JobStates.base(first);
        }
        return JobStates.base(n.asText(""));
    }
}

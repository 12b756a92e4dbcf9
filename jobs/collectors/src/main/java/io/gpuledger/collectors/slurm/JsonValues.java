package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.Decimals;
import io.gpuledger.collectors.file.Instants;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Values of Slurm's JSON, whose shape changes between data_parser versions. */
final class JsonValues {
    /** Slurm's 32-bit marks for "not set" and "infinite", which old parsers pass on as numbers. */
    private static final long NO_VALUE = 0xfffffffeL;

    static final long INFINITE = 0xffffffffL;

    private JsonValues() {}

    static @Nullable String text(JsonNode n) {
        if (n.isMissingNode() || n.isNull()) {
            return null;
        }
        String s = n.asText();
        return s.isEmpty() || s.equals("(null)") ? null : s;
    }

    /** A plain number or {set, infinite, number}; null when it is not known. */
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
        if (n.isIntegralNumber()) {
            return known(n.longValue());
        }
        if (n.isTextual()) {
            return n.asText().isBlank() ? null : whole(n.asText().trim());
        }
        throw new BadRecordException("BAD_NUMBER", "'" + n + "' is not a whole number");
    }

    private static @Nullable Long known(long v) {
        return v == NO_VALUE || v == INFINITE ? null : (Long) v;
    }

    private static @Nullable Long whole(String text) throws BadRecordException {
        // 64-bit "not set" and "infinite".
        if (text.equals("18446744073709551614") || text.equals("18446744073709551615")) {
            return null;
        }
        BigDecimal v = Decimals.parse(text, "JSON");
        try {
            return known(v.longValueExact());
        } catch (ArithmeticException e) {
            throw new BadRecordException("BAD_NUMBER", "'" + text + "' is no whole number", e);
        }
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
        if (Math.abs((double) s) > 1e12) {
            throw new BadRecordException("BAD_TIME", "'" + s + "' is not a time in epoch seconds");
        }
        return Instants.checked(s * 1000, Long.toString(s));
    }

    /** One text, or an array of them. */
    static List<String> texts(JsonNode n) {
        List<String> out = new ArrayList<>();
        if (n.isArray()) {
            for (JsonNode e : n) {
                out.add(e.asText());
            }
        } else if (n.isValueNode() && !n.isNull()) {
            out.add(n.asText());
        }
        return out;
    }
}

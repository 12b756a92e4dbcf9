package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.core.InputLimits;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How long a run may last: minutes, a duration, or a word for "without end", which is -1. A limit
 * decides no usage, so one that cannot be read is a dropped field and not a lost record.
 */
final class TimeLimits {
    private static final long NONE = -1;
    private static final long MINUTE_MS = 60_000;

    private TimeLimits() {}

    /** {@code TimeLimit=1-00:00:00} of scontrol and sacct, null when it is not decided yet. */
    static @Nullable Long text(@Nullable String text, Pass pass) {
        if (text == null || text.isBlank()) {
            return null;
        }
        return switch (text.trim()) {
            case "UNLIMITED" -> NONE;
            case "Partition_Limit", "NOT_SET", "INVALID", "Unknown", "None" -> null;
            default -> duration(text, pass);
        };
    }

    private static @Nullable Long duration(String text, Pass pass) {
        try {
            Long limit = SlurmTime.duration(text);
            return limit == null ? null : bounded(limit);
        } catch (BadRecordException e) {
            pass.droppedField();
            return null;
        }
    }

    /** The columns Timelimit, or TimelimitRaw in minutes. */
    static @Nullable Long sacct(Map<String, String> row, Pass pass) {
        String raw = row.get("timelimitraw");
        if (raw != null && raw.chars().allMatch(c -> c >= '0' && c <= '9') && !raw.isEmpty()) {
            try {
                return bounded(Math.multiplyExact(Long.parseLong(raw), MINUTE_MS));
            } catch (NumberFormatException | ArithmeticException e) {
                pass.droppedField();
                return null;
            }
        }
        return text(raw != null && !raw.isEmpty() ? raw : row.get("timelimit"), pass);
    }

    /** Minutes as a number, or {set, infinite, number}. */
    static @Nullable Long json(JsonNode n, Pass pass) {
        if (n.path("infinite").asBoolean(false) || n.asLong() == JsonValues.INFINITE) {
            return NONE;
        }
        try {
            Long minutes = JsonValues.number(n);
            return minutes == null ? null : bounded(Math.multiplyExact(minutes, MINUTE_MS));
        } catch (BadRecordException | ArithmeticException e) {
            pass.droppedField();
            return null;
        }
    }

    /** No run lasts longer, so a longer limit is none. */
    private static long bounded(long limitMs) {
        return limitMs < 0 || limitMs > InputLimits.LONGEST_RUN_MS ? NONE : limitMs;
    }
}

package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.core.InputLimits;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The GPUs in an allocation's TRES. Typed and untyped counts name the same cards. The percentages
 * of MPS are read as shards: both are parts of a card of which the node's Gres says how many there
 * are, and Slurm allows only one of them on a node.
 */
public record Tres(
        @Nullable Integer gpuCount, List<String> gpuTypes, @Nullable Integer shardCount) {
    public static final Tres UNSAID = new Tres(null, List.of(), null);

    public static Tres parse(@Nullable String text) throws BadRecordException {
        if (text == null || text.isBlank() || text.equals("(null)") || text.equals("N/A")) {
            return UNSAID;
        }
        Sum sum = new Sum();
        for (String item : text.split(",", -1)) {
            String t = item.trim();
            int eq = t.indexOf('=');
            if (eq > 0 && t.startsWith("gres/")) {
                sum.add(t.substring(5, eq), t.substring(eq + 1));
            }
        }
        return sum.tres();
    }

    static int checked(long count, String where) throws BadRecordException {
        if (count > InputLimits.JOB_GPUS) {
            throw new BadRecordException(
                    "BAD_GRES", "count " + count + " in " + where + " is impossible");
        }
        return (int) count;
    }

    /** Collects single TRES. */
    static final class Sum {
        private final List<String> types = new ArrayList<>();
        private @Nullable Integer total;
        private int typed;
        private @Nullable Integer shards;
        private int typedShards;

        void add(String name, String count) throws BadRecordException {
            if (name.equals("gpu")) {
                total = parsed(name, count);
            } else if (name.startsWith("gpu:")) {
                int n = parsed(name, count);
                if (n > 0) {
                    typed = checked((long) typed + n, "TRES gres/" + name);
                    addType(name.substring(4));
                }
            } else if (name.equals("shard") || name.equals("mps")) {
                shards = parsed(name, count);
            } else if (name.startsWith("shard:") || name.startsWith("mps:")) {
                typedShards =
                        checked((long) typedShards + parsed(name, count), "TRES gres/" + name);
            }
        }

        private static int parsed(String name, String count) throws BadRecordException {
            String where = "TRES gres/" + name;
            return checked(Integers.parseLong(count, where), where);
        }

        private void addType(String type) throws BadRecordException {
            if (types.size() >= InputLimits.TYPES) {
                throw new BadRecordException("BAD_GRES", "TRES names too many GPU types");
            }
            if (!types.contains(type)) {
                types.add(type);
            }
        }

        Tres tres() {
            types.sort(null);
            Integer t = total;
            Integer s = shards == null && typedShards > 0 ? (Integer) typedShards : shards;
            return new Tres(t == null ? typed : t, List.copyOf(types), s);
        }
    }
}

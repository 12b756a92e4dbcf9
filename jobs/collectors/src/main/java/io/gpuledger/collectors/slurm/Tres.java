package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The GPUs in an allocation's TRES. Typed and untyped counts name the same cards. */
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

    /** Collects single TRES. */
    static final class Sum {
        private final List<String> types = new ArrayList<>();
        private @Nullable Integer total;
        private int typed;
        private @Nullable Integer shards;

        void add(String name, String count) throws BadRecordException {
            if (name.equals("gpu")) {
                total = Integers.parse(count, "TRES gres/" + name);
            } else if (name.startsWith("gpu:")) {
                int n = Integers.parse(count, "TRES gres/" + name);
                if (n > 0) {
                    typed = Integers.parse(Long.toString((long) typed + n), "TRES gres/" + name);
                    types.add(name.substring(4));
                }
            } else if (name.equals("shard")) {
                shards = Integers.parse(count, "TRES gres/" + name);
            }
        }

        Tres tres() {
            types.sort(null);
            Integer t = total;
            return new Tres(t == null ? typed : t, List.copyOf(types), shards);
        }
    }
}

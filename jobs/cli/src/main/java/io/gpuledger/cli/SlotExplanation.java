package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.statements.SlotDetail;
import java.io.PrintWriter;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * An hour of a slot: all that was known of it, the last first, and its minutes as now known.
 *
 * @param versions none while the hour is not written
 * @param minutes none where there is no row of them
 */
record SlotExplanation(List<SlotDetail.HourVersion> versions, List<SlotDetail.Minute> minutes) {
    SlotExplanation {
        versions = List.copyOf(versions);
        minutes = List.copyOf(minutes);
    }

    /** The minutes sum to the hour, where both are there. */
    boolean addsUp() {
        return versions.isEmpty()
                || minutes.isEmpty()
                || (versions.get(0).heldMs() == sum(SlotDetail.Minute::heldMs)
                        && versions.get(0).chargedGpuUs() == sum(SlotDetail.Minute::chargedGpuUs));
    }

    private long sum(ToLongFunction<SlotDetail.Minute> amount) {
        return minutes.stream().mapToLong(amount).sum();
    }

    /** For programs: everything. */
    ObjectNode json() {
        ObjectNode root = new ObjectMapper().createObjectNode();
        root.put("adds_up", addsUp());
        ArrayNode array = root.putArray("versions");
        for (SlotDetail.HourVersion v : versions) {
            array.addObject()
                    .put("cluster", v.cluster())
                    .put("host", v.host())
                    .put("gpu_index", v.gpuIndex())
                    .put("hour", v.hour())
                    .put("revision", v.revision())
                    .put("learned_at", v.learnedAt())
                    .put("current", v.current())
                    .put("holders", v.holders())
                    .put("gpu_ms", v.heldMs())
                    .put("charged_gpu_us", v.chargedGpuUs())
                    .put("covered_ms", v.coveredMs())
                    .put("input_digest", v.inputDigest());
        }
        ArrayNode ofMinutes = root.putArray("minutes");
        for (SlotDetail.Minute m : minutes) {
            ofMinutes
                    .addObject()
                    .put("minute", m.minute())
                    .put("holders", m.holders())
                    .put("exists_ms", m.existsMs())
                    .put("gpu_ms", m.heldMs())
                    .put("charged_gpu_us", m.chargedGpuUs());
        }
        return root;
    }

    /** For people. */
    void print(PrintWriter out) {
        TextTable table =
                new TextTable(
                        4,
                        List.of(
                                "slot",
                                "hour",
                                "came in",
                                "holders",
                                "held GPU-ms",
                                "charged GPU-us",
                                "covered ms"));
        for (SlotDetail.HourVersion v : versions) {
            table.add(
                    List.of(
                            "%s/%s/%d".formatted(v.cluster(), v.host(), v.gpuIndex()),
                            v.hour(),
                            v.learnedAt() + (v.current() ? "" : " (replaced)"),
                            v.holders(),
                            "%,d".formatted(v.heldMs()),
                            "%,d".formatted(v.chargedGpuUs()),
                            "%,d".formatted(v.coveredMs())));
        }
        out.print(versions.isEmpty() ? "the hour is not written yet\n" : table.toString());
        out.println();
        if (minutes.isEmpty()) {
            out.println("there are no minutes of it");
            return;
        }
        TextTable each =
                new TextTable(2, List.of("minute", "holders", "held GPU-ms", "charged GPU-us"));
        for (SlotDetail.Minute m : minutes) {
            each.add(
                    List.of(
                            m.minute(),
                            m.holders(),
                            "%,d".formatted(m.heldMs()),
                            "%,d".formatted(m.chargedGpuUs())));
        }
        out.print(each);
        out.printf(
                "sum of %d minutes: %,d GPU-ms held, %,d GPU-us charged%s%n",
                minutes.size(),
                sum(SlotDetail.Minute::heldMs),
                sum(SlotDetail.Minute::chargedGpuUs),
                versions.isEmpty() ? "" : addsUp() ? ": the hour" : ": NOT the hour");
    }
}

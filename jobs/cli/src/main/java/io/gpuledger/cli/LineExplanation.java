package io.gpuledger.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.core.statement.Money;
import io.gpuledger.statements.Explanation;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/** A line of a statement: its price, weights and runs. */
record LineExplanation(Explanation.Line found) {
    /** For people; of many runs the first {@code rows}. */
    void print(PrintWriter out, int rows) {
        JsonNode l = found.line();
        String currency = l.path("currency").asText();
        out.printf(
                "%s line %d, %s of %s%s%n",
                found.statement().path("statement").asText(),
                l.path("line").asInt(),
                l.path("kind").asText(),
                l.path("period").asText(),
                l.path("cluster").asText().isEmpty()
                        ? ""
                        : " on " + l.path("cluster").asText() + " " + l.path("gpu_model").asText());
        out.printf(
                "known at %s%s, registry version %d%n",
                Instant.ofEpochMilli(found.knownAtMs()),
                found.previousKnownAtMs() == 0
                        ? ""
                        : ", less what was known at "
                                + Instant.ofEpochMilli(found.previousKnownAtMs()),
                found.registryVersion());
        if (!l.path("adjustment").asText().isEmpty()) {
            out.printf(
                    "adjustment %s of the registry: %s%n",
                    l.path("adjustment").asText(), l.path("note").asText());
        }
        if (!l.path("price").asText().isEmpty()) {
            out.printf(
                    "%,d GPU-us / 3,600,000,000 x %s %s = %s %s%s%n",
                    l.path("charged_gpu_us").asLong(),
                    l.path("price").asText(),
                    currency,
                    Money.text(l.path("amount_minor").asLong(), currency),
                    currency,
                    found.previousKnownAtMs() == 0
                            ? ", rounded half to even"
                            : ", as the difference of two rounded amounts");
        }
        TextTable weights =
                new TextTable(1, List.of("bucket", "weight", "held GPU-ms", "charged GPU-us"));
        sums(p -> p.key().bucket() + " " + p.key().weightMilli())
                .forEach(
                        (name, sum) ->
                                weights.add(
                                        List.of(
                                                name.substring(0, name.indexOf(' ')),
                                                "%.3f"
                                                        .formatted(
                                                                Long.parseLong(
                                                                                name.substring(
                                                                                        name
                                                                                                        .indexOf(
                                                                                                                ' ')
                                                                                                + 1))
                                                                        / 1000.0),
                                                "%,d".formatted(sum[0]),
                                                "%,d".formatted(sum[1]))));
        out.println();
        out.print(weights);
        TextTable runs =
                new TextTable(
                        4,
                        List.of("run", "job", "user", "bucket", "held GPU-ms", "charged GPU-us"));
        List<Explanation.Part> parts = found.parts();
        List<Explanation.Part> shown = parts.subList(0, Math.min(rows, parts.size()));
        for (Explanation.Part p : shown) {
            runs.add(
                    List.of(
                            p.key().runId(),
                            p.key().jobId(),
                            p.key().user(),
                            p.key().bucket(),
                            "%,d".formatted(p.heldMs()),
                            "%,d".formatted(p.chargedGpuUs())));
        }
        out.println();
        out.print(runs);
        if (shown.size() < parts.size()) {
            out.printf("... and %,d more: --all lists them%n", parts.size() - shown.size());
        }
        if (l.path("adjustment").asText().isEmpty()) {
            out.printf(
                    "%nsum of all parts: %,d GPU-ms held, %,d GPU-us charged: %s%n",
                    parts.stream().mapToLong(Explanation.Part::heldMs).sum(),
                    parts.stream().mapToLong(Explanation.Part::chargedGpuUs).sum(),
                    found.addsUp() ? "the line" : "not the line; see gpu-ledger statement verify");
        }
    }

    private Map<String, long[]> sums(Function<Explanation.Part, String> key) {
        Map<String, long[]> sums = new TreeMap<>();
        for (Explanation.Part part : found.parts()) {
            long[] sum = sums.computeIfAbsent(key.apply(part), k -> new long[2]);
            sum[0] += part.heldMs();
            sum[1] += part.chargedGpuUs();
        }
        return sums;
    }

    /** For programs: everything. */
    ObjectNode json() {
        ObjectNode root = new ObjectMapper().createObjectNode();
        root.put("statement", found.statement().path("statement").asText());
        root.set("line", found.line());
        root.put("known_at_ms", found.knownAtMs())
                .put("previous_known_at_ms", found.previousKnownAtMs())
                .put("registry_version", found.registryVersion())
                .put("adds_up", found.addsUp());
        ArrayNode parts = root.putArray("parts");
        for (Explanation.Part p : found.parts()) {
            parts.addObject()
                    .put("run_id", p.key().runId())
                    .put("job_id", p.key().jobId())
                    .put("user", p.key().user())
                    .put("bucket", p.key().bucket())
                    .put("weight_milli", p.key().weightMilli())
                    .put("gpu_ms", p.heldMs())
                    .put("charged_gpu_us", p.chargedGpuUs());
        }
        return root;
    }
}

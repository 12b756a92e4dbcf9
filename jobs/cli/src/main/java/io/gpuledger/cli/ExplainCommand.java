package io.gpuledger.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.statement.Money;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.Explanation;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Says where a number comes from. */
@Command(
        name = "explain",
        mixinStandardHelpOptions = true,
        description = {
            "Where a number comes from.",
            "",
            "--statement GRANT/YYYY-MM --line N: the line's price, weights and runs, as known when it was closed; of a"
                    + " correction what is known more than before. --run: from what a run is charged down to its hours, its"
                    + " allocations and what each source said of it, with Kafka's offset or file and line. --slot --at: every"
                    + " version of an hour of a slot, when it came in, and its minutes.",
            "Exit codes: 0 explained; 1 the parts do not add up, see statement verify; 2 wrong usage;"
                    + " 3 ClickHouse cannot be reached."
        })
final class ExplainCommand implements Callable<Integer> {
    private static final int ROWS = 30;

    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--statement",
            paramLabel = "GRANT/YYYY-MM",
            description = "A statement; with --line.")
    @Nullable String statement;

    @Option(names = "--line", paramLabel = "N", description = "Number of a line of it.")
    @Nullable Integer line;

    @Option(
            names = "--run",
            paramLabel = "RUN",
            description = "A run as CLUSTER/JOB/START, the key run of usage.")
    @Nullable String run;

    @Option(names = "--slot", paramLabel = "CLUSTER/HOST/GPU", description = "A slot; with --at.")
    @Nullable String slot;

    @Option(names = "--at", paramLabel = "T", description = "ISO 8601, whole minutes.")
    @Nullable String at;

    @Option(
            names = "--all",
            description = "All lines of long lists (default: the first " + ROWS + ").")
    boolean all;

    @Option(names = "--json", description = "For programs.")
    boolean json;

    @Override
    public Integer call() {
        int asked = (statement == null ? 0 : 1) + (run == null ? 0 : 1) + (slot == null ? 0 : 1);
        if (asked != 1 || (statement == null) != (line == null) || (slot == null) != (at == null)) {
            throw new UsageException(
                    "give --statement GRANT/YYYY-MM with --line N, or --run RUN, or --slot CLUSTER/HOST/GPU with --at T");
        }
        try (LocalStack stack = ledger.stack()) {
            Warehouse warehouse = ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            Explanation explanation = new Explanation(warehouse);
            int exit;
            if (statement != null && line != null) {
                exit = line(explanation, statement, line);
            } else if (run != null) {
                exit =
                        run(
                                explanation,
                                new RunEvidence(warehouse),
                                UsageCommand.only("--run", run));
            } else {
                exit = slot(explanation, String.valueOf(slot), String.valueOf(at));
            }
            spec.commandLine().getOut().flush();
            return exit;
        }
    }

    private int line(Explanation explanation, String id, int number) {
        int slash = id.lastIndexOf('/');
        if (slash < 1) {
            throw new UsageException(
                    "--statement %s is none; give one like dcai-2026-001/2026-10".formatted(id));
        }
        Explanation.Line found =
                explanation.line(
                        id.substring(0, slash),
                        StatementCommand.month(id.substring(slash + 1)).toString(),
                        number);
        if (json) {
            spec.commandLine().getOut().println(json(found).toPrettyString());
        } else {
            print(found);
        }
        boolean usage = found.line().path("adjustment").asText().isEmpty();
        return !usage || found.addsUp() ? ExitCode.DONE : ExitCode.FINDINGS;
    }

    private void print(Explanation.Line found) {
        PrintWriter out = spec.commandLine().getOut();
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
        sums(found, p -> p.key().bucket() + " " + p.key().weightMilli())
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
        List<Explanation.Part> shown = all ? parts : parts.subList(0, Math.min(ROWS, parts.size()));
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

    private static Map<String, long[]> sums(
            Explanation.Line found, Function<Explanation.Part, String> key) {
        Map<String, long[]> sums = new TreeMap<>();
        for (Explanation.Part part : found.parts()) {
            long[] sum = sums.computeIfAbsent(key.apply(part), k -> new long[2]);
            sum[0] += part.heldMs();
            sum[1] += part.chargedGpuUs();
        }
        return sums;
    }

    private static ObjectNode json(Explanation.Line found) {
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

    private int slot(Explanation explanation, String name, String time) {
        String[] parts = name.split("/", -1);
        if (parts.length != 3 || !parts[2].matches("-?\\d{1,4}")) {
            throw new UsageException(
                    "--slot %s is none; give one like gefion/gefion-01/3".formatted(name));
        }
        long atMs =
                UsageCommand.instant("--at", time, ledger.configuration().get(Keys.ZONE))
                        .toEpochMilli();
        int index = Integer.parseInt(parts[2]);
        List<Explanation.HourVersion> versions = explanation.slot(parts[0], parts[1], index, atMs);
        List<Explanation.Minute> minutes = explanation.minutes(parts[0], parts[1], index, atMs);
        if (versions.isEmpty() && minutes.isEmpty()) {
            throw new UsageException(
                    "the ledger has no hour of --slot %s --at %s".formatted(name, time));
        }
        boolean addsUp =
                versions.isEmpty()
                        || minutes.isEmpty()
                        || (versions.get(0).heldMs()
                                        == minutes.stream()
                                                .mapToLong(Explanation.Minute::heldMs)
                                                .sum()
                                && versions.get(0).chargedGpuUs()
                                        == minutes.stream()
                                                .mapToLong(Explanation.Minute::chargedGpuUs)
                                                .sum());
        if (json) {
            spec.commandLine().getOut().println(json(versions, minutes, addsUp).toPrettyString());
        } else {
            print(versions, minutes, addsUp);
        }
        return addsUp ? ExitCode.DONE : ExitCode.FINDINGS;
    }

    private int run(Explanation explanation, RunEvidence evidence, String runId) {
        RunExplanation found = RunExplanation.of(explanation, evidence, runId);
        if (found.hours().isEmpty() && found.said().isEmpty()) {
            throw new UsageException(
                    "the ledger knows no run %s; usage --by run lists those there are"
                            .formatted(runId));
        }
        if (json) {
            spec.commandLine().getOut().println(found.json().toPrettyString());
        } else {
            found.print(spec.commandLine().getOut(), all ? Integer.MAX_VALUE : ROWS);
        }
        return found.addsUp() ? ExitCode.DONE : ExitCode.FINDINGS;
    }

    private static ObjectNode json(
            List<Explanation.HourVersion> versions,
            List<Explanation.Minute> minutes,
            boolean addsUp) {
        ObjectNode root = new ObjectMapper().createObjectNode();
        root.put("adds_up", addsUp);
        ArrayNode array = root.putArray("versions");
        for (Explanation.HourVersion v : versions) {
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
        for (Explanation.Minute m : minutes) {
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

    private void print(
            List<Explanation.HourVersion> versions,
            List<Explanation.Minute> minutes,
            boolean addsUp) {
        PrintWriter out = spec.commandLine().getOut();
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
        for (Explanation.HourVersion v : versions) {
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
        for (Explanation.Minute m : minutes) {
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
                minutes.stream().mapToLong(Explanation.Minute::heldMs).sum(),
                minutes.stream().mapToLong(Explanation.Minute::chargedGpuUs).sum(),
                versions.isEmpty() ? "" : addsUp ? ": the hour" : ": NOT the hour");
    }
}

package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.core.reconcile.Finding;
import io.gpuledger.core.reconcile.Part;
import io.gpuledger.core.reconcile.Payer;
import io.gpuledger.core.reconcile.Reason;
import io.gpuledger.core.reconcile.Report;
import io.gpuledger.core.reconcile.Total;
import io.gpuledger.core.time.Span;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A reconciliation for people and for programs. */
final class ReconcileOutput {
    /** Explained runs that the table shows; unexplained ones are all there. */
    static final int ROWS = 50;

    private static final ObjectMapper JSON = new ObjectMapper();

    /** Of the table of runs: the columns of text. */
    private static final List<Integer> RUN_TEXT = List.of(0, 1, 2, 3, 7, 9, 10);

    private static final List<Integer> PAYER_TEXT = List.of(0, 1, 5);

    private final Report report;
    private final String cluster;
    private final Span window;
    private final ZoneId zone;
    private final long toleratedMs;
    private final boolean all;

    ReconcileOutput(
            Report report,
            String cluster,
            Span window,
            ZoneId zone,
            long toleratedMs,
            boolean all) {
        this.report = report;
        this.cluster = cluster;
        this.window = window;
        this.zone = zone;
        this.toleratedMs = toleratedMs;
        this.all = all;
    }

    /** Nothing is left to look at. */
    boolean isExplained() {
        return report.unexplainedMs() <= toleratedMs;
    }

    private List<Finding> listed() {
        return report.findings().stream().filter(f -> all || !f.parts().isEmpty()).toList();
    }

    String table() {
        StringBuilder out = new StringBuilder();
        runs(out);
        payers(out);
        for (Reason reason : report.total().byReason().keySet()) {
            out.append("%-16s  %s%n".formatted(reason, reason.legend()));
        }
        if (!report.total().byReason().isEmpty()) {
            out.append('\n');
        }
        out.append(verdict()).append('\n');
        return out.toString();
    }

    private void runs(StringBuilder out) {
        List<Finding> listed = listed();
        if (listed.isEmpty()) {
            return;
        }
        List<List<String>> cells = new ArrayList<>();
        boolean notes =
                listed.stream().flatMap(f -> f.parts().stream()).anyMatch(p -> !p.note().isEmpty());
        cells.add(
                List.of(
                        "run",
                        "job",
                        "account",
                        "user",
                        "scheduler",
                        "ledger",
                        "difference",
                        "reason",
                        "amount",
                        "when",
                        notes ? "note" : ""));
        int explained = 0;
        int left = 0;
        for (Finding finding : listed) {
            if (finding.unexplainedMs() == 0) {
                explained++;
                if (explained > ROWS && !all) {
                    left++;
                    continue;
                }
            }
            lines(finding, cells);
        }
        out.append(
                "Runs%s in GPU-seconds; a difference is + where accounting counts more; times in %s%n%n"
                        .formatted(all ? "" : " that differ,", zone));
        align(cells, RUN_TEXT, out);
        if (left > 0) {
            out.append("... and %,d more, all explained: --all lists them%n".formatted(left));
        }
        out.append('\n');
    }

    private void lines(Finding finding, List<List<String>> cells) {
        List<String> head =
                List.of(
                        finding.runId(),
                        finding.jobId(),
                        finding.payer().account(),
                        finding.payer().user(),
                        seconds(finding.schedulerMs()),
                        seconds(finding.ledgerMs()),
                        signed(finding.differenceMs()));
        boolean first = true;
        for (Part part : finding.parts()) {
            List<String> line = new ArrayList<>(first ? head : List.of("", "", "", "", "", "", ""));
            line.add(part.reason().name());
            line.add(signed(part.gpuMs()));
            line.add(when(part.where()));
            line.add(part.note());
            cells.add(line);
            first = false;
        }
        if (first) {
            List<String> line = new ArrayList<>(head);
            line.addAll(List.of("", "", "", ""));
            cells.add(line);
        }
    }

    private void payers(StringBuilder out) {
        List<List<String>> cells = new ArrayList<>();
        cells.add(List.of("account", "user", "scheduler", "ledger", "difference", "reasons"));
        for (Map.Entry<Payer, Total> entry : report.byPayer().entrySet()) {
            cells.add(line(entry.getKey(), entry.getValue()));
        }
        cells.add(line(new Payer("total", ""), report.total()));
        out.append("By account and user, in GPU-seconds; sub-accounts on their own\n\n");
        align(cells, PAYER_TEXT, out);
        out.append('\n');
    }

    private static List<String> line(Payer payer, Total total) {
        return List.of(
                payer.account(),
                payer.user(),
                seconds(total.schedulerMs()),
                seconds(total.ledgerMs()),
                signed(total.differenceMs()),
                total.byReason().entrySet().stream()
                        .map(e -> e.getKey() + " " + signed(e.getValue()))
                        .collect(Collectors.joining(", ")));
    }

    private String verdict() {
        long compared = report.findings().size();
        long differ = report.findings().stream().filter(f -> !f.parts().isEmpty()).count();
        List<Finding> open = report.findings().stream().filter(f -> f.unexplainedMs() > 0).toList();
        String runs = "%s compared, %,d differ".formatted(runs(compared), differ);
        if (open.isEmpty()) {
            return runs + (differ == 0 ? "." : ", all explained.");
        }
        String what =
                "%s; UNEXPLAINED: %s GPU-seconds in %s"
                        .formatted(runs, seconds(report.unexplainedMs()), runs(open.size()));
        return isExplained()
                ? "%s, within the tolerance of %s.".formatted(what, seconds(toleratedMs))
                : what + ".";
    }

    private static String runs(long count) {
        return count == 1 ? "1 run" : "%,d runs".formatted(count);
    }

    String csv() {
        StringBuilder out =
                new StringBuilder(
                        "run_id,job_id,account,user,scheduler_gpu_ms,ledger_gpu_ms,difference_gpu_ms,"
                                + "reason,gpu_ms,from_ms,to_ms,note\n");
        for (Finding finding : listed()) {
            String head =
                    "%s,%s,%s,%s,%d,%d,%d,"
                            .formatted(
                                    quoted(finding.runId()),
                                    quoted(finding.jobId()),
                                    quoted(finding.payer().account()),
                                    quoted(finding.payer().user()),
                                    finding.schedulerMs(),
                                    finding.ledgerMs(),
                                    finding.differenceMs());
            if (finding.parts().isEmpty()) {
                out.append(head).append(",,,,\n");
            }
            for (Part part : finding.parts()) {
                out.append(head)
                        .append(part.reason())
                        .append(',')
                        .append(part.gpuMs())
                        .append(',')
                        .append(part.where().startMs())
                        .append(',')
                        .append(part.where().endMs())
                        .append(',')
                        .append(quoted(part.note()))
                        .append('\n');
            }
        }
        return out.toString();
    }

    /** With the balance beside it, unless that was not asked for. */
    String json(@Nullable ThreeWayOutput quota) {
        ObjectNode root = JSON.createObjectNode();
        root.put("cluster", cluster);
        root.put("from", Instant.ofEpochMilli(window.startMs()).toString());
        root.put("to", Instant.ofEpochMilli(window.endMs()).toString());
        root.put("explained", isExplained());
        root.put("tolerance_gpu_ms", toleratedMs);
        root.put("unexplained_gpu_ms", report.unexplainedMs());
        root.put("runs_compared", report.findings().size());
        sum(root.putObject("total"), report.total());
        ArrayNode accounts = root.putArray("accounts");
        report.byPayer()
                .forEach(
                        (payer, total) ->
                                sum(
                                        accounts.addObject()
                                                .put("account", payer.account())
                                                .put("user", payer.user()),
                                        total));
        ArrayNode runs = root.putArray("runs");
        for (Finding finding : listed()) {
            ObjectNode run =
                    runs.addObject()
                            .put("run_id", finding.runId())
                            .put("job_id", finding.jobId())
                            .put("account", finding.payer().account())
                            .put("user", finding.payer().user())
                            .put("scheduler_gpu_ms", finding.schedulerMs())
                            .put("ledger_gpu_ms", finding.ledgerMs())
                            .put("difference_gpu_ms", finding.differenceMs());
            ArrayNode reasons = run.putArray("reasons");
            for (Part part : finding.parts()) {
                reasons.addObject()
                        .put("reason", part.reason().name())
                        .put("gpu_ms", part.gpuMs())
                        .put("from", Instant.ofEpochMilli(part.where().startMs()).toString())
                        .put("to", Instant.ofEpochMilli(part.where().endMs()).toString())
                        .put("note", part.note());
            }
        }
        ObjectNode legend = root.putObject("legend");
        for (Reason reason : report.total().byReason().keySet()) {
            legend.put(reason.name(), reason.legend());
        }
        if (quota != null) {
            quota.into(root);
        }
        return root.toPrettyString();
    }

    private static void sum(ObjectNode into, Total total) {
        into.put("scheduler_gpu_ms", total.schedulerMs())
                .put("ledger_gpu_ms", total.ledgerMs())
                .put("difference_gpu_ms", total.differenceMs());
        ObjectNode reasons = into.putObject("reasons");
        total.byReason().forEach((reason, ms) -> reasons.put(reason.name(), ms));
    }

    private static String quoted(String cell) {
        boolean plain = cell.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
        return plain ? cell : '"' + cell.replace("\"", "\"\"") + '"';
    }

    /** Whole seconds as such: Slurm knows nothing else. */
    private static String seconds(long gpuMs) {
        String sign = gpuMs < 0 ? "-" : "";
        long size = Math.abs(gpuMs);
        String whole = String.format(Locale.ROOT, "%,d", size / 1000);
        return sign
                + whole
                + (size % 1000 == 0 ? "" : String.format(Locale.ROOT, ".%03d", size % 1000));
    }

    private static String signed(long gpuMs) {
        return gpuMs > 0 ? "+" + seconds(gpuMs) : seconds(gpuMs);
    }

    private String when(Span span) {
        ZonedDateTime from = Instant.ofEpochMilli(span.startMs()).atZone(zone);
        ZonedDateTime to = Instant.ofEpochMilli(span.endMs()).atZone(zone);
        DateTimeFormatter day = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss", Locale.ROOT);
        DateTimeFormatter time = DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT);
        boolean sameDay = from.toLocalDate().equals(to.toLocalDate());
        return day.format(from) + " to " + (sameDay ? time : day).format(to);
    }

    private static void align(List<List<String>> cells, List<Integer> text, StringBuilder out) {
        int columns = cells.get(0).size();
        int[] width = new int[columns];
        for (List<String> line : cells) {
            for (int i = 0; i < columns; i++) {
                width[i] = Math.max(width[i], line.get(i).length());
            }
        }
        for (List<String> line : cells) {
            StringBuilder row = new StringBuilder();
            for (int i = 0; i < columns; i++) {
                String pad = " ".repeat(width[i] - line.get(i).length());
                row.append(i == 0 ? "" : "  ")
                        .append(text.contains(i) ? line.get(i) + pad : pad + line.get(i));
            }
            out.append(row.toString().stripTrailing()).append('\n');
        }
    }
}

package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunFlag;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.statements.RunDetail;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * A run from its amount down to what the sources said: shares of grants, hours, allocations,
 * snapshots. Each step is held against the one above.
 *
 * @param fromSnapshots what the snapshots alone make; null where none of the job are kept
 */
record RunExplanation(
        String runId,
        List<RunDetail.Share> shares,
        List<RunDetail.RunHour> hours,
        List<RunEvidence.Said> said,
        @Nullable Run fromSnapshots) {
    /** The digest of no inputs. */
    private static final String LIVE = "0";

    private static final int SHARED =
            RunFlag.DOUBLE_HOLD.bit() | RunFlag.SHARED_SLOT.bit() | RunFlag.INSTANCE_AS_SLOT.bit();

    /** How the ledger stands to what the snapshots alone make. */
    enum Verdict {
        ADDS_UP("they make %,d GPU-ms of it, as the ledger has it"),
        DIFFERS("they make %,d GPU-ms of it, which is NOT what the ledger has"),
        SHARED(
                "they make %,d GPU-ms of it, of which the ledger gives a part to others: the GPU was shared"),
        UNSTATED(
                "none of them states its end; that follows from when the scheduler was last heard of it"),
        NOT_SETTLED("they make %,d GPU-ms of it; its last hours are not in the ledger yet"),
        NONE("there are none: they were read by a release that did not keep them");

        private final String text;

        Verdict(String text) {
            this.text = text;
        }
    }

    RunExplanation {
        shares = List.copyOf(shares);
        hours = List.copyOf(hours);
        said = List.copyOf(said);
    }

    static RunExplanation of(RunDetail ledger, RunEvidence evidence, String runId) {
        String[] parts = runId.split("/", -1);
        List<RunEvidence.Said> said = List.of();
        Optional<Run> run = Optional.empty();
        if (parts.length == 3 && parts[1].matches("\\d{1,18}")) {
            long job = Long.parseLong(parts[1]);
            said = evidence.of(parts[0], job);
            run = RunEvidence.run(parts[0], job, runId, said);
        }
        return new RunExplanation(
                runId, ledger.shares(runId), ledger.hours(runId), said, run.orElse(null));
    }

    private static <T> long sum(List<T> items, ToLongFunction<T> amount) {
        return items.stream().mapToLong(amount).sum();
    }

    /** The hours sum to the shares. */
    boolean hoursAddUp() {
        return sum(hours, RunDetail.RunHour::heldMs) == sum(shares, RunDetail.Share::heldMs)
                && sum(hours, RunDetail.RunHour::chargedGpuUs)
                        == sum(shares, RunDetail.Share::chargedGpuUs);
    }

    Verdict verdict() {
        Run run = fromSnapshots;
        if (said.isEmpty()) {
            return Verdict.NONE;
        }
        int unstated = RunFlag.OPEN.bit() | RunFlag.END_ESTIMATED.bit();
        if (run == null || (run.flags() & unstated) != 0) {
            return Verdict.UNSTATED;
        }
        long held = sum(hours, RunDetail.RunHour::heldMs);
        if (held == heldGpuMs(run)) {
            return Verdict.ADDS_UP;
        }
        int flags = shares.stream().mapToInt(RunDetail.Share::flags).reduce(0, (a, b) -> a | b);
        boolean shards = run.holdings().stream().anyMatch(h -> h.shards() > 0);
        if ((flags & SHARED) != 0 || shards) {
            return Verdict.SHARED;
        }
        boolean partly = hours.isEmpty() || hours.stream().anyMatch(h -> h.learnedAt().isEmpty());
        return partly && held < heldGpuMs(run) ? Verdict.NOT_SETTLED : Verdict.DIFFERS;
    }

    private static long heldGpuMs(Run run) {
        return sum(run.holdings(), (Holding h) -> (h.endMs() - h.startMs()) * h.count());
    }

    boolean addsUp() {
        return hoursAddUp() && verdict() != Verdict.DIFFERS;
    }

    /** For people; of long lists the first {@code rows}. */
    void print(PrintWriter out, int rows) {
        out.printf("run %s%n%n", runId);
        TextTable amounts =
                new TextTable(
                        3,
                        List.of(
                                "grant",
                                "bucket",
                                "model",
                                "weight",
                                "GPU-ms",
                                "charged GPU-us",
                                "price of a GPU-hour",
                                "seen by DCGM"));
        for (RunDetail.Share s : shares) {
            amounts.add(
                    List.of(
                            s.grantId(),
                            s.bucket(),
                            s.model(),
                            "%.3f".formatted(s.weightMilli() / 1e3),
                            "%,d".formatted(s.gpuMs()),
                            "%,d".formatted(s.chargedGpuUs()),
                            s.price(),
                            s.gpuMs() == 0
                                    ? ""
                                    : "%.1f %%".formatted(100.0 * s.coveredMs() / s.gpuMs())));
        }
        out.print(amounts);
        out.println();
        printHours(out, rows);
        printAllocations(out, rows);
        printSnapshots(out, rows);
    }

    private void printHours(PrintWriter out, int rows) {
        TextTable table =
                new TextTable(
                        4,
                        List.of(
                                "slot",
                                "hour",
                                "came in",
                                "from",
                                "held GPU-ms",
                                "charged GPU-us",
                                "covered ms"));
        for (RunDetail.RunHour h : first(hours, rows)) {
            table.add(
                    List.of(
                            "%s/%s/%d".formatted(h.cluster(), h.host(), h.gpuIndex()),
                            h.hour(),
                            h.learnedAt().isEmpty() ? "only minutes yet" : h.learnedAt(),
                            readBy(h.inputDigest()),
                            "%,d".formatted(h.heldMs()),
                            "%,d".formatted(h.chargedGpuUs()),
                            "%,d".formatted(h.coveredMs())));
        }
        out.print(table);
        more(out, hours, rows);
        out.printf(
                "sum of the hours: %,d GPU-ms held, %,d GPU-us charged: %s%n%n",
                sum(hours, RunDetail.RunHour::heldMs),
                sum(hours, RunDetail.RunHour::chargedGpuUs),
                hoursAddUp() ? "the amounts above" : "NOT the amounts above");
    }

    private void printAllocations(PrintWriter out, int rows) {
        Run run = fromSnapshots;
        if (run == null) {
            return;
        }
        TextTable table = new TextTable(3, List.of("held", "from", "to", "GPUs", "ms"));
        for (Holding h : first(run.holdings(), rows)) {
            table.add(
                    List.of(
                            h.host().isEmpty()
                                    ? "host unknown"
                                    : h.gpuIndex() < 0 ? h.host() : h.host() + "/" + h.gpuIndex(),
                            Instant.ofEpochMilli(h.startMs()).toString(),
                            Instant.ofEpochMilli(h.endMs()).toString(),
                            Integer.toString(h.count()),
                            "%,d".formatted(h.endMs() - h.startMs())));
        }
        out.print(table);
        more(out, run.holdings(), rows);
        out.println();
    }

    private void printSnapshots(PrintWriter out, int rows) {
        if (!said.isEmpty()) {
            TextTable table =
                    new TextTable(
                            8,
                            List.of(
                                    "said by", "state", "start", "end", "first", "last", "origin",
                                    "read at"));
            for (RunEvidence.Said s : first(said, rows)) {
                JobSnapshotRecord r = s.record();
                table.add(
                        List.of(
                                r.getSource().name(),
                                r.getState(),
                                time(r.getStartMs()),
                                time(r.getEndMs()),
                                time(s.firstObservedMs()),
                                time(s.lastObservedMs()),
                                r.getOrigin(),
                                readAt(s)));
            }
            out.print(table);
            more(out, said, rows);
        }
        Run run = fromSnapshots;
        out.printf(
                "snapshots of the job: %s%n",
                verdict().text.formatted(run == null ? 0 : heldGpuMs(run)));
    }

    private static String readAt(RunEvidence.Said s) {
        if (s.readFrom().isEmpty()) {
            return "not kept";
        }
        return !s.inputDigest().equals(LIVE)
                ? readBy(s.inputDigest()) + ", record " + s.position()
                : "%s, partition %d, offset %d"
                        .formatted(s.readFrom(), s.partition(), s.position());
    }

    private static String readBy(String inputDigest) {
        return inputDigest.equals(LIVE)
                ? "live"
                : "backfill " + Long.toHexString(Long.parseUnsignedLong(inputDigest));
    }

    private static String time(@Nullable Long ms) {
        return ms == null ? "" : Instant.ofEpochMilli(ms).toString();
    }

    private static <T> List<T> first(List<T> all, int rows) {
        return all.subList(0, Math.min(rows, all.size()));
    }

    private static void more(PrintWriter out, List<?> all, int rows) {
        if (all.size() > rows) {
            out.printf("... and %,d more: --all lists them%n", all.size() - rows);
        }
    }

    /** For programs: everything. */
    ObjectNode json() {
        ObjectNode root = new ObjectMapper().createObjectNode();
        root.put("run_id", runId)
                .put("adds_up", addsUp())
                .put("hours_add_up", hoursAddUp())
                .put("snapshots_say", verdict().name());
        ArrayNode amounts = root.putArray("shares");
        for (RunDetail.Share s : shares) {
            amounts.addObject()
                    .put("grant_id", s.grantId())
                    .put("bucket", s.bucket())
                    .put("gpu_model", s.model())
                    .put("weight_milli", s.weightMilli())
                    .put("gpu_ms", s.gpuMs())
                    .put("charged_gpu_us", s.chargedGpuUs())
                    .put("covered_ms", s.coveredMs())
                    .put("price_per_gpu_hour", s.price());
        }
        ArrayNode ofHours = root.putArray("hours");
        for (RunDetail.RunHour h : hours) {
            ofHours.addObject()
                    .put("cluster", h.cluster())
                    .put("host", h.host())
                    .put("gpu_index", h.gpuIndex())
                    .put("hour", h.hour())
                    .put("learned_at", h.learnedAt())
                    .put("input_digest", h.inputDigest())
                    .put("gpu_ms", h.heldMs())
                    .put("charged_gpu_us", h.chargedGpuUs())
                    .put("covered_ms", h.coveredMs());
        }
        ArrayNode held = root.putArray("allocations");
        List<Holding> holdings = new ArrayList<>();
        if (fromSnapshots != null) {
            holdings.addAll(Objects.requireNonNull(fromSnapshots).holdings());
        }
        for (Holding h : holdings) {
            held.addObject()
                    .put("host", h.host())
                    .put("gpu_index", h.gpuIndex())
                    .put("count", h.count())
                    .put("shards", h.shards())
                    .put("start_ms", h.startMs())
                    .put("end_ms", h.endMs());
        }
        ArrayNode snapshots = root.putArray("snapshots");
        for (RunEvidence.Said s : said) {
            JobSnapshotRecord r = s.record();
            snapshots
                    .addObject()
                    .put("source", r.getSource().name())
                    .put("state", r.getState())
                    .put("start_ms", r.getStartMs())
                    .put("end_ms", r.getEndMs())
                    .put("first_observed_ms", s.firstObservedMs())
                    .put("last_observed_ms", s.lastObservedMs())
                    .put("origin", r.getOrigin())
                    .put("read_from", s.readFrom())
                    .put("partition", s.partition())
                    .put("position", s.position())
                    .put("input_digest", s.inputDigest());
        }
        return root;
    }
}

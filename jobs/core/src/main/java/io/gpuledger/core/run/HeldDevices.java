package io.gpuledger.core.run;

import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What is held where, in segments between resizes. */
record HeldDevices(List<Holding> holdings, int gpuCount, int flags) {

    static HeldDevices of(
            long startMs, long endMs, List<JobSnapshot> evidence, List<JobSnapshot> rows) {
        List<Holding> holdings = new ArrayList<>();
        int flags = 0;
        int maxCount = 0;
        Map<String, List<Integer>> prologs = prologIndices(evidence);
        for (Segment segment : segments(startMs, endMs, evidence, rows, prologs)) {
            if (segment.span().isEmpty()) {
                continue;
            }
            flags |= place(segment, prologs, holdings);
            maxCount = Math.max(maxCount, segment.count());
        }
        return new HeldDevices(List.copyOf(holdings), maxCount, flags);
    }

    private record Segment(
            Span span,
            List<String> nodes,
            int count,
            int shards,
            List<String> types,
            List<NodeDevices> devices) {}

    private static List<Segment> segments(
            long startMs,
            long endMs,
            List<JobSnapshot> evidence,
            List<JobSnapshot> rows,
            Map<String, List<Integer>> prologs) {
        List<Layouts.Layout> layouts = Layouts.of(startMs, endMs, evidence, rows);
        List<Segment> segments = new ArrayList<>();
        for (int i = 0; i < layouts.size(); i++) {
            Layouts.Layout layout = layouts.get(i);
            long to = i + 1 < layouts.size() ? layouts.get(i + 1).fromMs() : endMs;
            long from = Math.min(layout.fromMs(), endMs);
            Span span = new Span(from, Math.max(from, Math.min(to, endMs)));
            segments.add(
                    layout.said() == null
                            ? hookSegment(span, layout.nodes(), prologs)
                            : segment(span, layout.nodes(), layout.said(), evidence));
        }
        return segments;
    }

    /** Only prologs saw these nodes: their cards are all there is to know. */
    private static Segment hookSegment(
            Span span, List<String> nodes, Map<String, List<Integer>> prologs) {
        int count = 0;
        for (String node : nodes) {
            count += prologs.getOrDefault(node, List.of()).size();
        }
        return new Segment(span, nodes, count, 0, List.of(), List.of());
    }

    private static Segment segment(
            Span span, List<String> nodes, JobSnapshot row, List<JobSnapshot> evidence) {
        Set<String> wanted = new HashSet<>(nodes);
        JobSnapshot detailed = null;
        for (JobSnapshot s : evidence) {
            if (s.source() == JobSource.CONTROLLER
                    && !s.devices().isEmpty()
                    && s.nodes() != null
                    && wanted.equals(new HashSet<>(s.nodes()))
                    && (detailed == null || JobSnapshot.RECENCY.compare(s, detailed) > 0)) {
                detailed = s;
            }
        }
        List<NodeDevices> devices = detailed == null ? List.of() : detailed.devices();
        int stated = devices.stream().filter(HeldDevices::isGpu).mapToInt(NodeDevices::count).sum();
        Integer best =
                row.gpuCount() != null
                        ? row.gpuCount()
                        : Trust.best(evidence, JobSnapshot::gpuCount);
        int count = best == null ? stated : Math.max(best, 0);
        // Accounting without GPU TRES on a site that does not track it: the controller's detail
        // counts.
        if (count == 0 && stated > 0) {
            count = stated;
        }
        Integer shards =
                row.shardCount() != null
                        ? row.shardCount()
                        : Trust.best(evidence, JobSnapshot::shardCount);
        return new Segment(
                span, nodes, count, shards == null ? 0 : shards, row.gpuTypes(), devices);
    }

    private static boolean isGpu(NodeDevices d) {
        return d.kind().equals(NodeDevices.GPU);
    }

    /** Explicit indices first, prologs for hosts the polls missed, the rest by count. */
    private static int place(
            Segment segment, Map<String, List<Integer>> prologs, List<Holding> holdings) {
        Span span = segment.span();
        int flags = 0;
        String type = segment.types().size() == 1 ? segment.types().get(0) : "";
        int placed = 0;
        Map<String, Integer> countByHost = new HashMap<>();
        Set<String> indexed = new HashSet<>();
        for (NodeDevices d : segment.devices()) {
            if (isGpu(d)) {
                countByHost.merge(d.host(), d.count(), Integer::sum);
            }
            for (int i = 0; i < d.indices().size(); i++) {
                indexed.add(d.host());
                int shards = 0;
                if (!isGpu(d)) {
                    shards =
                            d.indexCounts().size() == d.indices().size()
                                    ? d.indexCounts().get(i)
                                    : spread(d.count(), d.indices().size(), i);
                } else {
                    placed++;
                }
                holdings.add(
                        new Holding(
                                d.host(),
                                d.indices().get(i),
                                d.gresType().isEmpty() ? type : d.gresType(),
                                shards,
                                1,
                                span.startMs(),
                                span.endMs()));
            }
        }
        Map<String, Integer> placedByProlog = new HashMap<>();
        for (String node : segment.nodes()) {
            if (indexed.contains(node)) {
                continue;
            }
            List<Integer> indices = prologs.getOrDefault(node, List.of());
            if (segment.count() > 0) {
                int room = segment.count() - placed;
                for (int index : indices.subList(0, Math.min(room, indices.size()))) {
                    holdings.add(
                            new Holding(node, index, type, 0, 1, span.startMs(), span.endMs()));
                    placed++;
                    placedByProlog.merge(node, 1, Integer::sum);
                }
            } else if (segment.shards() > 0 && !indices.isEmpty()) {
                for (int i = 0; i < indices.size(); i++) {
                    holdings.add(
                            new Holding(
                                    node,
                                    indices.get(i),
                                    type,
                                    spread(segment.shards(), indices.size(), i),
                                    1,
                                    span.startMs(),
                                    span.endMs()));
                }
            }
        }
        int rest = segment.count() - placed;
        if (rest <= 0) {
            return flags;
        }
        List<String> open = new ArrayList<>();
        for (String node : segment.nodes()) {
            if (!indexed.contains(node) && !placedByProlog.containsKey(node)) {
                open.add(node);
            }
        }
        if (open.isEmpty()) {
            open = segment.nodes();
        }
        if (open.size() == 1) {
            holdings.add(new Holding(open.get(0), -1, type, 0, rest, span.startMs(), span.endMs()));
        } else if (!open.isEmpty() && rest % open.size() == 0) {
            for (String node : open) {
                holdings.add(
                        new Holding(
                                node,
                                -1,
                                type,
                                0,
                                rest / open.size(),
                                span.startMs(),
                                span.endMs()));
            }
            flags |= RunFlag.SPLIT_ASSUMED.bit();
        } else {
            holdings.add(new Holding("", -1, type, 0, rest, span.startMs(), span.endMs()));
        }
        return flags;
    }

    private static int spread(int total, int parts, int part) {
        return total * (part + 1) / parts - total * part / parts;
    }

    /**
     * What the latest prolog of each node shows: one pass, for a job may have thousands of them.
     */
    private static Map<String, List<Integer>> prologIndices(List<JobSnapshot> evidence) {
        Map<String, JobSnapshot> latest = new HashMap<>();
        for (JobSnapshot s : evidence) {
            if (s.source() == JobSource.PROLOG && s.nodes() != null && !s.devices().isEmpty()) {
                for (String node : s.nodes()) {
                    latest.merge(node, s, HeldDevices::later);
                }
            }
        }
        Map<String, List<Integer>> indices = new HashMap<>();
        latest.forEach((node, s) -> indices.put(node, s.devices().get(0).indices()));
        return indices;
    }

    private static JobSnapshot later(JobSnapshot first, JobSnapshot other) {
        return JobSnapshot.RECENCY.compare(other, first) > 0 ? other : first;
    }
}

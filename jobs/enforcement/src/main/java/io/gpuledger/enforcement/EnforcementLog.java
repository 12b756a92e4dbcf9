package io.gpuledger.enforcement;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.core.enforcement.Association;
import io.gpuledger.core.enforcement.Limits;
import io.gpuledger.core.enforcement.Mark;
import io.gpuledger.core.enforcement.Measure;
import io.gpuledger.sql.Warehouse;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What was done, in ClickHouse: for auditors, and for an enforcer that starts again. */
public final class EnforcementLog {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** How far something came. */
    public enum Outcome {
        /** Written before it is tried: an enforcer that dies then knows what to bring back. */
        BEGUN,
        DONE,
        DRY_RUN,
        FAILED
    }

    /** One row. */
    public record Entry(
            long recordedAtUs,
            String cluster,
            Association association,
            String grantId,
            long sequence,
            Measure measure,
            Limits before,
            Limits after,
            Limits original,
            Outcome outcome,
            String command,
            String detail,
            String actor) {
        Entry ended(long atUs, Outcome how, String what) {
            return new Entry(
                    atUs,
                    cluster,
                    association,
                    grantId,
                    sequence,
                    measure,
                    before,
                    after,
                    original,
                    how,
                    command,
                    what,
                    actor);
        }
    }

    private final Warehouse warehouse;

    public EnforcementLog(Warehouse warehouse) {
        this.warehouse = warehouse;
    }

    /** Adds a row. */
    public void add(Entry e) {
        ObjectNode row =
                JSON.createObjectNode()
                        .put(
                                "recorded_at",
                                "%d.%06d"
                                        .formatted(
                                                Math.floorDiv(e.recordedAtUs(), 1_000_000L),
                                                Math.floorMod(e.recordedAtUs(), 1_000_000L)))
                        .put("cluster", e.cluster())
                        .put("account", e.association().account())
                        .put("user", e.association().user())
                        .put("grant_id", e.grantId())
                        .put("sequence", e.sequence())
                        .put("measure", e.measure().name())
                        .put("before_gpus", e.before().gpus())
                        .put("before_submitted", e.before().submitted())
                        .put("after_gpus", e.after().gpus())
                        .put("after_submitted", e.after().submitted())
                        .put("original_gpus", e.original().gpus())
                        .put("original_submitted", e.original().submitted())
                        .put("outcome", e.outcome().name())
                        .put("command", e.command())
                        .put("detail", e.detail())
                        .put("actor", e.actor());
        warehouse.insert("enforcement_log", List.of(row));
    }

    /** What holds in a cluster by the last that was done or begun; the untouched are left out. */
    public Map<Association, Mark> marks(String cluster) {
        Map<Association, Mark> marks = new TreeMap<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT account, user, argMax(measure, recorded_at) AS held,
                            argMax(original_gpus, recorded_at),
                            argMax(original_submitted, recorded_at),
                            argMax(outcome, recorded_at) AS how
                        FROM enforcement_log
                        WHERE cluster = {cluster:String} AND outcome IN ('BEGUN', 'DONE')
                        GROUP BY account, user HAVING held != 'NONE' OR how = 'BEGUN'
                        """,
                        Map.of("cluster", cluster))) {
            Association association = new Association(row.get(0), row.get(1));
            marks.put(
                    association,
                    new Mark(
                            association,
                            Measure.valueOf(row.get(2)),
                            new Limits(Long.parseLong(row.get(3)), Long.parseLong(row.get(4))),
                            row.get(5).equals("DONE")));
        }
        return marks;
    }
}

package io.gpuledger.sql;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Reads what the quota job wrote. Amounts are charged GPU microseconds. */
public final class QuotaQuery {
    private static final String LINE_BREAK = "\u001e";

    private final Warehouse warehouse;

    public QuotaQuery(Warehouse warehouse) {
        this.warehouse = warehouse;
    }

    /** How a grant stands; instants are epoch milliseconds, -1 for never. */
    public record Standing(
            String grantId,
            long asOfMs,
            String state,
            String action,
            boolean dryRun,
            long sequence,
            boolean limited,
            long termStartMs,
            long termEndMs,
            long budgetGpuUs,
            long usedGpuUs,
            long settledGpuUs,
            long runningGpuUs,
            long committedGpuUs,
            long lapsedGpuUs,
            long runningGpuMilli,
            long openRuns,
            long burntGpuUs,
            long burnWindowMs,
            long exhaustsRunningMs,
            long exhaustsTrailingMs,
            long registryVersion,
            List<Line> lines) {
        public Standing {
            lines = List.copyOf(lines);
        }

        /** Nothing may be used of it now. */
        public boolean isUsedUp() {
            return state.equals("EXHAUSTED") || state.equals("EXPIRED");
        }
    }

    /** A line of a budget, in the order in which they burn. */
    public record Line(
            long fromMs,
            long expiresMs,
            long givenGpuUs,
            long burntGpuUs,
            long lapsedGpuUs,
            String note) {}

    /** A published decision. */
    public record Decided(
            long sequence,
            String state,
            String action,
            long effectiveAtMs,
            long decidedAtMs,
            long budgetGpuUs,
            long settledGpuUs,
            long runningGpuUs,
            boolean dryRun,
            String reason) {}

    /**
     * All grants, or one.
     *
     * @param grantId empty for all
     */
    public List<Standing> standings(String grantId) {
        List<Standing> standings = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT grant_id, as_of_ms, state, action, dry_run, sequence, limited,
                            term_start_ms, term_end_ms, budget_gpu_us, used_gpu_us, settled_gpu_us,
                            running_gpu_us, committed_gpu_us, lapsed_gpu_us, running_gpu_milli,
                            open_runs, burnt_gpu_us, burn_window_ms, exhausts_running_ms,
                            exhausts_trailing_ms, registry_version,
                            arrayStringConcat(arrayMap(x -> toString(x), `lines.from_ms`), ','),
                            arrayStringConcat(arrayMap(x -> toString(x), `lines.expires_ms`), ','),
                            arrayStringConcat(arrayMap(x -> toString(x), `lines.given_gpu_us`), ','),
                            arrayStringConcat(arrayMap(x -> toString(x), `lines.burnt_gpu_us`), ','),
                            arrayStringConcat(arrayMap(x -> toString(x), `lines.lapsed_gpu_us`), ','),
                            arrayStringConcat(`lines.note`, char(30))
                        FROM quota_state_current
                        WHERE {grant:String} = '' OR grant_id = {grant:String}
                        ORDER BY grant_id
                        """,
                        Map.of("grant", grantId))) {
            standings.add(standing(row));
        }
        return standings;
    }

    private static Standing standing(List<String> row) {
        return new Standing(
                row.get(0),
                number(row, 1),
                row.get(2),
                row.get(3),
                number(row, 4) != 0,
                number(row, 5),
                number(row, 6) != 0,
                number(row, 7),
                number(row, 8),
                number(row, 9),
                number(row, 10),
                number(row, 11),
                number(row, 12),
                number(row, 13),
                number(row, 14),
                number(row, 15),
                number(row, 16),
                number(row, 17),
                number(row, 18),
                number(row, 19),
                number(row, 20),
                number(row, 21),
                lines(row));
    }

    private static List<Line> lines(List<String> row) {
        List<Line> lines = new ArrayList<>();
        if (row.get(22).isEmpty()) {
            return lines;
        }
        List<List<String>> columns = new ArrayList<>();
        for (int i = 22; i < 27; i++) {
            columns.add(List.of(row.get(i).split(",", -1)));
        }
        List<String> notes = List.of(row.get(27).split(LINE_BREAK, -1));
        for (int i = 0; i < notes.size(); i++) {
            int at = i;
            List<Long> n = columns.stream().map(c -> Long.parseLong(c.get(at))).toList();
            lines.add(new Line(n.get(0), n.get(1), n.get(2), n.get(3), n.get(4), notes.get(i)));
        }
        return lines;
    }

    /** The decisions on a grant, the last first. */
    public List<Decided> decisions(String grantId) {
        List<Decided> decisions = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT sequence, state, action, effective_at_ms, decided_at_ms, budget_gpu_us,
                            settled_gpu_us, running_gpu_us, dry_run, reason
                        FROM quota_decisions_current
                        WHERE grant_id = {grant:String}
                        ORDER BY sequence DESC
                        """,
                        Map.of("grant", grantId))) {
            decisions.add(
                    new Decided(
                            number(row, 0),
                            row.get(1),
                            row.get(2),
                            number(row, 3),
                            number(row, 4),
                            number(row, 5),
                            number(row, 6),
                            number(row, 7),
                            number(row, 8) != 0,
                            row.get(9)));
        }
        return decisions;
    }

    private static long number(List<String> row, int column) {
        return Long.parseLong(row.get(column));
    }
}

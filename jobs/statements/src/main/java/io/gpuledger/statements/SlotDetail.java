package io.gpuledger.statements;

import io.gpuledger.sql.Warehouse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What the ledger has, and had, of a slot in an hour. */
public final class SlotDetail {
    private static final String HOLDERS =
            """
            arrayStringConcat(arrayMap((b, r, g, m) -> concat(b, if(r = '', '', concat(' ', r)), if(g = '', '', concat(' of ', g)), ' ', toString(m), ' ms'),
                holders.bucket, holders.run_id, holders.grant_id, holders.gpu_ms), '; ')
            """;

    private final Warehouse warehouse;

    public SlotDetail(Warehouse warehouse) {
        this.warehouse = warehouse;
    }

    /**
     * One version of an hour of a slot.
     *
     * @param learnedAt when it came in
     * @param heldMs allocated and suspended, of all runs
     * @param inputDigest 0 of the live job, else of the inputs of the backfill that wrote it
     */
    public record HourVersion(
            String cluster,
            String host,
            int gpuIndex,
            String hour,
            String revision,
            String learnedAt,
            boolean current,
            String holders,
            long heldMs,
            long chargedGpuUs,
            long coveredMs,
            String inputDigest) {}

    /** Every version of the hour of a slot, the last one first. */
    public List<HourVersion> versions(String cluster, String host, int gpuIndex, long atMs) {
        List<HourVersion> all = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT
                            cluster, host, gpu_index, formatDateTime(window_start, '%%FT%%TZ', 'UTC'), revision,
                            formatDateTime(inserted_at, '%%FT%%TZ', 'UTC'),
                            %s,
                            arraySum((m, b) -> if(b IN ('ALLOCATED', 'SUSPENDED'), m, 0), holders.gpu_ms, holders.bucket),
                            arraySum(holders.charged_gpu_us), arraySum(holders.covered_ms), input_digest
                        FROM usage_hour_log
                        WHERE cluster = {cluster:String} AND host = {host:String} AND gpu_index = {gpu:Int16}
                          AND window_start = toStartOfHour(toDateTime({at:Int64}, 'UTC'))
                        ORDER BY revision DESC, inserted_at DESC
                        """
                                .formatted(HOLDERS),
                        slotAt(cluster, host, gpuIndex, atMs))) {
            all.add(
                    new HourVersion(
                            row.get(0),
                            row.get(1),
                            Integer.parseInt(row.get(2)),
                            row.get(3),
                            row.get(4),
                            row.get(5),
                            all.isEmpty(),
                            row.get(6),
                            Long.parseLong(row.get(7)),
                            Long.parseLong(row.get(8)),
                            Long.parseLong(row.get(9)),
                            row.get(10)));
        }
        return all;
    }

    /**
     * A minute of a slot as now known.
     *
     * @param minute ISO 8601
     * @param existsMs of the slot: what its holders sum to
     */
    public record Minute(
            String minute, String holders, long existsMs, long heldMs, long chargedGpuUs) {}

    /** The minutes of the hour of a slot; none where there is no row of them. */
    public List<Minute> minutes(String cluster, String host, int gpuIndex, long atMs) {
        return warehouse
                .query(
                        """
                        SELECT
                            formatDateTime(window_start, '%%FT%%TZ', 'UTC'),
                            %s,
                            arraySum(holders.gpu_ms),
                            arraySum((m, b) -> if(b IN ('ALLOCATED', 'SUSPENDED'), m, 0), holders.gpu_ms, holders.bucket),
                            arraySum(holders.charged_gpu_us)
                        FROM usage_minute FINAL
                        WHERE cluster = {cluster:String} AND host = {host:String} AND gpu_index = {gpu:Int16}
                          AND unplaced_run = ''
                          AND toStartOfHour(window_start) = toStartOfHour(toDateTime({at:Int64}, 'UTC'))
                        ORDER BY window_start
                        """
                                .formatted(HOLDERS),
                        slotAt(cluster, host, gpuIndex, atMs))
                .stream()
                .map(
                        row ->
                                new Minute(
                                        row.get(0),
                                        row.get(1),
                                        Long.parseLong(row.get(2)),
                                        Long.parseLong(row.get(3)),
                                        Long.parseLong(row.get(4))))
                .toList();
    }

    private static Map<String, String> slotAt(
            String cluster, String host, int gpuIndex, long atMs) {
        return Map.of(
                "cluster",
                cluster,
                "host",
                host,
                "gpu",
                Integer.toString(gpuIndex),
                "at",
                Long.toString(Math.floorDiv(atMs, 1_000)));
    }
}

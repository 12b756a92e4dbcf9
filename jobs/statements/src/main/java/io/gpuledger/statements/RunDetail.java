package io.gpuledger.statements;

import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.PriceList;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.sql.Warehouse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What the ledger has of a run, as now known. */
public final class RunDetail {
    /**
     * The last versions of the hours in which a run is; where an hour is not written yet its
     * minutes, as usage reads them.
     */
    private static final String ROWS_OF_RUN =
            """
            WITH
                splitByChar('/', {run:String})[1] AS its_cluster,
                (
                    SELECT toDateTime(greatest(toInt64(toUnixTimestamp(max(window_start))) - 10800, 0), 'UTC')
                    FROM usage_hour_log WHERE cluster = its_cluster
                ) AS unwritten_from,
                of_run AS
                (
                    SELECT cluster, host, gpu_index, unplaced_run, window_start, gpu_model, input_digest, inserted_at, 1 AS is_hour,
                        holders.bucket AS b, holders.grant_id AS g, holders.run_id AS r, holders.gpu_ms AS m,
                        holders.charged_gpu_us AS c, holders.covered_ms AS v, holders.flags AS f
                    FROM usage_hour_log
                    WHERE (cluster, host, gpu_index, unplaced_run, window_start) IN
                    (
                        SELECT cluster, host, gpu_index, unplaced_run, window_start
                        FROM usage_hour_log WHERE has(holders.run_id, {run:String})
                    )
                    ORDER BY cluster, host, gpu_index, unplaced_run, window_start, revision DESC, inserted_at DESC
                    LIMIT 1 BY cluster, host, gpu_index, unplaced_run, window_start
                    UNION ALL
                    SELECT cluster, host, gpu_index, unplaced_run, window_start, gpu_model, input_digest, toDateTime64(0, 3, 'UTC'), 0,
                        holders.bucket, holders.grant_id, holders.run_id, holders.gpu_ms,
                        holders.charged_gpu_us, holders.covered_ms, holders.flags
                    FROM usage_minute FINAL
                    WHERE cluster = its_cluster AND window_start >= unwritten_from AND has(holders.run_id, {run:String})
                      AND (host, gpu_index, unplaced_run, toStartOfHour(window_start)) NOT IN
                      (
                          SELECT host, gpu_index, unplaced_run, window_start
                          FROM usage_hour_log WHERE cluster = its_cluster AND window_start >= unwritten_from
                      )
                )
            """;

    private final Warehouse warehouse;
    private final AppliedRegistries registries;

    public RunDetail(Warehouse warehouse) {
        this.warehouse = warehouse;
        registries = new AppliedRegistries(warehouse);
    }

    /**
     * What a run had of a grant in a bucket with a weight, as now known.
     *
     * @param weightMilli as in {@link Explanation.Key}
     * @param flags bits of {@link io.gpuledger.core.run.RunFlag}
     * @param price of a GPU-hour of the model by the registry in force, at the first of its hours;
     *     empty where the grant has no price list
     */
    public record Share(
            String grantId,
            String bucket,
            long weightMilli,
            String model,
            long gpuMs,
            long chargedGpuUs,
            long coveredMs,
            int flags,
            String price) {
        /** The part of it that held the GPU. */
        public long heldMs() {
            return bucket.equals("ALLOCATED") || bucket.equals("SUSPENDED") ? gpuMs : 0;
        }
    }

    /** Of a run by grant, bucket and weight. */
    public List<Share> shares(String runId) {
        Registry registry = registries.latest();
        List<Share> shares = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        ROWS_OF_RUN
                                + """
                        SELECT grant_id, bucket, if(gpu_ms = 0, 0, intDiv(charged, gpu_ms)) AS weight, gpu_model,
                            sum(gpu_ms), sum(charged), sum(covered), groupBitOr(flags), toUnixTimestamp(min(window_start))
                        FROM of_run
                        ARRAY JOIN b AS bucket, g AS grant_id, r AS run_id, m AS gpu_ms, c AS charged, v AS covered, f AS flags
                        WHERE run_id = {run:String}
                        GROUP BY grant_id, bucket, weight, gpu_model
                        ORDER BY grant_id, bucket, weight, gpu_model
                        """,
                        Map.of("run", runId))) {
            shares.add(
                    new Share(
                            row.get(0),
                            row.get(1),
                            Long.parseLong(row.get(2)),
                            row.get(3),
                            Long.parseLong(row.get(4)),
                            Long.parseLong(row.get(5)),
                            Long.parseLong(row.get(6)),
                            Integer.parseInt(row.get(7)),
                            price(
                                    registry,
                                    row.get(0),
                                    row.get(3),
                                    Long.parseLong(row.get(8)) * 1_000)));
        }
        return shares;
    }

    private static String price(Registry registry, String grantId, String model, long atMs) {
        Optional<PriceList> list =
                registry.grant(grantId).map(Grant::priceList).flatMap(registry::priceList);
        return list.flatMap(prices -> prices.at(model, atMs))
                .map(p -> p.perGpuHour().toPlainString() + " " + list.get().currency())
                .orElse("");
    }

    /**
     * What a run had of a slot in an hour, as now known.
     *
     * @param learnedAt when the hour came in, empty while there are only its minutes
     */
    public record RunHour(
            String cluster,
            String host,
            int gpuIndex,
            String hour,
            String learnedAt,
            long heldMs,
            long chargedGpuUs,
            long coveredMs,
            String inputDigest) {}

    /** Hours of a run as now known, by slot and time. */
    public List<RunHour> hours(String runId) {
        return warehouse
                .query(
                        ROWS_OF_RUN
                                + """
                        SELECT cluster, host, gpu_index, formatDateTime(toStartOfHour(window_start), '%FT%TZ', 'UTC') AS hour,
                            if(is_hour, formatDateTime(max(inserted_at), '%FT%TZ', 'UTC'), ''),
                            sum(arraySum((n, s, k) -> if(s = {run:String} AND k IN ('ALLOCATED', 'SUSPENDED'), n, 0), m, r, b)),
                            sum(arraySum((n, s) -> if(s = {run:String}, n, 0), c, r)),
                            sum(arraySum((n, s) -> if(s = {run:String}, n, 0), v, r)),
                            max(input_digest)
                        FROM of_run
                        WHERE has(r, {run:String})
                        GROUP BY cluster, host, gpu_index, unplaced_run, hour, is_hour
                        ORDER BY cluster, host, gpu_index, unplaced_run, hour
                        """,
                        Map.of("run", runId))
                .stream()
                .map(
                        row ->
                                new RunHour(
                                        row.get(0),
                                        row.get(1),
                                        Integer.parseInt(row.get(2)),
                                        row.get(3),
                                        row.get(4),
                                        Long.parseLong(row.get(5)),
                                        Long.parseLong(row.get(6)),
                                        Long.parseLong(row.get(7)),
                                        row.get(8)))
                .toList();
    }
}

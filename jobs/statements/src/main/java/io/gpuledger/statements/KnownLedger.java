package io.gpuledger.statements;

import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.statement.Cuts;
import io.gpuledger.core.statement.Knowledge;
import io.gpuledger.core.statement.KnownUsage;
import io.gpuledger.core.statement.Period;
import io.gpuledger.sql.Warehouse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The ledger as it was at an instant. Of each hour it is the highest revision of those that had
 * come in by then: a revision says which version stands, not when it was learned. Versions of an
 * hour lie together, so one is decided before the next is read: by {@code argMax} it is three times
 * slower.
 */
final class KnownLedger {
    private final Warehouse warehouse;

    KnownLedger(Warehouse warehouse) {
        this.warehouse = warehouse;
    }

    /**
     * All usage that has a grant, up to the end of a period.
     *
     * @param registryVersion of the registry in force at the instant
     */
    Knowledge at(long knownAtMs, long registryVersion, Registry registry, Period last) {
        List<String> earliest =
                warehouse
                        .query(
                                "SELECT count(), toUnixTimestamp(min(window_start)) FROM usage_hour_log",
                                Map.of())
                        .get(0);
        Period first = last;
        if (!earliest.get(0).equals("0")) {
            Period at = Period.at(Long.parseLong(earliest.get(1)) * 1_000, last.zone());
            first = at.compareTo(last) < 0 ? at : last;
        }
        String cuts =
                Cuts.of(registry, first, last).stream()
                        .map(ms -> Long.toString(ms / 1_000))
                        .collect(Collectors.joining(",", "[", "]"));
        List<KnownUsage> usage = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        WITH known AS
                        (
                            SELECT
                                cluster,
                                window_start,
                                gpu_model,
                                holders.bucket AS buckets,
                                holders.grant_id AS grants,
                                holders.gpu_ms AS times,
                                holders.charged_gpu_us AS charges
                            FROM usage_hour_log
                            WHERE inserted_at <= fromUnixTimestamp64Milli({known:Int64}, 'UTC')
                              AND window_start < toDateTime({until:Int64}, 'UTC')
                            ORDER BY cluster, host, gpu_index, unplaced_run, window_start, revision DESC, inserted_at DESC
                            LIMIT 1 BY cluster, host, gpu_index, unplaced_run, window_start
                        )
                        SELECT
                            grant_id,
                            cluster,
                            gpu_model,
                            roundDown(toInt64(toUnixTimestamp(window_start)), {cuts:Array(Int64)}) AS from_s,
                            sumIf(gpu_ms, bucket IN ('ALLOCATED', 'SUSPENDED')) AS held,
                            sum(charged_gpu_us) AS charged
                        FROM known
                        ARRAY JOIN
                            buckets AS bucket,
                            grants AS grant_id,
                            times AS gpu_ms,
                            charges AS charged_gpu_us
                        WHERE grant_id != ''
                        GROUP BY grant_id, cluster, gpu_model, from_s
                        HAVING held != 0 OR charged != 0
                        """,
                        Map.of(
                                "known",
                                Long.toString(knownAtMs),
                                "until",
                                Long.toString(last.span().endMs() / 1_000),
                                "cuts",
                                cuts))) {
            usage.add(
                    new KnownUsage(
                            row.get(0),
                            row.get(1),
                            row.get(2),
                            Long.parseLong(row.get(3)) * 1_000,
                            Long.parseLong(row.get(4)),
                            Long.parseLong(row.get(5))));
        }
        return Knowledge.of(knownAtMs, registryVersion, registry, usage);
    }
}

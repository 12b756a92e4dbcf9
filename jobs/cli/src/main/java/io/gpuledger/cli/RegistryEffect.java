package io.gpuledger.cli;

import io.gpuledger.core.registry.Charging;
import io.gpuledger.core.registry.Recharge;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.ChargeSubject;
import io.gpuledger.sql.Warehouse;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What a registry would make of the usage in the ledger, computed from its minute rows and written
 * nowhere.
 */
final class RegistryEffect {
    /** Everything that the ledger can hold. */
    static final Span ALL_TIME = new Span(0, 4_102_444_800_000L);

    private final Warehouse warehouse;
    private final ZoneId zone;

    RegistryEffect(Warehouse warehouse, ZoneId zone) {
        this.warehouse = warehouse;
        this.zone = zone;
    }

    /** Grants and months in the zone; those that do not differ too. */
    List<Recharge.Line> of(Registry registry, Span span) {
        return Recharge.of(usage(registry, span), new Charging(registry));
    }

    /** Summed between the registry's dates: within them no charge changes. */
    private List<Recharge.Usage> usage(Registry registry, Span span) {
        List<Long> cuts = new ArrayList<>();
        cuts.add(span.startMs() / 1000);
        for (long date : registry.chargeDates()) {
            if (span.startMs() < date && date < span.endMs()) {
                cuts.add(date / 1000);
            }
        }
        List<Recharge.Usage> usage = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT cluster, account, user, partition, qos, gpu_model, bucket,
                            multiIf(
                                run_id IN (SELECT run_id FROM runs FINAL WHERE state = 'NODE_FAIL' AND withdrawn = 0), 'NODE_FAIL',
                                run_id IN (SELECT run_id FROM runs FINAL WHERE state = 'BOOT_FAIL' AND withdrawn = 0), 'BOOT_FAIL',
                                '') AS end_state,
                            roundDown(toInt64(toUnixTimestamp(window_start)), {cuts:Array(Int64)}) AS since,
                            formatDateTime(window_start, '%Y-%m', {zone:String}) AS month,
                            grant_id, sum(gpu_ms), sum(charged_gpu_us)
                        FROM usage_minute_current
                        WHERE bucket IN ('ALLOCATED', 'SUSPENDED', 'OVERHEAD')
                          AND window_start >= toDateTime({from:Int64}, 'UTC')
                          AND window_start < toDateTime({to:Int64}, 'UTC')
                        GROUP BY cluster, account, user, partition, qos, gpu_model, bucket, end_state, since, month, grant_id
                        """,
                        Map.of(
                                "cuts",
                                cuts.stream()
                                        .map(String::valueOf)
                                        .collect(Collectors.joining(",", "[", "]")),
                                "zone",
                                zone.getId(),
                                "from",
                                Long.toString(span.startMs() / 1000),
                                "to",
                                Long.toString(span.endMs() / 1000)))) {
            usage.add(
                    new Recharge.Usage(
                            new ChargeSubject(
                                    row.get(0),
                                    row.get(1),
                                    row.get(2),
                                    row.get(3),
                                    row.get(4),
                                    row.get(5),
                                    Bucket.valueOf(row.get(6)),
                                    row.get(7)),
                            Long.parseLong(row.get(8)) * 1000,
                            row.get(9),
                            row.get(10),
                            Long.parseLong(row.get(11)),
                            Long.parseLong(row.get(12))));
        }
        return usage;
    }
}

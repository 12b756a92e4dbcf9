package io.gpuledger.cli;

import io.gpuledger.core.registry.Recharge;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.registry.StoredCharge;
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

    /** What the ledger has of each run that a charge may depend on; for {@link #facts}. */
    static final String RUN_FACTS =
            """
            SELECT run_id, if(state IN ('NODE_FAIL', 'BOOT_FAIL'), state, '') AS end_state,
                arrayStringConcat(gpu_types, '|') AS types, 1 AS known
            FROM runs FINAL WHERE withdrawn = 0
            """;

    private final Warehouse warehouse;
    private final ZoneId zone;

    /**
     * Usage of one host and day.
     *
     * @param host empty for devices whose host is unknown
     */
    record Place(String cluster, String host, long dayMs) {}

    /** Usage and where it is. */
    record Placed(Place place, Recharge.Usage usage) {}

    RegistryEffect(Warehouse warehouse, ZoneId zone) {
        this.warehouse = warehouse;
        this.zone = zone;
    }

    /** Grants and months in the zone; those that do not differ too. */
    Recharge.Effect of(Registry registry, Span span) {
        return Recharge.of(
                usage(registry, span, "", false).stream().map(Placed::usage).toList(),
                new StoredCharge(registry));
    }

    /**
     * Summed between the registry's dates: within them no charge changes.
     *
     * @param cluster empty for all
     * @param byPlace host by host and UTC day by day, else the place is the same for all
     */
    List<Placed> usage(Registry registry, Span span, String cluster, boolean byPlace) {
        List<Long> cuts = new ArrayList<>();
        cuts.add(span.startMs() / 1000);
        for (long date : registry.chargeDates()) {
            if (span.startMs() < date && date < span.endMs()) {
                cuts.add(date / 1000);
            }
        }
        String place = byPlace ? "host, toStartOfDay(window_start)" : "'', toDateTime(0, 'UTC')";
        List<Placed> usage = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT cluster, account, user, partition, qos, gpu_model, bucket, end_state, types, known,
                            roundDown(toInt64(toUnixTimestamp(window_start)), {cuts:Array(Int64)}) AS since,
                            formatDateTime(window_start, '%%Y-%%m', {zone:String}) AS month,
                            grant_id, (%s) AS place, sum(gpu_ms), sum(charged_gpu_us),
                            place.1, toUnixTimestamp(place.2), gpu_index >= 0 AS placed
                        FROM usage_minute_current LEFT ANY JOIN (%s) AS facts USING run_id
                        WHERE bucket IN ('ALLOCATED', 'SUSPENDED', 'OVERHEAD')
                          AND window_start >= toDateTime({from:Int64}, 'UTC')
                          AND window_start < toDateTime({to:Int64}, 'UTC')
                          AND ({cluster:String} = '' OR cluster = {cluster:String})
                        GROUP BY cluster, account, user, partition, qos, gpu_model, bucket, end_state, types, known,
                            since, month, grant_id, place, placed
                        """
                                .formatted(place, RUN_FACTS),
                        Map.of(
                                "cuts",
                                cuts.stream()
                                        .map(String::valueOf)
                                        .collect(Collectors.joining(",", "[", "]")),
                                "zone",
                                zone.getId(),
                                "cluster",
                                cluster,
                                "from",
                                Long.toString(span.startMs() / 1000),
                                "to",
                                Long.toString(span.endMs() / 1000)))) {
            StoredCharge.RunFacts run = facts(row.subList(7, 10));
            usage.add(
                    new Placed(
                            new Place(row.get(0), row.get(16), Long.parseLong(row.get(17)) * 1000),
                            new Recharge.Usage(
                                    new ChargeSubject(
                                            row.get(0),
                                            row.get(1),
                                            row.get(2),
                                            row.get(3),
                                            row.get(4),
                                            row.get(5),
                                            Bucket.valueOf(row.get(6)),
                                            run.endState()),
                                    row.get(18).equals("1"),
                                    run,
                                    Long.parseLong(row.get(10)) * 1000,
                                    row.get(11),
                                    row.get(12),
                                    Long.parseLong(row.get(14)),
                                    Long.parseLong(row.get(15)))));
        }
        return usage;
    }

    /** End state, types and whether the run is known at all, as {@link #RUN_FACTS} has them. */
    static StoredCharge.RunFacts facts(List<String> cells) {
        String types = cells.get(1);
        boolean written = cells.get(2).equals("1") && !types.equals("?");
        return new StoredCharge.RunFacts(
                cells.get(0),
                !written || types.isEmpty() ? List.of() : List.of(types.split("\\|")),
                written);
    }
}

package io.gpuledger.cli;

import io.gpuledger.core.registry.Recharge;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.registry.StoredCharge;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.HourSum;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.sql.Warehouse;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntConsumer;

/**
 * Charges rows of the ledger anew, host by host and day by day. Hours are written before the
 * minutes that they sum: one that is killed in between finds the minutes again.
 */
final class Restatement {
    private static final long HOUR_MS = 3_600_000;
    private static final long DAY_MS = 24 * HOUR_MS;

    private final Warehouse warehouse;
    private final String cluster;
    private final StoredCharge charge;
    private final StoredRows minutes;
    private final StoredRows hours;
    private final Map<String, StoredCharge.RunFacts> runs = new HashMap<>();
    private final Registry registry;

    /** Rows that were written, or would be. */
    record Written(long minuteRows, long hourRows, long undecidedHours) {
        static final Written NOTHING = new Written(0, 0, 0);

        Written plus(Written more) {
            return new Written(
                    minuteRows + more.minuteRows,
                    hourRows + more.hourRows,
                    undecidedHours + more.undecidedHours);
        }
    }

    /**
     * What is to be done.
     *
     * @param places where rows differ
     * @param effect per grant and month, of minute rows
     */
    record Plan(Set<RegistryEffect.Place> places, Recharge.Effect effect) {}

    Restatement(Warehouse warehouse, String cluster, Registry registry) {
        this.warehouse = warehouse;
        this.cluster = cluster;
        this.registry = registry;
        charge = new StoredCharge(registry);
        minutes = new StoredRows(warehouse, SinkTable.USAGE_MINUTE);
        hours = new StoredRows(warehouse, SinkTable.USAGE_HOUR);
    }

    /** Looks at all rows of the span, and at the hours that have no minutes any more. */
    Plan plan(Span span, ZoneId zone) {
        List<RegistryEffect.Placed> usage =
                new RegistryEffect(warehouse, zone).usage(registry, span, cluster, true);
        Set<RegistryEffect.Place> places = new LinkedHashSet<>();
        for (RegistryEffect.Placed one : usage) {
            if (one.usage().differs(charge)) {
                places.add(one.place());
            }
        }
        places.addAll(hoursAlone(span));
        return new Plan(
                places,
                Recharge.of(usage.stream().map(RegistryEffect.Placed::usage).toList(), charge));
    }

    /** Hosts and days with hours whose minutes are gone. */
    private List<RegistryEffect.Place> hoursAlone(Span span) {
        List<RegistryEffect.Place> places = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT DISTINCT host, toUnixTimestamp(toStartOfDay(window_start))
                        FROM usage_hour FINAL
                        WHERE cluster = {cluster:String} AND notEmpty(holders.gpu_ms)
                          AND window_start >= toDateTime({from:Int64}, 'UTC')
                          AND window_start + 3600 <= toDateTime({to:Int64}, 'UTC')
                          AND (host, window_start) NOT IN (
                            SELECT host, toStartOfHour(window_start) FROM usage_minute
                            WHERE cluster = {cluster:String}
                              AND window_start >= toDateTime({from:Int64}, 'UTC')
                              AND window_start < toDateTime({to:Int64}, 'UTC')
                            GROUP BY 1, 2)
                        ORDER BY 1, 2
                        """,
                        bounds(span))) {
            places.add(
                    new RegistryEffect.Place(
                            cluster, row.get(0), Long.parseLong(row.get(1)) * 1000));
        }
        return places;
    }

    private Map<String, String> bounds(Span span) {
        return Map.of(
                "cluster", cluster,
                "from", Long.toString(span.startMs() / 1000),
                "to", Long.toString(span.endMs() / 1000));
    }

    /**
     * Charges the rows of the places anew.
     *
     * @param dryRun only counts them
     * @param progress told after each place how many are done
     */
    Written run(Set<RegistryEffect.Place> places, Span span, boolean dryRun, IntConsumer progress) {
        readRuns();
        Written written = Written.NOTHING;
        int done = 0;
        for (RegistryEffect.Place place : places) {
            Span day = new Span(place.dayMs(), place.dayMs() + DAY_MS).intersect(span);
            written = written.plus(day(place.host(), day, dryRun));
            progress.accept(++done);
        }
        return written;
    }

    private void readRuns() {
        for (List<String> row :
                warehouse.query(
                        RegistryEffect.RUN_FACTS + " AND cluster = {cluster:String}",
                        Map.of("cluster", cluster))) {
            runs.put(row.get(0), RegistryEffect.facts(row.subList(1, 4)));
        }
    }

    private record SlotHour(int gpuIndex, String unplacedRun, long hourMs) {
        static SlotHour of(UsageRow row) {
            return new SlotHour(
                    row.gpuIndex(),
                    row.unplacedRun(),
                    Math.floorDiv(row.windowStartMs(), HOUR_MS) * HOUR_MS);
        }
    }

    private Written day(String host, Span day, boolean dryRun) {
        Span whole =
                new Span(
                        Math.floorDiv(day.startMs(), HOUR_MS) * HOUR_MS,
                        -Math.floorDiv(-day.endMs(), HOUR_MS) * HOUR_MS);
        Map<SlotHour, List<UsageRow>> bySlotHour = new LinkedHashMap<>();
        Set<SlotHour> touched = new LinkedHashSet<>();
        List<StoredRows.Stored> newMinutes = new ArrayList<>();
        for (StoredRows.Stored stored : minutes.read(cluster, host, whole)) {
            UsageRow row = stored.row();
            if (day.contains(row.windowStartMs())) {
                row = charge.minute(row, runs).row();
            }
            if (!row.equals(stored.row())) {
                newMinutes.add(stored.followedBy(row));
                touched.add(SlotHour.of(row));
            }
            bySlotHour.computeIfAbsent(SlotHour.of(row), h -> new ArrayList<>()).add(row);
        }
        List<StoredRows.Stored> newHours = new ArrayList<>();
        long undecided = 0;
        for (StoredRows.Stored stored : hours.read(cluster, host, whole)) {
            SlotHour hour = SlotHour.of(stored.row());
            List<UsageRow> sums = bySlotHour.get(hour);
            UsageRow row = stored.row();
            if (sums == null
                    && new Span(hour.hourMs(), hour.hourMs() + HOUR_MS).intersect(day).lengthMs()
                            == HOUR_MS) {
                StoredCharge.Restated restated = charge.hour(row, runs);
                undecided += restated.undecided() > 0 ? 1 : 0;
                row = restated.row();
            } else if (sums != null && touched.contains(hour)) {
                row = HourSum.of(hour.hourMs(), sums).get(0);
            }
            if (!row.equals(stored.row())) {
                newHours.add(stored.followedBy(row));
            }
        }
        if (!dryRun) {
            hours.write(newHours);
            minutes.write(newMinutes);
        }
        return new Written(newMinutes.size(), newHours.size(), undecided);
    }
}

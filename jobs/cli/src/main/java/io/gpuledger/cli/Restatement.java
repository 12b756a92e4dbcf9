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
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntConsumer;

/**
 * Charges rows of the ledger anew, some hosts and an hour at once. Hours are written before the
 * minutes that they sum: one that is killed in between finds the minutes again.
 */
final class Restatement {
    private static final long HOUR_MS = 3_600_000;
    private static final long DAY_MS = 24 * HOUR_MS;

    /** An hour of them is read at once: 12 thousand minutes of 8 GPUs. */
    private static final int HOSTS_AT_ONCE = 24;

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
     * @param progress told after some places how many are done
     */
    Written run(Set<RegistryEffect.Place> places, Span span, boolean dryRun, IntConsumer progress) {
        readRuns();
        Written written = Written.NOTHING;
        int done = 0;
        Map<Long, List<String>> byDay = new LinkedHashMap<>();
        for (RegistryEffect.Place place : places) {
            byDay.computeIfAbsent(place.dayMs(), d -> new ArrayList<>()).add(place.host());
        }
        for (Map.Entry<Long, List<String>> entry : byDay.entrySet()) {
            Span day = new Span(entry.getKey(), entry.getKey() + DAY_MS).intersect(span);
            List<String> all = entry.getValue();
            for (int from = 0; from < all.size(); from += HOSTS_AT_ONCE) {
                List<String> hosts = all.subList(from, Math.min(from + HOSTS_AT_ONCE, all.size()));
                written = written.plus(day(hosts, day, dryRun));
                done += hosts.size();
                progress.accept(done);
            }
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

    private record Slot(String host, int gpuIndex, String unplacedRun) {
        static Slot of(UsageRow row) {
            return new Slot(row.host(), row.gpuIndex(), row.unplacedRun());
        }
    }

    private Written day(List<String> hosts, Span day, boolean dryRun) {
        Written written = Written.NOTHING;
        long first = Math.floorDiv(day.startMs(), HOUR_MS) * HOUR_MS;
        for (long at = first; at < day.endMs(); at += HOUR_MS) {
            written = written.plus(hour(hosts, new Span(at, at + HOUR_MS), day, dryRun));
        }
        return written;
    }

    /** Charges the minutes of an hour that are in a span anew, and the hour as their sum. */
    private Written hour(List<String> hosts, Span hour, Span span, boolean dryRun) {
        Map<Slot, List<UsageRow>> bySlot = new HashMap<>();
        Set<Slot> touched = new HashSet<>();
        List<StoredRows.Stored> newMinutes = new ArrayList<>();
        for (StoredRows.Stored stored : minutes.read(cluster, hosts, hour)) {
            UsageRow row = stored.row();
            if (span.contains(row.windowStartMs())) {
                row = charge.minute(row, runs).row();
            }
            if (!row.equals(stored.row())) {
                newMinutes.add(stored.followedBy(row));
                touched.add(Slot.of(row));
            }
            bySlot.computeIfAbsent(Slot.of(row), s -> new ArrayList<>()).add(row);
        }
        boolean isWhole = hour.intersect(span).equals(hour);
        List<StoredRows.Stored> newHours = new ArrayList<>();
        long undecided = 0;
        for (StoredRows.Stored stored : hours.read(cluster, hosts, hour)) {
            Slot slot = Slot.of(stored.row());
            List<UsageRow> sums = bySlot.get(slot);
            UsageRow row = stored.row();
            if (sums == null && isWhole) {
                StoredCharge.Restated restated = charge.hour(row, runs);
                undecided += restated.undecided() > 0 ? 1 : 0;
                row = restated.row();
            } else if (sums != null && touched.contains(slot)) {
                row = HourSum.of(hour.startMs(), sums).get(0);
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

package io.gpuledger.core.usage;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Adds the minute rows of an hour, slot by slot: the hour row is nothing but their sum. Names, UUID
 * and model are those of the last minute.
 */
public final class HourSum {
    private record Id(Bucket bucket, String runId, String account, int instance, String grantId) {
        /** Of the holders of a row. */
        static final Comparator<Id> ORDER =
                Comparator.comparing(Id::bucket)
                        .thenComparing(Id::runId)
                        .thenComparing(Id::account)
                        .thenComparingInt(Id::instance)
                        .thenComparing(Id::grantId);
    }

    private record SlotId(int gpuIndex, String unplacedRun) {}

    private final long hourStartMs;
    private final Map<SlotId, Slot> slots =
            new TreeMap<>(
                    Comparator.comparingInt(SlotId::gpuIndex).thenComparing(SlotId::unplacedRun));

    /** Of the hour that begins at {@code hourStartMs}; nothing yet. */
    public HourSum(long hourStartMs) {
        this.hourStartMs = hourStartMs;
    }

    /** One row per slot. */
    public static List<UsageRow> of(long hourStartMs, List<UsageRow> minutes) {
        HourSum sum = new HourSum(hourStartMs);
        sum.add(minutes);
        return sum.rows();
    }

    /** Takes in minutes of the hour, each slot's once, in any order. */
    public void add(List<UsageRow> minutes) {
        for (UsageRow minute : minutes) {
            slots.computeIfAbsent(
                            new SlotId(minute.gpuIndex(), minute.unplacedRun()),
                            id -> new Slot(minute))
                    .add(minute);
        }
    }

    /** One row per slot of which there was a minute. */
    public List<UsageRow> rows() {
        List<UsageRow> rows = new ArrayList<>();
        slots.values().forEach(slot -> rows.add(slot.row(hourStartMs)));
        return rows;
    }

    private static final class Slot {
        private UsageRow last;
        private long existsMs;
        private final Map<Id, Sum> holders = new HashMap<>();

        Slot(UsageRow first) {
            last = first;
        }

        void add(UsageRow minute) {
            last = minute.windowStartMs() >= last.windowStartMs() ? minute : last;
            existsMs += minute.existsMs();
            for (UsageRow.Holder holder : minute.holders()) {
                Id id =
                        new Id(
                                holder.bucket(),
                                holder.runId(),
                                holder.account(),
                                holder.instance(),
                                holder.grantId());
                holders.computeIfAbsent(id, i -> new Sum(holder))
                        .add(holder, minute.windowStartMs());
            }
        }

        UsageRow row(long hourStartMs) {
            return new UsageRow(
                    last.cluster(),
                    last.host(),
                    last.gpuIndex(),
                    last.unplacedRun(),
                    hourStartMs,
                    existsMs,
                    last.gpuUuid(),
                    last.gpuModel(),
                    holders.entrySet().stream()
                            .sorted(Map.Entry.comparingByKey(Id.ORDER))
                            .map(entry -> entry.getValue().holder())
                            .toList());
        }
    }

    /** What one holder had of a slot so far. */
    private static final class Sum {
        private UsageRow.Holder last;
        private long lastMs = Long.MIN_VALUE;
        private long gpuMs;
        private long chargedGpuUs;
        private long coveredMs;
        private long activeGpuUs;
        private long smActiveGpuUs;
        private long tensorActiveGpuUs;
        private long dramActiveGpuUs;
        private long memoryMibMs;
        private long energyMj;
        private long heldIdleMs;
        private int flags;

        Sum(UsageRow.Holder first) {
            last = first;
        }

        void add(UsageRow.Holder minute, long windowStartMs) {
            if (windowStartMs >= lastMs) {
                last = minute;
                lastMs = windowStartMs;
            }
            gpuMs += minute.gpuMs();
            chargedGpuUs += minute.chargedGpuUs();
            coveredMs += minute.coveredMs();
            activeGpuUs += minute.activeGpuUs();
            smActiveGpuUs += minute.smActiveGpuUs();
            tensorActiveGpuUs += minute.tensorActiveGpuUs();
            dramActiveGpuUs += minute.dramActiveGpuUs();
            memoryMibMs += minute.memoryMibMs();
            energyMj += minute.energyMj();
            heldIdleMs += minute.heldIdleMs();
            flags |= minute.flags();
        }

        UsageRow.Holder holder() {
            return new UsageRow.Holder(
                    last.bucket(),
                    last.runId(),
                    last.jobId(),
                    last.account(),
                    last.user(),
                    last.partition(),
                    last.qos(),
                    last.grantId(),
                    last.instance(),
                    gpuMs,
                    chargedGpuUs,
                    coveredMs,
                    activeGpuUs,
                    smActiveGpuUs,
                    tensorActiveGpuUs,
                    dramActiveGpuUs,
                    memoryMibMs,
                    energyMj,
                    heldIdleMs,
                    flags);
        }
    }
}

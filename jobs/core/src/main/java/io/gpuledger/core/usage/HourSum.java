package io.gpuledger.core.usage;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Adds the minute rows of one slot and hour: the hour row is nothing but their sum. */
public final class HourSum {
    private record Id(Bucket bucket, String runId, String account, int instance, String grantId) {}

    private record SlotId(int gpuIndex, String unplacedRun) {}

    private HourSum() {}

    /** One row per slot; uuid and model are those of the slot's last minute. */
    public static List<UsageRow> of(long hourStartMs, List<UsageRow> minutes) {
        Map<SlotId, List<UsageRow>> bySlot =
                new TreeMap<>(
                        Comparator.comparingInt(SlotId::gpuIndex)
                                .thenComparing(SlotId::unplacedRun));
        for (UsageRow minute : minutes) {
            bySlot.computeIfAbsent(
                            new SlotId(minute.gpuIndex(), minute.unplacedRun()),
                            s -> new ArrayList<>())
                    .add(minute);
        }
        List<UsageRow> hours = new ArrayList<>();
        bySlot.forEach((slot, rows) -> hours.add(sum(hourStartMs, rows)));
        return hours;
    }

    private static UsageRow sum(long hourStartMs, List<UsageRow> minutes) {
        Map<Id, UsageRow.Holder> holders =
                new TreeMap<>(
                        Comparator.comparing(Id::bucket)
                                .thenComparing(Id::runId)
                                .thenComparing(Id::account)
                                .thenComparingInt(Id::instance)
                                .thenComparing(Id::grantId));
        long exists = 0;
        UsageRow last = minutes.get(0);
        for (UsageRow minute : minutes) {
            exists += minute.existsMs();
            last = minute.windowStartMs() >= last.windowStartMs() ? minute : last;
            for (UsageRow.Holder holder : minute.holders()) {
                holders.merge(
                        new Id(
                                holder.bucket(),
                                holder.runId(),
                                holder.account(),
                                holder.instance(),
                                holder.grantId()),
                        holder,
                        HourSum::add);
            }
        }
        return new UsageRow(
                last.cluster(),
                last.host(),
                last.gpuIndex(),
                last.unplacedRun(),
                hourStartMs,
                exists,
                last.gpuUuid(),
                last.gpuModel(),
                List.copyOf(holders.values()));
    }

    private static UsageRow.Holder add(UsageRow.Holder a, UsageRow.Holder b) {
        return new UsageRow.Holder(
                b.bucket(),
                b.runId(),
                b.jobId(),
                b.account(),
                b.user(),
                b.partition(),
                b.qos(),
                b.grantId(),
                b.instance(),
                a.gpuMs() + b.gpuMs(),
                a.chargedGpuUs() + b.chargedGpuUs(),
                a.coveredMs() + b.coveredMs(),
                a.activeGpuUs() + b.activeGpuUs(),
                a.smActiveGpuUs() + b.smActiveGpuUs(),
                a.tensorActiveGpuUs() + b.tensorActiveGpuUs(),
                a.dramActiveGpuUs() + b.dramActiveGpuUs(),
                a.memoryMibMs() + b.memoryMibMs(),
                a.energyMj() + b.energyMj(),
                a.heldIdleMs() + b.heldIdleMs(),
                a.flags() | b.flags());
    }
}

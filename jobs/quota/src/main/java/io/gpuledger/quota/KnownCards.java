package io.gpuledger.quota;

import io.gpuledger.core.quota.Cards;
import io.gpuledger.core.run.Holding;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.HostTimeline;
import io.gpuledger.core.usage.MigLayout;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Cards by the host snapshots of one cluster. */
final class KnownCards implements Cards {
    private static final long MINUTE_MS = 60_000;

    private final Function<String, @Nullable HostTimeline> hosts;

    /** Of hosts by name; null for one of which nothing is known. */
    KnownCards(Function<String, @Nullable HostTimeline> hosts) {
        this.hosts = hosts;
    }

    @Override
    public Device device(Holding holding, long atMs) {
        HostTimeline host = hosts.apply(holding.host());
        if (host == null || holding.gpuIndex() < 0) {
            return UNKNOWN.device(holding, atMs);
        }
        MigLayout layout = host.layout(atMs);
        MigLayout.Instance mig =
                holding.shards() > 0 ? null : layout.byOrdinal().get(holding.gpuIndex());
        int index = mig == null ? holding.gpuIndex() : mig.gpuIndex();
        // A usage row has one model, that of the beginning of its minute.
        String model = host.model(index, Math.floorDiv(atMs, MINUTE_MS) * MINUTE_MS);
        if (model.isEmpty() && layout.isEmpty()) {
            model = holding.gresType();
        }
        if (mig != null) {
            return new Device(model, mig.slices(), layout.slicesPerGpu());
        }
        int shards = host.shardsPerGpu(atMs);
        if (holding.shards() == 0 || shards == 0) {
            return new Device(model, 1, 1);
        }
        return new Device(model, Math.min(holding.shards(), shards), shards);
    }

    @Override
    public SortedSet<Long> changes(String name, Span within) {
        SortedSet<Long> changes = new TreeSet<>();
        HostTimeline host = hosts.apply(name);
        if (host != null) {
            for (long at : host.changes()) {
                long nextMinute = -Math.floorDiv(-at, MINUTE_MS) * MINUTE_MS;
                for (long change : new long[] {at, nextMinute}) {
                    if (within.startMs() < change && change < within.endMs()) {
                        changes.add(change);
                    }
                }
            }
        }
        return changes;
    }
}

package io.gpuledger.core.quota;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.time.Span;
import java.util.SortedSet;
import java.util.TreeSet;

/** What the hosts of a cluster are known to have. */
public interface Cards {
    /**
     * What a holding is of.
     *
     * @param model what the scheduler calls the card, empty when it has no name for it
     * @param numerator of the share of GPUs
     */
    record Device(String model, long numerator, long denominator) {}

    /** Of a holding at an instant. */
    Device device(Holding holding, long atMs);

    /** Instants inside a span at which {@link #device} may change. */
    SortedSet<Long> changes(String host, Span within);

    /** Nothing is known but what the scheduler said of the run. */
    Cards UNKNOWN =
            new Cards() {
                @Override
                public Device device(Holding holding, long atMs) {
                    return new Device(holding.gresType(), holding.count(), 1);
                }

                @Override
                public SortedSet<Long> changes(String host, Span within) {
                    return new TreeSet<>();
                }
            };
}

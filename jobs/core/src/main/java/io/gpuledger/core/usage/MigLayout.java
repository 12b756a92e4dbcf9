package io.gpuledger.core.usage;

import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Host configuration: Slurm numbers the MIG instances of a host in one row, this says which card
 * and instance a number means.
 *
 * @param byOrdinal empty: Slurm's index is the card's
 * @param slicesPerGpu compute slices of a card: 7 on A100 and H100, 4 on A30
 */
public record MigLayout(Map<Integer, Instance> byOrdinal, int slicesPerGpu) {
    public static final MigLayout NONE = new MigLayout(Map.of(), 1);

    /** A MIG instance and the compute slices it has of its card. */
    public record Instance(int gpuIndex, int instance, int slices) {}

    public MigLayout {
        byOrdinal = Map.copyOf(byOrdinal);
    }

    public boolean isEmpty() {
        return byOrdinal.isEmpty();
    }

    /** The cards that are cut into instances. */
    SortedSet<Integer> cards() {
        SortedSet<Integer> cards = new TreeSet<>();
        byOrdinal.values().forEach(i -> cards.add(i.gpuIndex()));
        return cards;
    }
}

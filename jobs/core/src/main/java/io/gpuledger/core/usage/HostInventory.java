package io.gpuledger.core.usage;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one source said of a host at one instant: a host snapshot.
 *
 * @param atMs when it was observed; host configuration: from when it holds
 * @param present false: the host is not part of the cluster any more
 * @param availability what the node's state means for slots that nobody holds
 * @param gres configured GPUs in the order of their indices, null when the source does not say
 * @param shards configured shards of all cards together
 * @param layout which MIG instance an index means, {@link MigLayout#NONE} when not said
 * @param cards names of cards by index
 * @param reservations those that have this host, with the times that were told
 * @param contentKey digest of what was said: decides between two snapshots of one instant
 */
public record HostInventory(
        long atMs,
        boolean present,
        Availability availability,
        @Nullable List<TypedGpus> gres,
        int shards,
        MigLayout layout,
        List<Card> cards,
        List<Reservation> reservations,
        String contentKey) {

    /** Whether a free slot could be given to somebody. */
    public enum Availability {
        /** The source does not tell the node's state. */
        UNSAID,
        AVAILABLE,
        RESERVED,
        DOWN
    }

    /** So many GPUs of one GRES type; indices count up through the types. */
    public record TypedGpus(String type, int count) {}

    /** UUID and model of the card at an index, as the site configured them. */
    public record Card(int gpuIndex, String uuid, String model) {}

    /**
     * A reservation of the scheduler. It is known by name and start: Slurm's daily ones begin anew
     * under the same name.
     *
     * @param maintenance nobody gets the node, not even the reservation's users
     */
    public record Reservation(String name, long startMs, long endMs, boolean maintenance) {}

    /** The same, said at another instant. */
    public HostInventory at(long otherMs) {
        return new HostInventory(
                otherMs,
                present,
                availability,
                gres,
                shards,
                layout,
                cards,
                reservations,
                contentKey);
    }

    /** GPUs that Slurm counts on this host, 0 also when it is absent or not said. */
    public int gpuCount() {
        if (!present || gres == null) {
            return 0;
        }
        int count = 0;
        for (TypedGpus typed : gres) {
            count += typed.count();
        }
        return count;
    }

    /** The snapshot tells the node's state. */
    public boolean tellsState() {
        return availability != Availability.UNSAID;
    }

    /** The snapshot tells how many GPUs there are. */
    public boolean counts() {
        return !present || gres != null;
    }
}

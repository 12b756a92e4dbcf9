package io.gpuledger.core.run;

import java.util.List;

/**
 * Devices of one GRES a job has on one host.
 *
 * @param kind {@code gpu} or {@code shard}
 * @param gresType Slurm's GRES type, empty when untyped
 * @param count devices (or shards) on this host
 * @param indices the scheduler's GPU indices, empty when unknown
 * @param indexCounts shards on each index, parallel to {@code indices}; empty for whole GPUs
 */
public record NodeDevices(
        String host,
        String kind,
        String gresType,
        int count,
        List<Integer> indices,
        List<Integer> indexCounts) {

    public static final String GPU = "gpu";
    public static final String SHARD = "shard";

    public NodeDevices {
        indices = List.copyOf(indices);
        indexCounts = List.copyOf(indexCounts);
    }
}

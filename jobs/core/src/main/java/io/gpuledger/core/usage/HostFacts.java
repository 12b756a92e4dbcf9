package io.gpuledger.core.usage;

import io.gpuledger.core.time.Span;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/**
 * All that attribution knows of one host.
 *
 * @param slots per GPU index what is known of the slot
 * @param inventoried the number of slots is the scheduler's own, so what is not held is free
 * @param shardsPerGpu 0 when the host has no shards or they are unknown
 * @param schedulerKnown disjoint spans in which the scheduler's view is complete
 * @param samples per GPU index, sorted by time, one per instant
 */
public record HostFacts(
        String cluster,
        String host,
        SortedMap<Integer, Slot> slots,
        boolean inventoried,
        int shardsPerGpu,
        List<HostRun> runs,
        List<Span> schedulerKnown,
        Map<Integer, List<GpuSample>> samples) {

    /**
     * What is known of one slot.
     *
     * @param exists aligned to windows
     */
    public record Slot(Span exists, String uuid, String model) {}
}

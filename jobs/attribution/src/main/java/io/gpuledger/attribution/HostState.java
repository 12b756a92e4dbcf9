package io.gpuledger.attribution;

/** Small facts of one host. Public and flat: it is state. */
public final class HostState {
    public String cluster = "";
    public String host = "";

    /** Earliest and latest evidence by slot, never shrinking: where windows may exist. */
    public int[] slotIndex = new int[0];

    public long[] slotFirstMs = new long[0];
    public long[] slotLastMs = new long[0];

    /** Slots with evidence that was forgotten since, and when: they existed from then on. */
    public int[] oldSlot = new int[0];

    public long[] oldSlotMs = new long[0];

    /** What is older than this was forgotten. */
    public long forgottenMs = Long.MIN_VALUE;

    /** Hours that have samples in the state of an earlier release, sorted. */
    public long[] sampleHours = new long[0];

    /** Where each chunk of samples begins, sorted; it has those before the next one begins. */
    public long[] chunkMs = new long[0];

    /** Samples after this are not in a chunk yet. */
    public long packedToMs = Long.MIN_VALUE;

    /** What exporters said of jobs: label, GPU, first and last time. */
    public String[] hintJob = new String[0];

    public int[] hintGpu = new int[0];
    public long[] hintFirstMs = new long[0];
    public long[] hintLastMs = new long[0];

    /** When the scheduler was known, as the written windows have it. */
    public long[] knownFromMs = new long[0];

    public long[] knownToMs = new long[0];

    /** The start of the job, counted, after which the windows were last written anew. */
    public long generation;

    /** Of the registry that the windows were last written with, or are to be written with. */
    public long registryVersion;

    /** The next look at what changes by itself; {@link Long#MIN_VALUE} when none is set. */
    public long tickAtMs = Long.MIN_VALUE;
}

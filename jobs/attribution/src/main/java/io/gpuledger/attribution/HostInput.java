package io.gpuledger.attribution;

/**
 * Anything that concerns one host: a scrape, a host snapshot, or what a run has there. One flat
 * type, because a keyed operator has one keyed input.
 */
public final class HostInput {
    public static final int SAMPLES = 1;
    public static final int INVENTORY = 2;
    public static final int RUN = 3;

    public int kind;
    public String cluster = "";
    public String host = "";

    /** SAMPLES: {@link SampleBlock#WIDTH} numbers a GPU; INVENTORY: unused. */
    public int[] gpuIndex = new int[0];

    public String[] uuids = new String[0];
    public String[] models = new String[0];
    public long[] samples = new long[0];

    public long observedAtMs;
    public int inventoryGpus;
    public int inventoryShards;

    /** RUN: what the run has here; without holdings it is withdrawn. */
    public HostRunState run = new HostRunState();

    public String key() {
        return cluster + "/" + host;
    }
}

package io.gpuledger.attribution;

import io.gpuledger.flink.WireMessage;

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
    public long observedAtMs;

    /** SAMPLES: one element a GPU or MIG instance; instance -1 is the whole GPU. */
    public int[] gpuIndex = new int[0];

    public int[] instance = new int[0];
    public int[] slices = new int[0];
    public int[] slicesPerGpu = new int[0];
    public String[] uuids = new String[0];
    public String[] models = new String[0];
    public String[] jobs = new String[0];
    public long coverMs;

    /** SAMPLES: {@link Samples#FIELDS} numbers a GPU. */
    public long[] values = new long[0];

    /** INVENTORY: what was said, apart from when, and its digest. */
    public byte[] snapshot = new byte[0];

    public String contentKey = "";

    /** SAMPLES and INVENTORY: where the record was read, for when it cannot be used. */
    public String source = "";

    public int partition = -1;
    public long position = -1;

    /** INVENTORY: the site says what its indices mean, from then on. */
    public boolean configures;

    /** RUN: what the run has here; without holdings it is withdrawn. */
    public HostRunState run = new HostRunState();

    public String key() {
        return cluster + "/" + host;
    }

    HostInput readAt(WireMessage message) {
        source = message.source;
        partition = message.partition;
        position = message.position;
        return this;
    }
}

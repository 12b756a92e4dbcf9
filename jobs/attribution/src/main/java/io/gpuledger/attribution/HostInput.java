package io.gpuledger.attribution;

import io.gpuledger.flink.WireMessage;
import org.apache.flink.api.common.typeinfo.TypeInfo;
import org.jspecify.annotations.Nullable;

/**
 * Anything that concerns one host: a scrape, a host snapshot, or what a run has there. One flat
 * type, because a keyed operator has one keyed input.
 */
@TypeInfo(HostInputSerializer.Factory.class)
public final class HostInput {
    public static final int SAMPLES = 1;
    public static final int INVENTORY = 2;
    public static final int RUN = 3;

    public int kind;
    public String cluster = "";
    public String host = "";
    public long observedAtMs;

    /**
     * SAMPLES: the record as it was read. Its bytes are smaller than what they mean, and most of
     * them are compared only ({@link ScrapeLayout}).
     */
    public byte[] scrape = new byte[0];

    /** INVENTORY: what was said, apart from when, and its digest. */
    public byte[] snapshot = new byte[0];

    public String contentKey = "";

    /** SAMPLES and INVENTORY: where the record was read, for when it cannot be used. */
    public String source = "";

    public int partition = -1;
    public long position = -1;

    /** INVENTORY: the site says what its indices mean, from then on. */
    public boolean configures;

    /** RUN: what the run has here; without holdings it is withdrawn. Null for other kinds. */
    public @Nullable HostRunState run;

    public String key() {
        return cluster + "/" + host;
    }

    /** SAMPLES: the record and its place. */
    WireMessage message() {
        return new WireMessage(scrape, source, partition, position);
    }

    HostInput readAt(WireMessage message) {
        source = message.source;
        partition = message.partition;
        position = message.position;
        return this;
    }
}

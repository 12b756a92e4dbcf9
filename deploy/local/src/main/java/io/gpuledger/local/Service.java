package io.gpuledger.local;

import java.util.Locale;

/** What the local stack consists of. */
public enum Service {
    CLICKHOUSE,
    KAFKA,
    ATTRIBUTION,
    QUOTA;

    /** As in file names and on screens. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}

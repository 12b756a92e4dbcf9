package io.gpuledger.core.usage;

import java.util.List;

/** Whose part of a slot it is, and what it was doing there. */
record HolderKey(Bucket bucket, HostRun run, int instance, int flags) {
    static final HostRun NOBODY =
            new HostRun(
                    "", "", "", "", "", "", "", 0, 0, Long.MAX_VALUE, 0, List.of(), List.of(), 0);
}

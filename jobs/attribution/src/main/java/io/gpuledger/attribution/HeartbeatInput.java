package io.gpuledger.attribution;

import org.jspecify.annotations.Nullable;

/**
 * What all subtasks must hear: the scheduler's view of a cluster was known at, or up to, an
 * instant; or a registry was applied.
 */
public final class HeartbeatInput {
    public String cluster = "";
    public long observedAtMs;

    /** Before this instant nothing is said, -1 for a poll: only the instant. */
    public long coveredFromMs = -1;

    public boolean completePoll;

    /** Else null. Nothing else is said then. */
    public @Nullable RegistryState registry;
}

package io.gpuledger.attribution;

import io.gpuledger.core.registry.Charging;
import io.gpuledger.registry.RegistryException;
import io.gpuledger.registry.RegistryText;
import org.apache.flink.api.common.state.BroadcastState;
import org.apache.flink.api.common.state.ReadOnlyBroadcastState;

/**
 * The newest registry that an operator has heard of. The highest version wins, whatever the order
 * in which they come; which one a window was written with is for the next look at it to put right.
 */
final class ChargingInForce {
    private static final String NEWEST = "newest";

    private long version;
    private Charging charging = Charging.UNMAPPED;
    private boolean remembered;

    ChargingInForce(RegistryState initial) {
        take(initial);
    }

    long version() {
        return version;
    }

    Charging charging() {
        return charging;
    }

    /** What the attempt before this one had heard; asked for once. */
    void remember(ReadOnlyBroadcastState<String, RegistryState> state) throws Exception {
        if (remembered) {
            return;
        }
        remembered = true;
        RegistryState before = state.get(NEWEST);
        if (before != null) {
            take(before);
        }
    }

    void hear(RegistryState heard, BroadcastState<String, RegistryState> state) throws Exception {
        RegistryState before = state.get(NEWEST);
        if (before == null || before.version < heard.version) {
            state.put(NEWEST, heard);
        }
        take(heard);
    }

    private void take(RegistryState heard) {
        if (heard.version <= version) {
            return;
        }
        try {
            charging = new Charging(RegistryText.parse("registry " + heard.version, heard.text));
            version = heard.version;
        } catch (RegistryException e) {
            // The router has read it before it let it pass.
            throw new IllegalStateException(
                    "registry version %d does not parse: %s"
                            .formatted(heard.version, e.getMessage()),
                    e);
        }
    }
}

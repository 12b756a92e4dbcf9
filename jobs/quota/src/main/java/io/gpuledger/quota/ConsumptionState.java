package io.gpuledger.quota;

import io.gpuledger.core.quota.Consumption;
import io.gpuledger.core.quota.Stretch;
import java.util.ArrayList;
import java.util.List;

/** {@link Consumption} as flat state. */
public final class ConsumptionState {
    public String grantId = "";
    public String cluster = "";
    public String runId = "";
    public boolean open;
    public long limitMs;

    /** Since state version 2; before no time limit was known. */
    public long allowedToMs = Long.MIN_VALUE;

    public int flags;
    public long[] fromMs = new long[0];
    public long[] toMs = new long[0];
    public long[] numerator = new long[0];
    public long[] denominator = new long[0];
    public int[] weightMilli = new int[0];

    static ConsumptionState of(Consumption consumption) {
        ConsumptionState state = new ConsumptionState();
        state.grantId = consumption.grantId();
        state.cluster = consumption.cluster();
        state.runId = consumption.runId();
        state.open = consumption.isOpen();
        state.limitMs = consumption.limitMs();
        state.allowedToMs = consumption.allowedToMs();
        state.flags = consumption.flags();
        List<Stretch> stretches = consumption.stretches();
        state.fromMs = stretches.stream().mapToLong(Stretch::fromMs).toArray();
        state.toMs = stretches.stream().mapToLong(Stretch::toMs).toArray();
        state.numerator = stretches.stream().mapToLong(Stretch::numerator).toArray();
        state.denominator = stretches.stream().mapToLong(Stretch::denominator).toArray();
        state.weightMilli = stretches.stream().mapToInt(Stretch::weightMilli).toArray();
        return state;
    }

    /** The run takes nothing of that grant (any more). */
    ConsumptionState withdrawn() {
        ConsumptionState state = new ConsumptionState();
        state.grantId = grantId;
        state.cluster = cluster;
        state.runId = runId;
        state.limitMs = Long.MAX_VALUE;
        return state;
    }

    boolean isNothing() {
        return fromMs.length == 0;
    }

    Consumption toCore() {
        List<Stretch> stretches = new ArrayList<>();
        for (int i = 0; i < fromMs.length; i++) {
            stretches.add(
                    new Stretch(fromMs[i], toMs[i], numerator[i], denominator[i], weightMilli[i]));
        }
        return new Consumption(
                grantId, cluster, runId, open, limitMs, allowedToMs, stretches, flags);
    }
}

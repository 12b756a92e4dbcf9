package io.gpuledger.core.reconcile;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;

/** Sums over findings; the reasons sum to the difference. */
public record Total(long schedulerMs, long ledgerMs, Map<Reason, Long> byReason) {
    public static final Total NONE = new Total(0, 0, Map.of());

    public Total {
        Map<Reason, Long> sorted = new EnumMap<>(Reason.class);
        sorted.putAll(byReason);
        byReason = Collections.unmodifiableMap(sorted);
    }

    public long differenceMs() {
        return schedulerMs - ledgerMs;
    }

    Total plus(Finding finding) {
        Map<Reason, Long> reasons = new EnumMap<>(Reason.class);
        reasons.putAll(byReason);
        for (Part part : finding.parts()) {
            reasons.merge(part.reason(), part.gpuMs(), Long::sum);
        }
        return new Total(
                schedulerMs + finding.schedulerMs(), ledgerMs + finding.ledgerMs(), reasons);
    }
}

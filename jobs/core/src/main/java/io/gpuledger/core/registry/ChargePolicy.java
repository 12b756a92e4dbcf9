package io.gpuledger.core.registry;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.ChargeSubject;
import java.util.List;

/**
 * What of held time is charged, and with which weight.
 *
 * @param chargesNodeFail whether the time of runs that ended NODE_FAIL is charged
 * @param chargesBootFail whether the time of runs that ended BOOT_FAIL is charged
 * @param weights the first rule that fits decides; none fits: weight 1000
 */
public record ChargePolicy(
        Span effective,
        boolean chargesSuspended,
        boolean chargesOverhead,
        boolean chargesNodeFail,
        boolean chargesBootFail,
        List<WeightRule> weights)
        implements Entry {
    /** Where no policy is in force: ALLOCATED and SUSPENDED as they are, nothing else. */
    public static final ChargePolicy STANDARD =
            new ChargePolicy(Effective.ALWAYS, true, false, true, true, List.of());

    public ChargePolicy {
        Effective.requireDates(effective);
        weights = List.copyOf(weights);
    }

    /** Thousandths. */
    int weightMilli(ChargeSubject subject) {
        if (!charges(subject.bucket()) || !chargesRunsThatEnded(subject.endState())) {
            return 0;
        }
        for (WeightRule rule : weights) {
            if (rule.fits(subject)) {
                return rule.weightMilli();
            }
        }
        return WeightRule.WHOLE_MILLI;
    }

    /** Whether a bucket can be charged at all. Time that nobody holds never is. */
    boolean charges(Bucket bucket) {
        return switch (bucket) {
            case ALLOCATED -> true;
            case SUSPENDED -> chargesSuspended;
            case OVERHEAD -> chargesOverhead;
            case RESERVED, DOWN, IDLE, UNKNOWN -> false;
        };
    }

    private boolean chargesRunsThatEnded(String endState) {
        return switch (endState) {
            case "NODE_FAIL" -> chargesNodeFail;
            case "BOOT_FAIL" -> chargesBootFail;
            default -> true;
        };
    }
}

package io.gpuledger.core.registry;

import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.ChargeSubject;
import org.jspecify.annotations.Nullable;

/**
 * A charge weight and what it is for. Empty names and no bucket fit everything.
 *
 * @param weightMilli thousandths: 1000 charges a GPU-hour as one
 */
public record WeightRule(
        String cluster,
        String gpuModel,
        String partition,
        String qos,
        @Nullable Bucket bucket,
        int weightMilli)
        implements Entry {
    /** Weight of what no rule is for. */
    public static final int WHOLE_MILLI = 1_000;

    /** More than this is a slip of the pen. */
    public static final int GREATEST_MILLI = 1_000_000;

    public WeightRule {
        if (weightMilli < 0 || weightMilli > GREATEST_MILLI) {
            throw new IllegalArgumentException(
                    "a weight of %d thousandths; it must be 0 to %d"
                            .formatted(weightMilli, GREATEST_MILLI));
        }
    }

    boolean fits(ChargeSubject subject) {
        return fits(cluster, subject.cluster())
                && fits(gpuModel, subject.gpuModel())
                && fits(partition, subject.partition())
                && fits(qos, subject.qos())
                && (bucket == null || bucket == subject.bucket());
    }

    /** Whatever the other fits, this one fits too. */
    boolean hides(WeightRule other) {
        return fits(cluster, other.cluster)
                && fits(gpuModel, other.gpuModel)
                && fits(partition, other.partition)
                && fits(qos, other.qos)
                && (bucket == null || bucket == other.bucket);
    }

    private static boolean fits(String wanted, String found) {
        return wanted.isEmpty() || wanted.equals(found);
    }
}

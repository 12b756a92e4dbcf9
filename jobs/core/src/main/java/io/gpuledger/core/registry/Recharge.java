package io.gpuledger.core.registry;

import io.gpuledger.core.usage.Charge;
import io.gpuledger.core.usage.ChargeRule;
import io.gpuledger.core.usage.ChargeSubject;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What another registry would make of usage that is charged already. */
public final class Recharge {
    private Recharge() {}

    /**
     * Usage as it is charged now.
     *
     * @param atMs any instant of it; no date of the registry lies within it
     * @param period what it is shown under, a month
     */
    public record Usage(
            ChargeSubject subject,
            long atMs,
            String period,
            String grantId,
            long gpuMs,
            long chargedGpuUs) {}

    /** Held GPU time and what is charged for it. */
    public record Sum(long gpuMs, long chargedGpuUs) {
        static final Sum NOTHING = new Sum(0, 0);

        Sum plus(long moreGpuMs, long moreChargedGpuUs) {
            return new Sum(
                    Math.addExact(gpuMs, moreGpuMs), Math.addExact(chargedGpuUs, moreChargedGpuUs));
        }
    }

    /** A grant's period before and after. */
    public record Line(String grantId, String period, Sum now, Sum then) {
        public boolean differs() {
            return !now.equals(then);
        }
    }

    private record Key(String grantId, String period) {}

    /**
     * Grants and periods, sorted. GPU time passes between grants and stays the same in all; what is
     * charged for it may change.
     */
    public static List<Line> of(List<Usage> usage, ChargeRule rule) {
        Comparator<Key> order = Comparator.comparing(Key::grantId).thenComparing(Key::period);
        Map<Key, Sum> now = new TreeMap<>(order);
        Map<Key, Sum> then = new TreeMap<>(order);
        for (Usage one : usage) {
            Charge charge = rule.at(one.subject(), one.atMs());
            add(now, new Key(one.grantId(), one.period()), one.gpuMs(), one.chargedGpuUs());
            add(
                    then,
                    new Key(charge.grantId(), one.period()),
                    one.gpuMs(),
                    charge.chargedGpuUs(one.gpuMs()));
        }
        Map<Key, Sum> keys = new TreeMap<>(order);
        keys.putAll(now);
        keys.putAll(then);
        List<Line> lines = new ArrayList<>();
        for (Key key : keys.keySet()) {
            lines.add(
                    new Line(
                            key.grantId(),
                            key.period(),
                            now.getOrDefault(key, Sum.NOTHING),
                            then.getOrDefault(key, Sum.NOTHING)));
        }
        return lines;
    }

    private static void add(Map<Key, Sum> sums, Key key, long gpuMs, long chargedGpuUs) {
        sums.put(key, sums.getOrDefault(key, Sum.NOTHING).plus(gpuMs, chargedGpuUs));
    }
}

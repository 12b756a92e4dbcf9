package io.gpuledger.core.registry;

import io.gpuledger.core.usage.Charge;
import io.gpuledger.core.usage.ChargeSubject;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** What another registry would make of usage that is charged already. */
public final class Recharge {
    private Recharge() {}

    /**
     * Usage as it is charged now.
     *
     * @param subject its model is the row's
     * @param placed false for devices without a position
     * @param run what the ledger has of whose usage it is
     * @param atMs any instant of it; no date of the registry lies within it
     * @param period what it is shown under, a month
     */
    public record Usage(
            ChargeSubject subject,
            boolean placed,
            StoredCharge.RunFacts run,
            long atMs,
            String period,
            String grantId,
            long gpuMs,
            long chargedGpuUs) {
        /** Whether it would be charged otherwise; not, where that is not known. */
        public boolean differs(StoredCharge rule) {
            return rule.at(subject, placed, run, atMs)
                    .map(c -> !c.grantId().equals(grantId) || c.chargedGpuUs(gpuMs) != chargedGpuUs)
                    .orElse(false);
        }
    }

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

    /**
     * What it comes to.
     *
     * @param lines grants and periods, sorted
     * @param undecidedGpuMs GPU time that keeps its charge, for the rows do not tell what that
     *     would depend on
     */
    public record Effect(List<Line> lines, long undecidedGpuMs) {
        /** Those of the lines that change. */
        public List<Line> differing() {
            return lines.stream().filter(Line::differs).toList();
        }
    }

    private record Key(String grantId, String period) {}

    /**
     * GPU time passes between grants and stays the same in all; what is charged for it may change.
     */
    public static Effect of(List<Usage> usage, StoredCharge rule) {
        Comparator<Key> order = Comparator.comparing(Key::grantId).thenComparing(Key::period);
        Map<Key, Sum> now = new TreeMap<>(order);
        Map<Key, Sum> then = new TreeMap<>(order);
        long undecided = 0;
        for (Usage one : usage) {
            Optional<Charge> charge = rule.at(one.subject(), one.placed(), one.run(), one.atMs());
            undecided += charge.isEmpty() ? one.gpuMs() : 0;
            add(now, new Key(one.grantId(), one.period()), one.gpuMs(), one.chargedGpuUs());
            add(
                    then,
                    new Key(charge.map(Charge::grantId).orElse(one.grantId()), one.period()),
                    one.gpuMs(),
                    charge.map(c -> c.chargedGpuUs(one.gpuMs())).orElse(one.chargedGpuUs()));
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
        return new Effect(lines, undecided);
    }

    private static void add(Map<Key, Sum> sums, Key key, long gpuMs, long chargedGpuUs) {
        sums.put(key, sums.getOrDefault(key, Sum.NOTHING).plus(gpuMs, chargedGpuUs));
    }
}

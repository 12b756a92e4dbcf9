package io.gpuledger.core.registry;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.Charge;
import io.gpuledger.core.usage.ChargeRule;
import io.gpuledger.core.usage.ChargeSubject;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * The one place that decides which grant pays and with which weight (DESIGN section 8). A function
 * of registry, subject and time alone.
 */
public final class Charging implements ChargeRule {
    /** Without a registry. */
    public static final Charging UNMAPPED = new Charging(Registry.EMPTY);

    private static final Charge NOBODY = new Charge("", 0);

    private record Account(String cluster, String account) {}

    /** Most specific first. */
    private final Map<Account, List<AccountMapping>> mappings = new HashMap<>();

    private final List<ChargePolicy> policies;

    /**
     * Prepares the answers.
     *
     * @param registry without a fault by {@link RegistryRules}: otherwise of two mappings that
     *     contradict each other the first in canonical order decides
     */
    public Charging(Registry registry) {
        policies = registry.policies();
        for (AccountMapping mapping : registry.mappings()) {
            mappings.computeIfAbsent(
                            new Account(mapping.cluster(), mapping.account()),
                            a -> new ArrayList<>())
                    .add(mapping);
        }
        for (List<AccountMapping> ofAccount : mappings.values()) {
            ofAccount.sort(Comparator.comparingInt(AccountMapping::specificity).reversed());
        }
    }

    @Override
    public Charge at(ChargeSubject subject, long instantMs) {
        if (!isHolder(subject.bucket())) {
            return NOBODY;
        }
        return new Charge(grantAt(subject, instantMs), policyAt(instantMs).weightMilli(subject));
    }

    /** Time of nobody has no grant: its bucket says so. */
    private static boolean isHolder(Bucket bucket) {
        return bucket.isHeld() || bucket == Bucket.OVERHEAD;
    }

    /**
     * The span cut where the charge changes: sorted pieces without gap or overlap that make up the
     * span, neighbours with different charges. None for an empty span.
     */
    public List<ChargePiece> pieces(ChargeSubject subject, Span span) {
        List<ChargePiece> pieces = new ArrayList<>();
        long from = span.startMs();
        for (long to : cuts(subject, span)) {
            Charge charge = at(subject, from);
            ChargePiece last = pieces.isEmpty() ? null : pieces.get(pieces.size() - 1);
            if (last != null && last.charge().equals(charge)) {
                pieces.set(
                        pieces.size() - 1,
                        new ChargePiece(new Span(last.span().startMs(), to), charge));
            } else {
                pieces.add(new ChargePiece(new Span(from, to), charge));
            }
            from = to;
        }
        return pieces;
    }

    private SortedSet<Long> cuts(ChargeSubject subject, Span span) {
        SortedSet<Long> cuts = new TreeSet<>();
        if (span.isEmpty()) {
            return cuts;
        }
        for (AccountMapping mapping : mappingsOf(subject)) {
            add(cuts, mapping.effective(), span);
        }
        for (ChargePolicy policy : policies) {
            add(cuts, policy.effective(), span);
        }
        cuts.add(span.endMs());
        return cuts;
    }

    private static void add(SortedSet<Long> cuts, Span effective, Span within) {
        for (long at : new long[] {effective.startMs(), effective.endMs()}) {
            if (within.startMs() < at && at < within.endMs()) {
                cuts.add(at);
            }
        }
    }

    private String grantAt(ChargeSubject subject, long instantMs) {
        for (AccountMapping mapping : mappingsOf(subject)) {
            if (mapping.effective().contains(instantMs) && mapping.fits(subject)) {
                return mapping.grantId();
            }
        }
        return Grant.UNMAPPED;
    }

    private List<AccountMapping> mappingsOf(ChargeSubject subject) {
        return mappings.isEmpty()
                ? List.of()
                : mappings.getOrDefault(
                        new Account(subject.cluster(), subject.account()), List.of());
    }

    private ChargePolicy policyAt(long instantMs) {
        for (ChargePolicy policy : policies) {
            if (policy.effective().contains(instantMs)) {
                return policy;
            }
        }
        return ChargePolicy.STANDARD;
    }
}

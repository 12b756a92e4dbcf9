package io.gpuledger.core.registry;

import io.gpuledger.core.text.NearWord;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Bucket;
import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** What must be true of a registry as a whole before it may be applied. */
public final class RegistryRules {
    private static final Set<String> SPAN = Set.of("from", "to");
    private static final Set<String> AMOUNT = Set.of("gpu_hours", "gpu_us", "money");
    private static final Set<String> TRANSFER =
            Set.of("kind", "grant", "at", "gpu_hours", "gpu_us", "budget");
    private static final Set<String> MAPPED =
            Set.of("cluster", "account", "user", "partition", "qos", "grant", "from", "to");
    private static final Set<String> WEIGHED =
            Set.of("cluster", "model", "partition", "qos", "bucket");

    private final Registry registry;
    private final List<RegistryFault> faults = new ArrayList<>();
    private final Map<String, Grant> grants = new LinkedHashMap<>();
    private final Map<String, PriceList> priceLists = new LinkedHashMap<>();

    private RegistryRules(Registry registry) {
        this.registry = registry;
    }

    /** Everything that is wrong, in the order of the registry; empty when it may be applied. */
    public static List<RegistryFault> faults(Registry registry) {
        RegistryRules rules = new RegistryRules(registry);
        rules.names();
        registry.grants().forEach(rules::grant);
        rules.transfers();
        rules.mappings();
        rules.policies();
        registry.priceLists().forEach(rules::prices);
        rules.adjustments();
        rules.gridFactors();
        return rules.faults;
    }

    private void fault(Entry entry, Set<String> keys, String remedy, String found) {
        faults.add(new RegistryFault(entry, null, List.of(entry), keys, found, remedy));
    }

    /** Of two that do not go together. */
    private void fault(Entry entry, Entry other, Set<String> keys, String remedy, String found) {
        faults.add(new RegistryFault(entry, other, List.of(entry, other), keys, found, remedy));
    }

    /** Of one, because of what another says. */
    private void faultBy(Entry ground, Entry entry, Set<String> keys, String remedy, String found) {
        faults.add(new RegistryFault(entry, null, List.of(entry, ground), keys, found, remedy));
    }

    private void names() {
        for (Grant grant : registry.grants()) {
            Grant before = grants.putIfAbsent(grant.id(), grant);
            if (before != null) {
                fault(
                        grant,
                        before,
                        Set.of("id"),
                        "give one of them another id",
                        "grant '%s' exists twice".formatted(grant.id()));
            }
        }
        for (PriceList list : registry.priceLists()) {
            PriceList before = priceLists.putIfAbsent(list.name(), list);
            if (before != null) {
                fault(
                        list,
                        before,
                        Set.of("name"),
                        "give one of them another name, or put their prices together",
                        "price list '%s' exists twice".formatted(list.name()));
            }
        }
    }

    private void grant(Grant grant) {
        if (grant.term().isEmpty()) {
            fault(
                    grant,
                    Set.of("term"),
                    "let the term end later",
                    "the term of '%s' is empty".formatted(grant.id()));
        }
        if (!grant.priceList().isEmpty() && !priceLists.containsKey(grant.priceList())) {
            fault(
                    grant,
                    Set.of("price_list"),
                    meant(grant.priceList(), priceLists.keySet(), "add it to price_lists"),
                    "grant '%s' names price list '%s', which does not exist"
                            .formatted(grant.id(), grant.priceList()));
        }
        if (grant.kind() == GrantKind.COMMERCIAL && grant.priceList().isEmpty()) {
            fault(
                    grant,
                    Set.of("kind", "price_list"),
                    "add price_list",
                    "commercial grant '%s' has no price list".formatted(grant.id()));
        }
        boolean funded = false;
        for (BudgetLine line : grant.budget()) {
            boolean initial = line instanceof BudgetLine.Funding funding && funding.initial();
            if (initial && funded) {
                fault(
                        line,
                        Set.of("kind"),
                        "make it a top-up",
                        "grant '%s' has a second initial budget line".formatted(grant.id()));
            }
            funded |= initial;
            budgetLine(grant, line);
        }
        if (grant.kind() == GrantKind.VOUCHER && !funded) {
            fault(
                    grant,
                    Set.of("kind", "budget"),
                    "add one of kind initial, of 0 GPU-hours where all comes by transfer",
                    "voucher '%s' has no initial budget line".formatted(grant.id()));
        }
        overdrawn(grant);
    }

    private void budgetLine(Grant grant, BudgetLine line) {
        if (!grant.term().contains(line.atMs())) {
            faultBy(
                    grant,
                    line,
                    Set.of("at", "term"),
                    "move the line into the term, or the term's end",
                    "a budget line of %s lies outside the term %s of grant '%s'"
                            .formatted(date(line.atMs()), text(grant.term()), grant.id()));
        }
        if (line.expiresMs() != Span.OPEN_END && line.expiresMs() > grant.term().endMs()) {
            faultBy(
                    grant,
                    line,
                    Set.of("expires", "term"),
                    "leave expires out: the end of the term is the end of the line",
                    "a budget line expires %s, after the term %s of grant '%s'"
                            .formatted(date(line.expiresMs()), text(grant.term()), grant.id()));
        }
    }

    private void overdrawn(Grant grant) {
        BigInteger size = BigInteger.ZERO;
        for (BudgetLine line : grant.budget()) {
            size = size.add(BigInteger.valueOf(line.gpuUs()).abs());
        }
        if (size.bitLength() > 62) {
            fault(
                    grant,
                    Set.of("budget"),
                    "check the amounts",
                    "the budget of grant '%s' is more than can be counted".formatted(grant.id()));
            return;
        }
        TreeSet<Long> dates = new TreeSet<>();
        grant.budget().forEach(line -> dates.add(line.atMs()));
        for (long date : dates) {
            if (grant.budgetAt(date) < 0) {
                fault(
                        grant,
                        Set.of("budget"),
                        "transfer less, or fund it before",
                        "the budget of grant '%s' is below zero from %s on"
                                .formatted(grant.id(), date(date)));
                return;
            }
        }
    }

    /** What identifies a transfer on both sides. */
    private record Passing(String from, String to, long gpuUs, long atMs) {
        static Passing of(Grant grant, BudgetLine.Transfer line) {
            return line.gpuUs() < 0
                    ? new Passing(grant.id(), line.otherGrant(), -line.gpuUs(), line.atMs())
                    : new Passing(line.otherGrant(), grant.id(), line.gpuUs(), line.atMs());
        }
    }

    /** A transfer stands in both grants, with opposite signs. */
    private void transfers() {
        Map<Passing, Integer> balance = new HashMap<>();
        for (Grant grant : registry.grants()) {
            for (BudgetLine line : grant.budget()) {
                if (line instanceof BudgetLine.Transfer transfer) {
                    balance.merge(
                            Passing.of(grant, transfer),
                            Long.signum(transfer.gpuUs()),
                            Integer::sum);
                }
            }
        }
        for (Grant grant : registry.grants()) {
            for (BudgetLine line : grant.budget()) {
                if (line instanceof BudgetLine.Transfer transfer) {
                    transfer(grant, transfer, balance);
                }
            }
        }
    }

    private void transfer(Grant grant, BudgetLine.Transfer line, Map<Passing, Integer> balance) {
        if (line.otherGrant().equals(grant.id())) {
            fault(
                    line,
                    Set.of("grant"),
                    "name the other grant",
                    "grant '%s' transfers to itself".formatted(grant.id()));
        } else if (grants.get(line.otherGrant()) == null) {
            fault(
                    line,
                    Set.of("grant"),
                    meant(line.otherGrant(), grants.keySet(), "add it to grants"),
                    "a transfer with grant '%s', which does not exist"
                            .formatted(line.otherGrant()));
        } else if (line.gpuUs() != 0
                && balance.getOrDefault(Passing.of(grant, line), 0) * line.gpuUs() > 0) {
            faultBy(
                    grants.get(line.otherGrant()),
                    line,
                    TRANSFER,
                    "give grant '%s' a %s line of the same amount and date"
                            .formatted(
                                    line.otherGrant(),
                                    line.gpuUs() < 0 ? "transfer-in" : "transfer-out"),
                    "the transfer of %s between '%s' and '%s' does not net to zero"
                            .formatted(date(line.atMs()), grant.id(), line.otherGrant()));
        }
        if (line.gpuUs() == 0) {
            fault(line, AMOUNT, "leave it out", "a transfer of nothing");
        }
    }

    private record Account(String cluster, String account) {}

    private void mappings() {
        Map<Account, List<AccountMapping>> byAccount = new LinkedHashMap<>();
        for (AccountMapping mapping : registry.mappings()) {
            if (!grants.containsKey(mapping.grantId())) {
                fault(
                        mapping,
                        Set.of("grant"),
                        meant(mapping.grantId(), grants.keySet(), "add it to grants"),
                        "account '%s' is mapped to grant '%s', which does not exist"
                                .formatted(mapping.account(), mapping.grantId()));
            }
            cluster(mapping, mapping.cluster());
            if (mapping.effective().isEmpty()) {
                fault(
                        mapping,
                        SPAN,
                        "let it end later",
                        "the mapping of account '%s' is in force at no time"
                                .formatted(mapping.account()));
            }
            byAccount
                    .computeIfAbsent(
                            new Account(mapping.cluster(), mapping.account()),
                            a -> new ArrayList<>())
                    .add(mapping);
        }
        byAccount.values().forEach(this::contradictions);
    }

    private void contradictions(List<AccountMapping> ofAccount) {
        for (int i = 0; i < ofAccount.size(); i++) {
            for (int j = 0; j < i; j++) {
                AccountMapping a = ofAccount.get(j);
                AccountMapping b = ofAccount.get(i);
                Span both = a.effective().intersect(b.effective());
                if (a.specificity() == b.specificity()
                        && !both.isEmpty()
                        && a.meets(b)
                        && !settled(a, b, both, ofAccount)) {
                    fault(
                            b,
                            a,
                            MAPPED,
                            "end one where the other begins, or say which with one that names more",
                            "account '%s' of cluster '%s' has two mappings that fit the same usage %s, to grants '%s' and '%s'"
                                    .formatted(
                                            b.account(),
                                            b.cluster(),
                                            text(both),
                                            a.grantId(),
                                            b.grantId()));
                }
            }
        }
    }

    private static boolean settled(
            AccountMapping a, AccountMapping b, Span both, List<AccountMapping> ofAccount) {
        List<Span> settling = new ArrayList<>();
        for (AccountMapping c : ofAccount) {
            if (c.settles(a, b)) {
                settling.add(c.effective().intersect(both));
            }
        }
        return Span.union(settling).equals(List.of(both));
    }

    private void policies() {
        ChargePolicy last = null;
        for (ChargePolicy policy : registry.policies()) {
            if (policy.effective().isEmpty()) {
                fault(policy, SPAN, "let it end later", "a charge policy is in force at no time");
                weights(policy);
                continue;
            }
            if (last != null && last.effective().endMs() > policy.effective().startMs()) {
                fault(
                        policy,
                        last,
                        SPAN,
                        "end one where the other begins",
                        "two charge policies are in force %s"
                                .formatted(text(last.effective().intersect(policy.effective()))));
            }
            last = policy;
            weights(policy);
        }
    }

    private void weights(ChargePolicy policy) {
        List<WeightRule> before = new ArrayList<>();
        for (WeightRule rule : policy.weights()) {
            if (!rule.cluster().isEmpty()) {
                cluster(rule, rule.cluster());
            }
            Optional<WeightRule> hiding = before.stream().filter(b -> b.hides(rule)).findFirst();
            if (hiding.isPresent()) {
                faultBy(
                        hiding.get(),
                        rule,
                        WEIGHED,
                        "put it before the one that is for more",
                        "a weight is never used: the first that fits decides, and one before it fits all that it is for");
            }
            if (rule.bucket() != null && !policy.charges(rule.bucket())) {
                faultBy(
                        policy,
                        rule,
                        decidedBy(rule.bucket()),
                        "charge the bucket, or leave the weight out",
                        "a weight for %s, which its policy does not charge"
                                .formatted(rule.bucket()));
            }
            before.add(rule);
        }
    }

    /** By which keys a policy says that a bucket is not charged; most never are. */
    private static Set<String> decidedBy(Bucket bucket) {
        return switch (bucket) {
            case SUSPENDED -> Set.of("bucket", "suspended");
            case OVERHEAD -> Set.of("bucket", "overhead");
            case ALLOCATED, RESERVED, DOWN, IDLE, UNKNOWN -> Set.of("bucket");
        };
    }

    private void prices(PriceList list) {
        if (list.prices().isEmpty()) {
            fault(
                    list,
                    Set.of("prices"),
                    "add prices",
                    "price list '%s' has no price".formatted(list.name()));
        }
        for (int i = 0; i < list.prices().size(); i++) {
            Price price = list.prices().get(i);
            if (price.effective().isEmpty()) {
                fault(price, SPAN, "let it end later", "a price is in force at no time");
            }
            for (Price other : list.prices().subList(0, i)) {
                Span both = price.effective().intersect(other.effective());
                if (price.gpuModel().equals(other.gpuModel()) && !both.isEmpty()) {
                    fault(
                            price,
                            other,
                            Set.of("model", "from", "to"),
                            "end one where the other begins",
                            "price list '%s' has two prices of %s %s"
                                    .formatted(
                                            list.name(),
                                            price.gpuModel().isEmpty()
                                                    ? "all models"
                                                    : "model '" + price.gpuModel() + "'",
                                            text(both)));
                }
            }
        }
    }

    private void adjustments() {
        Map<String, Adjustment> byId = new HashMap<>();
        for (Adjustment adjustment : registry.adjustments()) {
            Adjustment before = byId.putIfAbsent(adjustment.id(), adjustment);
            if (before != null) {
                fault(
                        adjustment,
                        before,
                        Set.of("id"),
                        "give one of them another id",
                        "adjustment '%s' exists twice".formatted(adjustment.id()));
            }
            Grant grant = grants.get(adjustment.grantId());
            if (grant == null) {
                fault(
                        adjustment,
                        Set.of("grant"),
                        meant(adjustment.grantId(), grants.keySet(), "add it to grants"),
                        "adjustment '%s' is for grant '%s', which does not exist"
                                .formatted(adjustment.id(), adjustment.grantId()));
            } else {
                adjustment(adjustment, grant);
            }
            if (adjustment.gpuUs() == 0 && adjustment.money().signum() == 0) {
                fault(
                        adjustment,
                        AMOUNT,
                        "give GPU-hours or money other than 0",
                        "adjustment '%s' credits nothing".formatted(adjustment.id()));
            }
        }
    }

    private void adjustment(Adjustment adjustment, Grant grant) {
        if (adjustment.atMs() < grant.term().startMs()) {
            faultBy(
                    grant,
                    adjustment,
                    Set.of("at", "grant", "term"),
                    "move it into the term or after it",
                    "adjustment '%s' of %s lies before the term %s of grant '%s'"
                            .formatted(
                                    adjustment.id(),
                                    date(adjustment.atMs()),
                                    text(grant.term()),
                                    grant.id()));
        }
        if (adjustment.money().signum() != 0 && grant.priceList().isEmpty()) {
            faultBy(
                    grant,
                    adjustment,
                    Set.of("money", "grant", "price_list"),
                    "credit GPU-hours, or give the grant a price list",
                    "adjustment '%s' credits money to grant '%s', which pays none"
                            .formatted(adjustment.id(), grant.id()));
        }
    }

    /** Of one cluster and kind at most one is in force. */
    private void gridFactors() {
        List<GridFactor> before = new ArrayList<>();
        for (GridFactor factor : registry.gridFactors()) {
            if (!factor.cluster().isEmpty()) {
                cluster(factor, factor.cluster());
            }
            if (factor.effective().isEmpty()) {
                fault(factor, SPAN, "let it end later", "a grid factor is in force at no time");
            }
            for (GridFactor other : before) {
                Span both = factor.effective().intersect(other.effective());
                if (factor.cluster().equals(other.cluster())
                        && factor.isHourly() == other.isHourly()
                        && !both.isEmpty()) {
                    fault(
                            factor,
                            other,
                            Set.of("cluster", "from", "to", "hourly"),
                            "end one where the other begins",
                            "two grid factors are in force %s".formatted(text(both)));
                }
            }
            before.add(factor);
        }
    }

    private void cluster(Entry entry, String cluster) {
        if (!registry.clusters().contains(cluster)) {
            fault(
                    entry,
                    Set.of("cluster"),
                    meant(cluster, registry.clusters(), "add it to clusters"),
                    "cluster '%s' is not among clusters".formatted(cluster));
        }
    }

    private static String meant(String word, Collection<String> known, String otherwise) {
        return NearWord.of(word, known).map(w -> "did you mean '" + w + "'?").orElse(otherwise);
    }

    private static String text(Span span) {
        if (span.equals(Effective.ALWAYS)) {
            return "at all times";
        }
        if (span.startMs() == Effective.OPEN_START) {
            return "until " + date(span.endMs());
        }
        return span.endMs() == Span.OPEN_END
                ? "from " + date(span.startMs())
                : "from %s to %s".formatted(date(span.startMs()), date(span.endMs()));
    }

    private static String date(long instantMs) {
        return Instant.ofEpochMilli(instantMs).toString();
    }
}

package io.gpuledger.registry;

import io.gpuledger.core.registry.AccountMapping;
import io.gpuledger.core.registry.Adjustment;
import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.ChargePolicy;
import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.registry.Enforcement;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.GridFactor;
import io.gpuledger.core.registry.Price;
import io.gpuledger.core.registry.PriceList;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.registry.Thresholds;
import io.gpuledger.core.registry.WeightRule;
import io.gpuledger.core.time.Span;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** What one registry says otherwise than another, for people. */
public final class RegistryDiff {
    private static final DateTimeFormatter DATE =
            DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mmXXX", Locale.ROOT);

    private final ZoneId zone;

    private RegistryDiff(ZoneId zone) {
        this.zone = zone;
    }

    /** What became of an entry. */
    public enum Kind {
        ADDED('+'),
        REMOVED('-'),
        CHANGED('~');

        private final char sign;

        Kind(char sign) {
            this.sign = sign;
        }

        public char sign() {
            return sign;
        }
    }

    /**
     * One entry that differs.
     *
     * @param entry what it is, 'grant dcai-2026-001'
     * @param details what about it, one line each
     */
    public record Change(Kind kind, String entry, List<String> details) {}

    /** Changes in the order of the registry, dates in {@code zone}; none when both say the same. */
    public static List<Change> between(Registry before, Registry after, ZoneId zone) {
        RegistryDiff diff = new RegistryDiff(zone);
        Map<String, Map<String, String>> was = diff.entries(before);
        Map<String, Map<String, String>> is = diff.entries(after);
        Set<String> names = new LinkedHashSet<>(is.keySet());
        names.addAll(was.keySet());
        List<Change> changes = new ArrayList<>();
        for (String name : names) {
            Map<String, String> old = was.get(name);
            Map<String, String> now = is.get(name);
            if (old == null || now == null) {
                Map<String, String> only = old == null ? is.getOrDefault(name, Map.of()) : old;
                List<String> details = new ArrayList<>();
                only.forEach((key, value) -> details.add(key + ": " + value));
                changes.add(new Change(old == null ? Kind.ADDED : Kind.REMOVED, name, details));
            } else if (!old.equals(now)) {
                changes.add(new Change(Kind.CHANGED, name, details(old, now)));
            }
        }
        return changes;
    }

    private static List<String> details(Map<String, String> was, Map<String, String> is) {
        Set<String> keys = new LinkedHashSet<>(is.keySet());
        keys.addAll(was.keySet());
        List<String> details = new ArrayList<>();
        for (String key : keys) {
            String old = was.getOrDefault(key, absent(key));
            String now = is.getOrDefault(key, absent(key));
            if (!old.equals(now)) {
                details.add("%s: %s -> %s".formatted(key, old, now));
            }
        }
        return details;
    }

    /** What is left out of a grant is not nothing. */
    private static String absent(String key) {
        return switch (key) {
            case "thresholds" -> thresholds(Thresholds.STANDARD);
            case "enforcement" -> enforcement(Enforcement.STANDARD);
            default -> "none";
        };
    }

    private Map<String, Map<String, String>> entries(Registry registry) {
        Map<String, Map<String, String>> entries = new LinkedHashMap<>();
        registry.clusters().forEach(c -> entries.put("cluster " + c, Map.of()));
        registry.grants().forEach(g -> entries.put("grant " + g.id(), grant(g)));
        registry.mappings()
                .forEach(m -> put(entries, name(m), "grant", m.grantId() + text(m.effective())));
        for (ChargePolicy policy : registry.policies()) {
            entries.put("charge policy" + text(policy.effective()), policy(policy));
        }
        for (PriceList list : registry.priceLists()) {
            entries.put("price list " + list.name(), prices(list));
        }
        registry.adjustments().forEach(a -> entries.put("adjustment " + a.id(), adjustment(a)));
        for (GridFactor factor : registry.gridFactors()) {
            entries.put(
                    "grid factor"
                            + (factor.area().isEmpty() ? "" : " " + factor.area())
                            + (factor.cluster().isEmpty() ? "" : " of " + factor.cluster())
                            + text(factor.effective()),
                    Map.of("g/kWh", grams(factor)));
        }
        return entries;
    }

    private static String grams(GridFactor factor) {
        return factor.isHourly()
                ? "%d hours, %s on average"
                        .formatted(
                                factor.gramsPerKwh().size(),
                                factor.gramsPerKwh().stream()
                                        .reduce(BigDecimal.ZERO, BigDecimal::add)
                                        .divide(
                                                BigDecimal.valueOf(factor.gramsPerKwh().size()),
                                                6,
                                                RoundingMode.HALF_EVEN)
                                        .stripTrailingZeros()
                                        .toPlainString())
                : factor.gramsPerKwh().get(0).toPlainString();
    }

    /** An account that moves is one entry with both grants. */
    private static void put(
            Map<String, Map<String, String>> entries, String name, String key, String value) {
        Map<String, String> map = entries.computeIfAbsent(name, n -> new LinkedHashMap<>());
        map.merge(key, value, (a, b) -> a + ", then " + b);
    }

    private static String name(AccountMapping mapping) {
        StringBuilder name = new StringBuilder("account ");
        name.append(mapping.cluster()).append('/').append(mapping.account());
        name.append(mapping.user().isEmpty() ? "" : " user " + mapping.user());
        name.append(mapping.partition().isEmpty() ? "" : " partition " + mapping.partition());
        name.append(mapping.qos().isEmpty() ? "" : " QOS " + mapping.qos());
        return name.toString();
    }

    private Map<String, String> grant(Grant grant) {
        Map<String, String> map = new LinkedHashMap<>();
        map.put("kind", grant.kind().name().toLowerCase(Locale.ROOT));
        map.put("title", grant.title());
        map.put("PI", grant.pi());
        put(map, "institution", grant.institution());
        put(map, "funder", grant.funder());
        map.put("term", text(grant.term()).strip());
        for (BudgetLine line : grant.budget()) {
            String key = "budget " + RegistryText.kind(line).word() + " " + date(line.atMs());
            map.merge(key, line(line), (a, b) -> a + " and " + b);
        }
        put(map, "price list", grant.priceList());
        if (!grant.thresholds().equals(Thresholds.STANDARD)) {
            map.put("thresholds", thresholds(grant.thresholds()));
        }
        if (!grant.enforcement().equals(Enforcement.STANDARD)) {
            map.put("enforcement", enforcement(grant.enforcement()));
        }
        return map;
    }

    private String line(BudgetLine line) {
        String amount = hours(line.gpuUs()) + " GPU-hours";
        if (line instanceof BudgetLine.Transfer transfer) {
            amount += (line.gpuUs() < 0 ? " to " : " from ") + transfer.otherGrant();
        }
        if (line.expiresMs() != Span.OPEN_END) {
            amount += " until " + date(line.expiresMs());
        }
        return line.note().isEmpty() ? amount : amount + " (" + line.note() + ")";
    }

    private static String thresholds(Thresholds t) {
        return "warning %s %%, critical %s %%, hysteresis %s %%"
                .formatted(
                        parts(t.warningPpm(), RegistryReader.PERCENT),
                        parts(t.criticalPpm(), RegistryReader.PERCENT),
                        parts(t.hysteresisPpm(), RegistryReader.PERCENT));
    }

    private static String enforcement(Enforcement e) {
        return "warning %s, critical %s, exhausted %s, expired %s, grace %d s%s%s"
                .formatted(
                        e.onWarning(),
                        e.onCritical(),
                        e.onExhausted(),
                        e.onExpired(),
                        e.graceMs() / 1_000,
                        e.countsCommitted() ? ", committed counts" : "",
                        e.dryRun() ? ", dry run" : "")
                .toLowerCase(Locale.ROOT);
    }

    private static Map<String, String> policy(ChargePolicy policy) {
        Map<String, String> map = new LinkedHashMap<>();
        map.put("suspended", charged(policy.chargesSuspended()));
        map.put("overhead", charged(policy.chargesOverhead()));
        map.put("runs that ended NODE_FAIL", charged(policy.chargesNodeFail()));
        map.put("runs that ended BOOT_FAIL", charged(policy.chargesBootFail()));
        int number = 0;
        for (WeightRule rule : policy.weights()) {
            map.put("weight " + ++number, weight(rule));
        }
        return map;
    }

    private static String charged(boolean is) {
        return is ? "charged" : "not charged";
    }

    private static String weight(WeightRule rule) {
        List<String> of = new ArrayList<>();
        add(of, "cluster", rule.cluster());
        add(of, "model", rule.gpuModel());
        add(of, "partition", rule.partition());
        add(of, "QOS", rule.qos());
        add(of, "bucket", rule.bucket() == null ? "" : rule.bucket().name());
        return "%s for %s"
                .formatted(
                        parts(rule.weightMilli(), RegistryReader.MILLI),
                        of.isEmpty() ? "everything" : String.join(", ", of));
    }

    private static void add(List<String> of, String key, String name) {
        if (!name.isEmpty()) {
            of.add(key + " " + name);
        }
    }

    private Map<String, String> prices(PriceList list) {
        Map<String, String> map = new LinkedHashMap<>();
        for (Price price : list.prices()) {
            String model = price.gpuModel().isEmpty() ? "all models" : price.gpuModel();
            map.put(
                    model + text(price.effective()),
                    price.perGpuHour().toPlainString() + " " + list.currency());
        }
        return map;
    }

    private Map<String, String> adjustment(Adjustment adjustment) {
        Map<String, String> map = new LinkedHashMap<>();
        map.put("grant", adjustment.grantId());
        map.put("at", date(adjustment.atMs()));
        if (adjustment.gpuUs() != 0) {
            map.put("GPU-hours", hours(adjustment.gpuUs()));
        }
        if (adjustment.money().signum() != 0) {
            map.put("money", adjustment.money().toPlainString());
        }
        map.put("reason", adjustment.reason());
        map.put("author", adjustment.author());
        return map;
    }

    private static void put(Map<String, String> map, String key, String value) {
        if (!value.isEmpty()) {
            map.put(key, value);
        }
    }

    /** Exact where it is short, else rounded for the eye. */
    private static String hours(long gpuUs) {
        BigDecimal hours =
                BigDecimal.valueOf(gpuUs)
                        .divide(RegistryReader.GPU_HOUR, 6, RoundingMode.HALF_EVEN);
        return String.format(Locale.ROOT, "%,.1f", hours).replaceAll("\\.0$", "");
    }

    private static String parts(long parts, BigDecimal unit) {
        return RegistryReader.plain(BigDecimal.valueOf(parts).divide(unit)).toPlainString();
    }

    private String text(Span span) {
        if (span.equals(Effective.ALWAYS)) {
            return "";
        }
        if (span.startMs() == Effective.OPEN_START) {
            return " until " + date(span.endMs());
        }
        return span.endMs() == Span.OPEN_END
                ? " from " + date(span.startMs())
                : " from %s to %s".formatted(date(span.startMs()), date(span.endMs()));
    }

    private String date(long ms) {
        return DATE.format(Instant.ofEpochMilli(ms).atZone(zone));
    }
}

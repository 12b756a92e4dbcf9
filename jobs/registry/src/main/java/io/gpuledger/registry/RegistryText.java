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
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A registry as one canonical text: JSON of the same keys as the files, entries in canonical order,
 * dates in UTC, amounts in GPU microseconds. Registries that say the same have the same text.
 */
public final class RegistryText {
    private RegistryText() {}

    /** The canonical text. */
    public static String of(Registry registry) {
        Map<String, Object> root = new LinkedHashMap<>();
        put(root, "clusters", registry.clusters());
        put(root, "grants", registry.grants().stream().map(RegistryText::grant).toList());
        put(root, "accounts", registry.mappings().stream().map(RegistryText::mapping).toList());
        put(
                root,
                "charge_policies",
                registry.policies().stream().map(RegistryText::policy).toList());
        put(root, "price_lists", registry.priceLists().stream().map(RegistryText::prices).toList());
        put(
                root,
                "adjustments",
                registry.adjustments().stream().map(RegistryText::adjustment).toList());
        put(
                root,
                "grid_factors",
                registry.gridFactors().stream().map(RegistryText::gridFactor).toList());
        return new JsonText().of(root);
    }

    /** The canonical text of what decides charges: equal texts charge all usage equally. */
    public static String ofCharges(Registry registry) {
        return of(
                new Registry(
                        List.of(),
                        List.of(),
                        registry.mappings(),
                        registry.policies(),
                        List.of(),
                        List.of()));
    }

    /**
     * The registry that a canonical text says.
     *
     * @param name where the text is from, for messages
     * @throws RegistryException when it is none
     */
    public static Registry parse(String name, String text) throws RegistryException {
        RegistryReader reader = new RegistryReader();
        reader.read(name, text);
        return reader.registry();
    }

    /** SHA-256 of the canonical text, in hexadecimal. */
    public static String digest(String text) {
        try {
            return HexFormat.of()
                    .formatHex(
                            MessageDigest.getInstance("SHA-256")
                                    .digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    private static Map<String, Object> grant(Grant grant) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("id", grant.id());
        map.put("title", grant.title());
        map.put("pi", grant.pi());
        put(map, "institution", grant.institution());
        put(map, "funder", grant.funder());
        map.put("kind", grant.kind().name().toLowerCase(Locale.ROOT));
        Map<String, Object> term = new LinkedHashMap<>();
        effective(term, grant.term());
        map.put("term", term);
        put(map, "budget", grant.budget().stream().map(RegistryText::line).toList());
        put(map, "price_list", grant.priceList());
        Thresholds thresholds = grant.thresholds();
        Map<String, Object> shares = new LinkedHashMap<>();
        shares.put("warning", fraction(thresholds.warningPpm(), RegistryReader.PERCENT));
        shares.put("critical", fraction(thresholds.criticalPpm(), RegistryReader.PERCENT));
        shares.put("hysteresis", fraction(thresholds.hysteresisPpm(), RegistryReader.PERCENT));
        map.put("thresholds", shares);
        map.put("enforcement", enforcement(grant.enforcement()));
        return map;
    }

    private static Map<String, Object> enforcement(Enforcement enforcement) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("warning", word(enforcement.onWarning()));
        map.put("critical", word(enforcement.onCritical()));
        map.put("exhausted", word(enforcement.onExhausted()));
        map.put("expired", word(enforcement.onExpired()));
        map.put("grace", enforcement.graceMs() / 1_000 + "s");
        if (enforcement.countsCommitted()) {
            // Only then: the text of a registry that an earlier release applied stays the same.
            map.put("committed", true);
        }
        map.put("dry_run", enforcement.dryRun());
        return map;
    }

    private static Map<String, Object> line(BudgetLine line) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("kind", kind(line).word());
        if (line instanceof BudgetLine.Transfer transfer) {
            map.put("grant", transfer.otherGrant());
        }
        map.put("at", date(line.atMs()));
        boolean transfer = line instanceof BudgetLine.Transfer;
        map.put("gpu_us", transfer ? Math.abs(line.gpuUs()) : line.gpuUs());
        if (line.expiresMs() != Span.OPEN_END) {
            map.put("expires", date(line.expiresMs()));
        }
        put(map, "note", line.note());
        return map;
    }

    static RegistryReader.LineKind kind(BudgetLine line) {
        if (line instanceof BudgetLine.Funding funding) {
            return funding.initial()
                    ? RegistryReader.LineKind.INITIAL
                    : RegistryReader.LineKind.TOP_UP;
        }
        if (line instanceof BudgetLine.Transfer transfer) {
            return transfer.gpuUs() < 0
                    ? RegistryReader.LineKind.TRANSFER_OUT
                    : RegistryReader.LineKind.TRANSFER_IN;
        }
        return RegistryReader.LineKind.CORRECTION;
    }

    private static Map<String, Object> mapping(AccountMapping mapping) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("cluster", mapping.cluster());
        map.put("account", mapping.account());
        put(map, "user", mapping.user());
        put(map, "partition", mapping.partition());
        put(map, "qos", mapping.qos());
        map.put("grant", mapping.grantId());
        effective(map, mapping.effective());
        return map;
    }

    private static Map<String, Object> policy(ChargePolicy policy) {
        Map<String, Object> map = new LinkedHashMap<>();
        effective(map, policy.effective());
        map.put("suspended", policy.chargesSuspended());
        map.put("overhead", policy.chargesOverhead());
        map.put("node_fail", policy.chargesNodeFail());
        map.put("boot_fail", policy.chargesBootFail());
        put(map, "weights", policy.weights().stream().map(RegistryText::weight).toList());
        return map;
    }

    private static Map<String, Object> weight(WeightRule rule) {
        Map<String, Object> map = new LinkedHashMap<>();
        put(map, "cluster", rule.cluster());
        put(map, "model", rule.gpuModel());
        put(map, "partition", rule.partition());
        put(map, "qos", rule.qos());
        if (rule.bucket() != null) {
            map.put("bucket", word(rule.bucket()));
        }
        map.put("weight", fraction(rule.weightMilli(), RegistryReader.MILLI));
        return map;
    }

    private static Map<String, Object> prices(PriceList list) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("name", list.name());
        map.put("currency", list.currency());
        map.put("prices", list.prices().stream().map(RegistryText::price).toList());
        return map;
    }

    private static Map<String, Object> price(Price price) {
        Map<String, Object> map = new LinkedHashMap<>();
        put(map, "model", price.gpuModel());
        effective(map, price.effective());
        map.put("per_gpu_hour", price.perGpuHour());
        return map;
    }

    private static Map<String, Object> adjustment(Adjustment adjustment) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("id", adjustment.id());
        map.put("grant", adjustment.grantId());
        map.put("at", date(adjustment.atMs()));
        if (adjustment.gpuUs() != 0) {
            map.put("gpu_us", adjustment.gpuUs());
        }
        if (adjustment.money().signum() != 0) {
            map.put("money", adjustment.money());
        }
        map.put("reason", adjustment.reason());
        map.put("author", adjustment.author());
        return map;
    }

    private static Map<String, Object> gridFactor(GridFactor factor) {
        Map<String, Object> map = new LinkedHashMap<>();
        put(map, "cluster", factor.cluster());
        put(map, "area", factor.area());
        if (factor.isHourly()) {
            map.put("from", date(factor.effective().startMs()));
            map.put("hourly", factor.gramsPerKwh());
        } else {
            effective(map, factor.effective());
            map.put("g_per_kwh", factor.gramsPerKwh().get(0));
        }
        return map;
    }

    private static void effective(Map<String, Object> map, Span span) {
        if (span.startMs() != Effective.OPEN_START) {
            map.put("from", date(span.startMs()));
        }
        if (span.endMs() != Span.OPEN_END) {
            map.put("to", date(span.endMs()));
        }
    }

    private static void put(Map<String, Object> map, String key, String text) {
        if (!text.isEmpty()) {
            map.put(key, text);
        }
    }

    private static void put(Map<String, Object> map, String key, List<?> list) {
        if (!list.isEmpty()) {
            map.put(key, list);
        }
    }

    private static String word(Enum<?> word) {
        return word.name().toLowerCase(Locale.ROOT);
    }

    private static BigDecimal fraction(long parts, BigDecimal unit) {
        return RegistryReader.plain(BigDecimal.valueOf(parts).divide(unit));
    }

    private static String date(long instantMs) {
        return Instant.ofEpochMilli(instantMs).toString();
    }
}
